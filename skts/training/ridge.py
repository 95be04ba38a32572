"""Training of networks with fixed features and a ridge head, solved in one step."""

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn import config_context

from skts.device import out_of_memory_named, resolve_device, seeded, torch_defaults
from skts.input.validation import check_finite
from skts.layers import Reading
from skts.process import kept_memory
from skts.training.batches import Batches
from skts.training.train import made_net

#: Largest number of training series that the features are fitted on.
N_EXAMPLES = 512
#: Candidate strengths of the regularisation.
ALPHAS = [float(alpha) for alpha in np.logspace(-3, 6, 19)]
#: Natural logarithms of the smallest and the largest scale of the logits.
LOG_SCALES = (-10.0, 5.0)


@torch_defaults()
def train_by_ridge(options, network, data, *, make_net, seed, loss_weight):
    """Return the fitted skorch net around skts.layers.FixedFeatures, and its leave-one-out loss.

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
        Returns a skts.training.net.SeriesNet around the network.
    seed : int
    loss_weight : ndarray of shape (n,)
        Weight of each series in the returned loss.
    """
    device = resolve_device(options.device)
    with out_of_memory_named(), seeded(seed, device), kept_memory():
        net = made_net(options, make_net, network, device)
        training = data.dataset(device, options.memory_limit)
        net.module_.eval()
        examples, _ = next(iter(Batches(training, N_EXAMPLES, shuffle=True)))
        fixed, read = fixed_and_read(net, examples)
        fixed.learn(*read)
        features = features_of(net, training)
    check_finite(
        features,
        lambda i: data.values[data.chosen[i]],
        "the features of the network are not finite",
        remedy="Scale X",
    )
    weights = data.weight * (n_effective(data.weight) / data.weight.sum())
    mean = np.average(features, axis=0, weights=weights)
    scale = scale_of(features, mean, weights)
    features -= mean
    features /= scale
    weight, bias, loss = solved(
        features, data.target, weights, fixed.head.out_features, loss_weight
    )
    with torch.no_grad():
        for tensor, values in (
            (fixed.scaling.mean, mean),
            (fixed.scaling.scale, scale),
            (fixed.head.weight, weight),
            (fixed.head.bias, bias),
        ):
            tensor.copy_(torch.as_tensor(values))
    return net, loss


def n_effective(weight):
    """Return the effective sample size of weighted series (Kish)."""
    relative = weight / weight.max()
    return relative.sum() ** 2 / np.square(relative).sum()


def fixed_and_read(net, x):
    """Return the network of fixed features in the net, and its input for a batch."""
    module, inputs = net.module_, net.read_of(x)
    if isinstance(module, Reading):
        return module.network, module.read(**inputs)
    return module, (inputs["x"], inputs.get("lengths"))


def solved(features, target, weights, n_outputs, loss_weight):
    """Return weight and bias of the ridge regression, and its leave-one-out loss.

    For class indices, weight and bias give calibrated logits, and the loss is the log loss. For
    numbers, it is the mean squared error. `loss_weight` has the weights of the series in the loss.
    """
    from sklearn.linear_model import (
        RidgeCV,
    )  # slow: not in import skts

    is_classes = target.dtype.kind != "f"
    targets = 2.0 * np.eye(n_outputs)[target] - 1 if is_classes else target[:, None]

    ridge = RidgeCV(ALPHAS, scoring="neg_mean_squared_error", store_cv_results=True)
    with config_context(enable_metadata_routing=False):  # routing would need set_fit_request
        ridge.fit(features, targets, sample_weight=weights)
    weight, bias = np.atleast_2d(ridge.coef_), np.atleast_1d(ridge.intercept_)
    best = ALPHAS.index(ridge.alpha_)
    left_out = ridge.cv_results_.reshape(len(features), n_outputs, -1)[:, :, best]
    if not is_classes:
        return weight, bias, float(np.average((left_out[:, 0] - target) ** 2, weights=loss_weight))
    sharpness = calibrated_scale(left_out, target, weights)
    log_probabilities = log_softmax(sharpness * left_out, axis=1)
    loss = float(smoothed_log_loss(log_probabilities, target, loss_weight))
    return sharpness * weight, sharpness * bias, loss


@torch.no_grad()
def features_of(net, dataset):
    """Return the features of each series, float64 (n, n_features)."""

    def of_batch(x):
        fixed, read = fixed_and_read(net, x)
        return fixed.features(*read)

    found = [
        net.by_halves(of_batch, inputs).double().cpu()
        for inputs, _ in Batches(dataset, net.n_at_once(dataset), shuffle=False)
    ]
    return torch.cat(found).numpy()


def scale_of(features, mean, weights):
    """Return the divisor of each feature: its standard deviation plus (share of zeros)^4.

    As in Hydra's sparse scaling, this limits the influence of features that few series have.
    """
    deviation = np.sqrt(np.average(np.square(features - mean), axis=0, weights=weights))
    share_of_zeros = np.average(features == 0, axis=0, weights=weights)
    varies = deviation > 1e-6 * np.abs(mean) + 1e-9
    return np.where(varies, deviation + share_of_zeros**4, 1.0)


def calibrated_scale(decisions, target, weights):
    """Return the inverse temperature that minimises the log loss of leave-one-out decisions."""

    def loss(log_scale):
        log_probabilities = log_softmax(np.exp(log_scale) * decisions, axis=1)
        return smoothed_log_loss(log_probabilities, target, weights)

    return float(np.exp(minimize_scalar(loss, bounds=LOG_SCALES, method="bounded").x))


def smoothed_log_loss(log_probabilities, target, weights):
    """Return the weighted mean log loss for labels smoothed by 1 / (n + 1).

    With smoothing, no class gets a probability of 1, even without errors.
    """
    n, n_classes = log_probabilities.shape
    labels = (n * np.eye(n_classes)[target] + 1 / n_classes) / (n + 1)
    return -np.average((labels * log_probabilities).sum(axis=1), weights=weights)
