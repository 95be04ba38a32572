"""Attributions of the network's output to the values of a series, computed with captum."""

import warnings
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from torch import nn
from torch.nn import functional as F

from skts.base import SeriesEstimator
from skts.device import torch_defaults
from skts.explain.calls import (
    batches,
    chosen_columns,
    columns_of,
    output_scale,
    own_net,
)
from skts.extras import needs
from skts.input.validation import check_series
from skts.layers import padding_mask
from skts.params import integer, rule_of

#: Largest error of the sum of attributions, as a share of the sum of their absolute values [1]_.
TOLERANCE = 0.05

#: Additional absolute error that is allowed; outputs are of the order of 1.
ROUNDING = 1e-5


@torch_defaults()
def integrated_gradients(
    estimator: SeriesEstimator,
    X: ArrayLike,
    classes: ArrayLike | None = None,
    *,
    baseline: Literal["zero", "mean"] | ArrayLike = "zero",
    n_steps: int = 50,
) -> np.ndarray | Any:
    """Attribute the output to the values of a series with integrated gradients [1]_.

    The gradient is averaged along the straight line from the baseline to the series, and multiplied
    by their difference. The attributions of a series sum to the output for the series minus the
    output for the baseline.

    Attributions refer to the series after ``normalize="series"`` and with missing values filled.
    Gradients are always computed in float32, for at most `batch_size` series at a time.

    Parameters
    ----------
    estimator : classifier or regressor of skts
        Fitted. Of an ensemble, pass one of ``estimators_``; of an adapter, pass ``estimator_``.
    X : as in `fit`
    classes : label, array-like of n labels, or None, default=None
        Class whose logit is explained. None: the predicted class. Regressors only accept None;
        their attributions have the unit of the target.
    baseline : {"zero", "mean"} or array-like, default="zero"
        Series without information: zeros, usual for normalised series [2]_; "mean", the mean of
        each channel over the series; or numbers that broadcast to (n, C, T), such as the mean
        training series as the network reads it.
    n_steps : int, default=50
        Number of points on the line at which gradients are computed.

    Returns
    -------
    ndarray of shape (n, C, T), or list of n arrays (C, T_i), float64
        Positive values are evidence for the class, or raise the prediction. A list if the series
        differ in length.

    Raises
    ------
    NotFittedError
        Before `fit`.
    TypeError
        If `estimator` is not a single estimator of skts.
    ValueError
        If an option is not as described, a label is unknown, `X` is not as in `fit`, or the
        network has no gradient with respect to the series.
    ModuleNotFoundError
        If captum is not installed; the extra ``explain`` installs it.

    Warns
    -----
    ConvergenceWarning
        If `n_steps` is too small for the sum to be exact.

    References
    ----------
    .. [1] M. Sundararajan, A. Taly, Q. Yan (2017). Axiomatic attribution for deep networks. ICML,
       3319-3328.
    .. [2] A. A. Ismail, M. Gunady, H. Corrada Bravo, S. Feizi (2020). Benchmarking deep learning
       interpretability in time series predictions. NeurIPS 33.

    Examples
    --------
    >>> from skts import FCNClassifier
    >>> from skts.datasets import load_ucr
    >>> from skts.explain import integrated_gradients
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = FCNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> integrated_gradients(clf, X[:5]).shape
    (5, 1, 24)
    """
    if isinstance(estimator, SeriesEstimator) and estimator._no_gradient:
        raise ValueError(
            f"integrated_gradients needs a differentiable network: {type(estimator).__name__} "
            f"{estimator._no_gradient}. Use occlusion."
        )
    _check_option("n_steps", n_steps, integer(1))
    missed = []

    def attribute(attr, forward, x, **arguments):
        found, error = attr.IntegratedGradients(forward).attribute(
            x,
            n_steps=n_steps,
            internal_batch_size=estimator.net_.batch_size,
            return_convergence_delta=True,
            **arguments,
        )
        allowed = TOLERANCE * found.abs().sum(dim=(1, 2)) + ROUNDING
        missed.extend((error.abs() > allowed).tolist())
        return found

    attributions = _attributions(estimator, X, classes, baseline, attribute)
    if any(missed):
        warnings.warn(
            f"n_steps={n_steps} is too small for {sum(missed)} of {len(missed)} series: the sum of "
            f"their attributions misses the change of the output by more than {TOLERANCE:.0%}. "
            "Raise n_steps.",
            ConvergenceWarning,
            stacklevel=3,
        )
    return attributions


@torch_defaults()
def occlusion(
    estimator: SeriesEstimator,
    X: ArrayLike,
    classes: ArrayLike | None = None,
    *,
    window: int | None = None,
    stride: int | None = None,
    baseline: Literal["zero", "mean"] | ArrayLike = "zero",
) -> np.ndarray | Any:
    """Measure how much the output drops if a window of one channel is covered [1]_.

    A window slides along each channel, from the first to the last time point, and is replaced by
    the baseline. The attribution of a value is the average drop over the windows that cover it.
    Attributions refer to the same series, and are computed in the same way, as in
    integrated_gradients.

    Parameters
    ----------
    estimator, X, classes, baseline
        As in integrated_gradients.
    window : int or None, default=None
        Length of the window in time points. None: a tenth of the longest training series.
    stride : int or None, default=None
        Step of the window in time points, at most `window`. None: half of it.

    Returns
    -------
    ndarray of shape (n, C, T), or list of n arrays (C, T_i), float64
        As in integrated_gradients, but their sum has no meaning.

    Raises
    ------
    NotFittedError, TypeError, ValueError, ModuleNotFoundError
        As in integrated_gradients.

    References
    ----------
    .. [1] M. D. Zeiler, R. Fergus (2014). Visualizing and understanding convolutional networks.
       ECCV, 818-833.

    Examples
    --------
    >>> from skts import FCNClassifier
    >>> from skts.datasets import load_ucr
    >>> from skts.explain import occlusion
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = FCNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> occlusion(clf, X[:5], window=4).shape
    (5, 1, 24)
    """
    for name, value in [("window", window), ("stride", stride)]:
        _check_option(name, value, rule_of(int | None, integer(1)))

    def attribute(attr, forward, x, baselines, **arguments):
        n_times = x.shape[2]
        width, step = _window(estimator, window, stride, n_times)
        # padding, because the last window may end beyond the series
        beyond = (0, (n_times - 1) // step * step + width - n_times)

        def forward_within(x, lengths=None):
            return forward(x[:, :, :n_times], lengths)

        found = attr.Occlusion(forward_within).attribute(
            F.pad(x, beyond),
            baselines=F.pad(baselines, beyond),
            sliding_window_shapes=(1, width),
            strides=(1, step),
            perturbations_per_eval=max(1, estimator.net_.batch_size // len(x)),
            **arguments,
        )
        return found[:, :, :n_times]

    return _attributions(estimator, X, classes, baseline, attribute)


def _attributions(estimator, X, classes, baseline, attribute):
    """Return the results of `attribute` for all batches, without padding."""
    with needs("explain", "an attribution"):
        from captum import attr
    net = own_net(estimator)
    values, lengths = check_series(estimator, X, reset=False)
    columns = chosen_columns(estimator, classes, len(values))
    starts = _starts(baseline, values, lengths)
    network = _differentiable(net.module_)
    found = []
    for inputs, rows in batches(net, values, lengths):
        x, of_each = inputs["x"], inputs.get("lengths")
        with torch.no_grad():
            target = columns_of(net.infer(inputs), columns, rows)
        start = torch.as_tensor(np.array(starts[rows]), device=x.device)
        if of_each is not None:
            start = start * padding_mask(of_each, x.shape[2])
        of_batch = attribute(
            attr, network, x, baselines=start, target=target, additional_forward_args=of_each
        )
        found.append(output_scale(estimator) * of_batch.double().cpu().numpy())
    attributions = np.concatenate(found)
    if lengths is None:
        return attributions
    return [of_one[:, :n_times] for of_one, n_times in zip(attributions, lengths, strict=True)]


def _differentiable(network):
    """Prepare a copied network for gradients with respect to its input."""
    network.requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.RNNBase):
            module.dropout = 0.0
            module.train()  # cuDNN has no gradient of recurrent layers in evaluation
    return network


def _check_option(name, value, rule):
    if not rule.accepts(value):
        raise ValueError(f"{name} must be {rule.text}, got {value!r}")


def _window(estimator, window, stride, n_times):
    """Return the length and the step of the window for series of `n_times`."""
    if window is None:
        window = min(max(1, estimator.n_timepoints_in_ // 10), n_times)
    if window > n_times:
        raise ValueError(
            f"window must be at most {n_times}, the length of the series, got {window}"
        )
    if stride is None:
        stride = max(1, window // 2)
    if stride > window:
        raise ValueError(
            f"stride must be at most window={window} to cover all values, got {stride}"
        )
    return window, stride


def _starts(baseline, values, lengths):
    """Return the baseline of each series, in the shape of `values`."""
    if isinstance(baseline, str) and baseline == "zero":
        start = np.float32(0)
    elif isinstance(baseline, str) and baseline == "mean":
        n_times = values.shape[2] if lengths is None else lengths[:, None]
        start = (values.sum(axis=2, dtype=np.float64) / n_times)[:, :, None]  # (n, C, 1)
    else:
        start = _given_baseline(baseline, values)
    return np.broadcast_to(start.astype(np.float32), values.shape)


def _given_baseline(baseline, values):
    try:
        start = np.asarray(baseline, dtype=np.float64)
        np.broadcast_to(start, values.shape)
    except (TypeError, ValueError) as error:
        raise ValueError(_not_a_baseline(baseline, values)) from error
    if not np.isfinite(start).all():
        raise ValueError(_not_a_baseline(baseline, values))
    return start


def _not_a_baseline(baseline, values):
    got = repr(baseline) if isinstance(baseline, str) else f"shape {np.shape(baseline)}"
    return (
        "baseline must be 'zero', 'mean' or finite numbers that broadcast to (n, C, T) = "
        f"{values.shape}, got {got}"
    )
