"""A network of fixed features whose linear head is a ridge regression, solved in one step."""

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.linear_model import RidgeCV

from skts.device import out_of_memory_named, resolve_device, seeded, torch_defaults
from skts.process import kept_memory
from skts.training.batches import Batches
from skts.training.train import made_net

#: Of how many series, at most, a network learns what is not random.
N_EXAMPLES = 512
#: Strengths of the regularisation that are tried.
ALPHAS = [float(alpha) for alpha in np.logspace(-3, 3, 13)]
#: Where the scale of the logits is looked for, as powers of e.
LOG_SCALES = (-10.0, 5.0)


@torch_defaults()
def train_by_ridge(options, network, data, *, make_net, seed):
    """The fitted skorch net around a network with ``features``, ``learn`` and a linear ``head``.

    The strength of the regularisation is the one of the least squared error on series left out one
    at a time (Golub, Heath and Wahba, 1979). Predictions of series left out also give the scale of
    a classifier's logits, by which its probabilities are calibrated (Guo et al., 2017).

    Parameters
    ----------
    options : NetworkParams
    network : callable
        Makes the untrained torch module.
    data : TrainingData
        Targets are class indices or float32 numbers.
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
        net.module_.learn(**_read(examples, device))
        features = features_of(net, training)
    weight_of_series = data.weight / data.weight.mean()
    is_classes = data.target.dtype.kind != "f"
    n_outputs = net.module_.head.out_features
    targets = 2.0 * np.eye(n_outputs)[data.target] - 1 if is_classes else data.target[:, None]
    mean = np.average(features, axis=0, weights=weight_of_series)
    scale = scale_of(features, mean, weight_of_series)
    features = (features - mean) / scale
    ridge = RidgeCV(ALPHAS, scoring="neg_mean_squared_error", store_cv_results=True).fit(
        features, targets, sample_weight=weight_of_series
    )
    weight, bias = np.atleast_2d(ridge.coef_), np.atleast_1d(ridge.intercept_)
    if is_classes:
        best = ALPHAS.index(ridge.alpha_)
        left_out = ridge.cv_results_.reshape(len(features), n_outputs, -1)[:, :, best]
        sharpness = calibrated_scale(left_out, data.target, weight_of_series)
        weight, bias = sharpness * weight, sharpness * bias
    weight = weight / scale
    with torch.no_grad():
        head = net.module_.head
        head.weight.copy_(torch.as_tensor(weight))
        head.bias.copy_(torch.as_tensor(bias - weight @ mean))
    return net


@torch.no_grad()
def features_of(net, dataset):
    """What the linear head reads of each series, float64 (n, n_features)."""
    found = []
    for inputs, _ in Batches(dataset, net.n_at_once(dataset), shuffle=False):
        features = net.module_.features(**_read(inputs, net.device))
        found.append(features.double().cpu().numpy())
    return np.concatenate(found)


def _read(inputs, device):
    """What the module reads of a batch."""
    return {name: inputs[name].to(device) for name in ("x", "lengths") if name in inputs}


def scale_of(features, mean, weights):
    """By what features are divided: the standard deviation, and more for those mostly zero.

    As in Hydra's sparse scaling: a feature that few series have would else count too much.
    """
    deviation = np.sqrt(np.average((features - mean) ** 2, axis=0, weights=weights))
    share_of_zeros = np.average(features == 0, axis=0, weights=weights)
    return np.where(deviation > 1e-9, deviation + share_of_zeros**4, 1.0)


def calibrated_scale(decisions, target, weight):
    """By what decisions are multiplied to be logits: the likelihood of the series is greatest.

    Labels are smoothed as Platt (1999) does it, so that classes which are told apart without an
    error get no probability of 1.
    """
    n, n_classes = decisions.shape
    labels = (n * np.eye(n_classes)[target] + 1 / n_classes) / (n + 1)

    def loss(log_scale):
        log_probabilities = log_softmax(np.exp(log_scale) * decisions, axis=1)
        return -np.average((labels * log_probabilities).sum(axis=1), weights=weight)

    return float(np.exp(minimize_scalar(loss, bounds=LOG_SCALES, method="bounded").x))
