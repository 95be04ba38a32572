"""A network of fixed features whose linear head is a ridge regression, solved in one step."""

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from skts.device import out_of_memory_named, resolve_device, seeded, torch_defaults
from skts.input.validation import check_finite
from skts.process import kept_memory
from skts.training.batches import Batches
from skts.training.train import made_net

#: Training series that a network learns from, at most.
N_EXAMPLES = 512
#: Strengths of the regularisation that are tried.
ALPHAS = [float(alpha) for alpha in np.logspace(-3, 6, 19)]
#: Where the scale of the logits is looked for, as powers of e.
LOG_SCALES = (-10.0, 5.0)


@torch_defaults()
def train_by_ridge(options, network, data, *, make_net, seed):
    """The fitted skorch net around a network of fixed features.

    The network has the methods ``features`` and ``learn``, a module ``scaling`` that brings the
    features to one scale, and a linear ``head``.

    The ridge penalty minimises the leave-one-out squared error (Golub, Heath and Wahba, 1979). The
    probabilities of a classifier are calibrated by temperature scaling (Guo et al., 2017) on the
    leave-one-out predictions.

    Parameters
    ----------
    options : NetworkParams
    network : callable
        Makes the untrained torch module.
    data : TrainingData
        Each series once, with a weight above 0; targets are class indices or float32 numbers.
    make_net : callable
        Puts a skts.training.net.SeriesNet around the network.
    seed : int
    """
    device = resolve_device(options.device)
    with out_of_memory_named(), seeded(seed, device), kept_memory():
        net = made_net(options, make_net, network, device)
        training = data.dataset(device, options.memory_limit)
        net.module_.eval()
        examples, _ = next(iter(Batches(training, N_EXAMPLES, shuffle=True)))
        net.module_.learn(**net.read_of(examples))
        features = features_of(net, training)
    check_finite(
        features,
        lambda i: data.values[data.chosen[i]],
        "the network has no finite features",
        remedy="Scale X",
    )
    # the weights sum to Kish's effective sample size
    weights = data.weight * (data.weight.sum() / np.square(data.weight).sum())
    mean = np.average(features, axis=0, weights=weights)
    scale = scale_of(features, mean, weights)
    features -= mean
    features /= scale
    weight, bias = solved(features, data.target, weights, net.module_.head.out_features)
    with torch.no_grad():
        module = net.module_
        for tensor, values in (
            (module.scaling.mean, mean),
            (module.scaling.scale, scale),
            (module.head.weight, weight),
            (module.head.bias, bias),
        ):
            tensor.copy_(torch.as_tensor(values))
    return net


def solved(features, target, weights, n_outputs):
    """Weight and bias of the ridge regression; of class indices those of calibrated logits."""
    from sklearn.linear_model import RidgeCV  # heavy, and import skts would wait for it

    is_classes = target.dtype.kind != "f"
    targets = 2.0 * np.eye(n_outputs)[target] - 1 if is_classes else target[:, None]

    ridge = RidgeCV(ALPHAS, scoring="neg_mean_squared_error", store_cv_results=True)
    ridge.fit(features, targets, sample_weight=weights)
    weight, bias = np.atleast_2d(ridge.coef_), np.atleast_1d(ridge.intercept_)
    if not is_classes:
        return weight, bias
    best = ALPHAS.index(ridge.alpha_)
    left_out = ridge.cv_results_.reshape(len(features), n_outputs, -1)[:, :, best]
    sharpness = calibrated_scale(left_out, target, weights)
    return sharpness * weight, sharpness * bias


@torch.no_grad()
def features_of(net, dataset):
    """The features of each series, float64 (n, n_features)."""
    found = [
        net.by_halves(lambda x: net.module_.features(**net.read_of(x)), inputs).double().cpu()
        for inputs, _ in Batches(dataset, net.n_at_once(dataset), shuffle=False)
    ]
    return torch.cat(found).numpy()


def scale_of(features, mean, weights):
    """The divisor of each feature: its standard deviation plus (share of zeros)^4.

    As in Hydra's sparse scaling: a feature that few series have would count too much otherwise.
    """
    deviation = np.sqrt(np.average(np.square(features - mean), axis=0, weights=weights))
    share_of_zeros = np.average(features == 0, axis=0, weights=weights)
    varies = deviation > 1e-6 * np.abs(mean) + 1e-9
    return np.where(varies, deviation + share_of_zeros**4, 1.0)


def calibrated_scale(decisions, target, weights):
    """The inverse temperature that maximises the likelihood of leave-one-out decisions.

    Labels are smoothed by 1 / (n + 1), so that classes without an error get no probability of 1.
    """
    n, n_classes = decisions.shape
    labels = (n * np.eye(n_classes)[target] + 1 / n_classes) / (n + 1)

    def loss(log_scale):
        log_probabilities = log_softmax(np.exp(log_scale) * decisions, axis=1)
        return -np.average((labels * log_probabilities).sum(axis=1), weights=weights)

    return float(np.exp(minimize_scalar(loss, bounds=LOG_SCALES, method="bounded").x))
