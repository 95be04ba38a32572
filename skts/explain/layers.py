"""Filters and attention weights of a fitted network, their outputs, and their time points."""

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from skts.base import SeriesEstimator
from skts.device import torch_defaults
from skts.explain.calls import batches, calls_of, check_single, own_net
from skts.explain.times import step_times
from skts.input.validation import check_series
from skts.layers import SameConv, SelfAttention, masked_weights, padding_mask
from skts.models.alstm import CausalAttention
from skts.models.lstmfcn import AttentionCells
from skts.params import integer

CONVOLUTION = (SameConv, nn.Conv1d)
ATTENTION = (SelfAttention, AttentionCells, CausalAttention)


def convolution_filters(estimator: SeriesEstimator, block: int = 0) -> np.ndarray:
    """Return the weights of the filters of a convolution.

    Parameters
    ----------
    estimator : classifier or regressor of skts
        Fitted, with convolutions.
    block : int, default=0
        Index of the convolution, counted from the input.

    Returns
    -------
    ndarray of shape (n_filters, C_in, kernel_size)

    Raises
    ------
    NotFittedError, TypeError
        As in class_activation_maps.
    ValueError
        If the network has no such convolution.

    Examples
    --------
    >>> from skts import FCNClassifier
    >>> from skts.datasets import load_ucr
    >>> from skts.explain import convolution_filters
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = FCNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> convolution_filters(clf).shape
    (128, 1, 8)
    """
    check_single(estimator)
    convolution = _convolution(estimator, estimator.net_, block)
    return convolution.weight.detach().float().cpu().numpy()


@torch_defaults()
def filter_outputs(estimator: SeriesEstimator, X: ArrayLike, block: int = 0) -> np.ndarray:
    """Return the output of a convolution's filters, before normalisation and rectifier [1]_.

    Parameters
    ----------
    estimator, block
        As in convolution_filters.
    X : as in `fit`

    Returns
    -------
    ndarray of shape (n, n_filters, T_out)
        If series differ in length, `T_out` is that of the longest series; values beyond the end of
        a shorter one have no meaning. filter_times returns the time point of each output.

    Raises
    ------
    NotFittedError, TypeError, ValueError
        As in convolution_filters, and if `X` is not as in `fit`.

    References
    ----------
    .. [1] F. Karim, S. Majumdar, H. Darabi, S. Chen (2018). LSTM fully convolutional networks for
       time series classification. IEEE Access 6, 1662-1669.

    Examples
    --------
    >>> from skts import FCNClassifier
    >>> from skts.datasets import load_ucr
    >>> from skts.explain import filter_outputs
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = FCNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> filter_outputs(clf, X[:3], block=1).shape
    (3, 256, 24)
    """
    net = own_net(estimator)
    convolution = _convolution(estimator, net, block)
    found = [
        outputs[: len(inputs["x"])].float().cpu().numpy()
        for inputs, _, outputs in calls_of(estimator, net, X, convolution)
    ]
    return np.concatenate(found)


@torch_defaults()
def filter_times(estimator: SeriesEstimator, X: ArrayLike, block: int = 0) -> np.ndarray:
    """Return the time points of the outputs of a convolution.

    An output reads several time points of the series, through this convolution and the layers
    before it. Its position is the middle of these time points. The position can be between two time
    points: an even kernel with as many outputs as inputs reads one more time point after it than
    before it. If paths through the network join, as after residual blocks, the time points of all
    paths count.

    Parameters
    ----------
    estimator, X, block
        As in filter_outputs.

    Returns
    -------
    ndarray of shape (T_out,)
        Counted from 0, the same for all series.

    Raises
    ------
    NotFittedError, TypeError
        As in filter_outputs.
    ValueError
        As in filter_outputs. Also if a layer of your own network does not state how it changes the
        time axis; the message names the layer.

    Examples
    --------
    >>> from skts import ConvLSTMClassifier
    >>> from skts.datasets import load_ucr
    >>> from skts.explain import filter_outputs, filter_times
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")  # 24 time points
    >>> clf = ConvLSTMClassifier(kernel_sizes=(15,), max_epochs=1, random_state=0).fit(X, y)
    >>> filter_outputs(clf, X[:3]).shape
    (3, 32, 10)
    >>> filter_times(clf, X[:3])
    array([ 7.,  8.,  9., 10., 11., 12., 13., 14., 15., 16.])
    """
    net = own_net(estimator)
    convolution = _convolution(estimator, net, block)
    return step_times(net, convolution, _first_inputs(estimator, net, X))


@torch_defaults()
def attention_weights(estimator: SeriesEstimator, X: ArrayLike, layer: int = 0) -> np.ndarray:
    """Return the attention weights between the steps of a sequence.

    Parameters
    ----------
    estimator : classifier or regressor of skts
        Fitted, with attention: ALSTM-FCN and MALSTM-FCN ("additive" [1]_ or "multihead"), ALSTM and
        its combinations, SELSTMFCN, CNN and LSTM with `attention`.
    X : as in `fit`
    layer : int, default=0
        Index of the attention layer, counted from the input.

    Returns
    -------
    ndarray of shape (n, n_heads, S, S), float64
        Row s holds the weights of step s, which sum to 1. With ``dimension_shuffle=True``, steps
        are channels; a univariate series has one step with weight 1. Otherwise, steps are time
        points, possibly after max-pooling; attention_times returns their positions. Rows beyond
        the end of a shorter series are NaN. For many long series, average_attention needs less
        memory.

    Raises
    ------
    NotFittedError, TypeError
        As in class_activation_maps.
    ValueError
        If the network has no such layer, or `X` is not as in `fit`.

    References
    ----------
    .. [1] F. Karim, S. Majumdar, H. Darabi, S. Chen (2018). LSTM fully convolutional networks for
       time series classification. IEEE Access 6, 1662-1669.

    Examples
    --------
    >>> from skts import ALSTMClassifier
    >>> from skts.datasets import load_ucr
    >>> from skts.explain import attention_weights
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = ALSTMClassifier(max_epochs=1, n_heads=2, random_state=0).fit(X, y)
    >>> attention_weights(clf, X[:5]).shape
    (5, 2, 24, 24)
    """
    return np.concatenate([weights.numpy() for weights, _ in _attention(estimator, X, layer)])


@torch_defaults()
def attention_context(estimator: SeriesEstimator, X: ArrayLike, layer: int = 0) -> np.ndarray:
    """Return the attention context of each step of a sequence.

    The context is the average of the layer's inputs, weighted by the attention weights. In
    additive attention these are the inputs themselves, and the context enters the gates beside the
    input of the step [1]_. In other attention these are the values of a head.

    Parameters
    ----------
    estimator, X, layer
        As in attention_weights.

    Returns
    -------
    ndarray of shape (n, n_heads, S, size), float64
        `size` is the size of the inputs in additive attention, and of a head otherwise. Rows beyond
        the end of a shorter series are NaN. Average over the series of a class to get the context
        of the class.

    Raises
    ------
    NotFittedError, TypeError, ValueError
        As in attention_weights.

    References
    ----------
    .. [1] F. Karim, S. Majumdar, H. Darabi, S. Chen (2018). LSTM fully convolutional networks for
       time series classification. IEEE Access 6, 1662-1669.

    Examples
    --------
    >>> from skts import ALSTMClassifier
    >>> from skts.datasets import load_ucr
    >>> from skts.explain import attention_context
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = ALSTMClassifier(max_epochs=1, n_heads=2, n_cells=8, random_state=0).fit(X, y)
    >>> attention_context(clf, X[:5]).shape
    (5, 2, 24, 8)
    """
    attended = _attention(estimator, X, layer)
    return np.concatenate([(weights @ values).numpy() for weights, values in attended])


@torch_defaults()
def average_attention(estimator: SeriesEstimator, X: ArrayLike, layer: int = 0) -> np.ndarray:
    """Return the attention weights averaged over series, without steps beyond the end of a series.

    Only one batch at a time is in memory.

    Parameters
    ----------
    estimator, X, layer
        As in attention_weights.

    Returns
    -------
    ndarray of shape (n_heads, S, S), float64

    Raises
    ------
    NotFittedError, TypeError, ValueError
        As in attention_weights.

    Examples
    --------
    >>> from skts import ALSTMClassifier
    >>> from skts.datasets import load_ucr
    >>> from skts.explain import average_attention
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = ALSTMClassifier(max_epochs=1, n_heads=2, random_state=0).fit(X, y)
    >>> average_attention(clf, X[y == "1"]).shape
    (2, 24, 24)
    """
    total = n_series = np.zeros(())
    for weights, _ in _attention(estimator, X, layer):
        total = total + weights.nansum(dim=0).numpy()
        n_series = n_series + weights.isfinite().sum(dim=0).numpy()
    return total / n_series


@torch_defaults()
def attention_times(estimator: SeriesEstimator, X: ArrayLike, layer: int = 0) -> np.ndarray | None:
    """Return the time points of the steps of an attention layer.

    Parameters
    ----------
    estimator, X, layer
        As in attention_weights.

    Returns
    -------
    ndarray of shape (S,), or None
        Counted from 0, the same for all series. After convolutions and max-pooling, a step is at
        the middle of the time points that it reads, as in filter_times. None if the steps are
        channels.

    Raises
    ------
    NotFittedError, TypeError
        As in attention_weights.
    ValueError
        As in attention_weights. Also if a layer of your own network does not state how it changes
        the time axis; the message names the layer.

    Examples
    --------
    >>> from skts import CNNClassifier
    >>> from skts.datasets import load_ucr
    >>> from skts.explain import attention_times
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")  # 24 time points
    >>> clf = CNNClassifier(attention="after", kernel_sizes=(3, 3), max_epochs=1).fit(X, y)
    >>> attention_times(clf, X[:5])
    array([ 1.5,  5.5,  9.5, 13.5, 17.5, 21.5])
    """
    net = own_net(estimator)
    attention = _attention_layer(estimator, net, layer)
    if attention.over_channels:
        return None
    return step_times(net, attention, _first_inputs(estimator, net, X), read=True, axis=1)


def _first_inputs(estimator, net, X):
    """Return the inputs of the network for the first batch of series."""
    inputs, _ = next(batches(net, *check_series(estimator, X, reset=False)))
    return inputs


def _attention(estimator, X, layer):
    """Yield the attention weights of each batch and the values they average, float64 tensors."""
    net = own_net(estimator)
    attention = _attention_layer(estimator, net, layer)
    for inputs, arguments, _ in calls_of(estimator, net, X, attention):
        n = len(inputs["x"])
        with torch.no_grad():
            weights = attention.weights(*arguments).double()[:n]
            values = attention.values(*arguments).double()[:n]
        if isinstance(attention, CausalAttention) and "lengths" in inputs:
            weights = masked_weights(weights, padding_mask(inputs["lengths"], weights.shape[2]))
        yield weights.cpu(), values.cpu()


def _convolution(estimator, net, block):
    return _layer_of(estimator, net, CONVOLUTION, block, "convolutions", "block")


def _attention_layer(estimator, net, layer):
    return _layer_of(estimator, net, ATTENTION, layer, "attention layers", "layer")


def _layer_of(estimator, net, kinds, number, what, name):
    """Return the module with this number among those of these kinds, in the network's order."""
    found = [m for m in net.module_.modules() if isinstance(m, kinds)]
    if not found:
        raise ValueError(f"this {type(estimator).__name__} has no {what}")
    if not integer(0, len(found) - 1).accepts(number):
        raise ValueError(
            f"{name} must be one of the {len(found)} {what} of this {type(estimator).__name__}, "
            f"counted from 0, got {number}"
        )
    return found[number]
