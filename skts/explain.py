"""What a fitted network looks at, in numbers; skts.plotting draws them."""

import numpy as np
import torch
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skts._tensors import SeriesDataset, padding_mask
from skts._validation import check_series
from skts.base import SeriesEstimator
from skts.layers import AverageOverTime, SameConv, SelfAttention, only_of
from skts.models.alstm import CausalAttention
from skts.models.lstmfcn import AttentionCells

CONVOLUTION = (SameConv, nn.Conv1d)
ATTENTION = (SelfAttention, AttentionCells, CausalAttention)


def class_activation_maps(estimator, X, classes=None):
    """How much each time point speaks for a class [1]_, [2]_.

    The feature maps ahead of the global average are summed with the weight that each one's average
    has for the class: the gradient of the class's logit, which is the output layer's own weight
    where that comes next. Then the mean over time of a map, plus what the rest of the linear layer
    gives, is the logit. Maps of fewer points than the series, after max-pooling, are interpolated;
    the last time points, which pooling may leave out, have the value before them.

    Parameters
    ----------
    estimator : classifier or regressor of skts
        Fitted, with a global average over time: FCN, the LSTM-FCN family, SELSTMFCN, and CNN and
        LSTM with ``pooling="average"``. Of an ensemble one of its ``estimators_``, of an adapter
        its ``estimator_``.
    X : as in `fit`
    classes : label, array-like of n labels, or None, default=None
        For which class; None: the predicted one. None alone for regressors, whose maps are in the
        units of the target.

    Returns
    -------
    ndarray of shape (n, T), or list of n arrays (T_i,)
        Above 0 where a time point speaks for the class, below where against. A list where the
        series differ in length.

    Raises
    ------
    NotFittedError
        Before `fit`.
    TypeError
        Where `estimator` is no single estimator of skts.
    ValueError
        Where the network has no global average, a label is unknown, or `X` is not as in `fit`.

    References
    ----------
    .. [1] B. Zhou, A. Khosla, A. Lapedriza, A. Oliva, A. Torralba (2016). Learning deep features
       for discriminative localization. CVPR, 2921-2929.
    .. [2] Z. Wang, W. Yan, T. Oates (2017). Time series classification from scratch with deep
       neural networks: A strong baseline. IJCNN, 1578-1585.

    Examples
    --------
    >>> from skts import FCNClassifier
    >>> from skts.datasets import load_ucr
    >>> from skts.explain import class_activation_maps
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = FCNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> class_activation_maps(clf, X).shape
    (67, 24)
    """
    _check(estimator)
    pools = [m for m in estimator.net_.module_.modules() if isinstance(m, AverageOverTime)]
    if not pools:
        raise ValueError(
            f"a class activation map needs a global average over time, which this "
            f"{type(estimator).__name__} has not; CNN and LSTM have it with pooling='average'"
        )
    values, lengths = check_series(estimator, X, reset=False)
    columns = _columns(estimator, classes, len(values))
    scale = 1.0 if is_classifier(estimator) else estimator.target_scale_
    maps = []
    for inputs, rows in _batches(estimator, values, lengths):
        of_rows = None if columns is None else columns[rows]
        for relevance, n_times in _maps(estimator.net_, pools[-1], inputs, of_rows):
            maps.append(scale * _resampled(relevance, n_times))
    return maps if lengths is not None else np.stack(maps)


def convolution_filters(estimator, block=0):
    """The weights of a convolution's filters.

    Parameters
    ----------
    estimator : classifier or regressor of skts
        Fitted, with convolutions.
    block : int, default=0
        Which convolution, from the series on.

    Returns
    -------
    ndarray of shape (n_filters, C_in, kernel_size)

    Raises
    ------
    NotFittedError, TypeError
        As class_activation_maps.
    ValueError
        Where the network has no such convolution.

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
    convolution = _layer_of(estimator, CONVOLUTION, block, "convolutions", "block")
    return convolution.weight.detach().float().cpu().numpy()


def filter_outputs(estimator, X, block=0):
    """What the filters of a convolution make of series, ahead of normalisation and rectifier [1]_.

    Parameters
    ----------
    estimator, block
        As in convolution_filters.
    X : as in `fit`

    Returns
    -------
    ndarray of shape (n, n_filters, T_out)
        `T_out` is that of the longest series where they differ in length; beyond a shorter one
        there is nothing to be read from it.

    Raises
    ------
    NotFittedError, TypeError, ValueError
        As convolution_filters, and where `X` is not as in `fit`.

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
    convolution = _layer_of(estimator, CONVOLUTION, block, "convolutions", "block")
    found = [
        outputs[: len(inputs["x"])].float().cpu().numpy()
        for inputs, _, outputs in _calls_of(estimator, X, convolution)
    ]
    return np.concatenate(found)


def attention_weights(estimator, X, layer=0):
    """How much each step of a sequence looks at each other one.

    Parameters
    ----------
    estimator : classifier or regressor of skts
        Fitted, with attention: ALSTM-FCN and MALSTM-FCN ("additive" [1]_ or "multihead"), ALSTM and
        its combinations, SELSTMFCN, CNN and LSTM with `attention`.
    X : as in `fit`
    layer : int, default=0
        Which attention layer, from the series on.

    Returns
    -------
    ndarray of shape (n, n_heads, S, S), float64
        Row s holds the weights of step s, which sum to 1. Steps are the channels of the series with
        ``dimension_shuffle=True`` (one, whose weight is 1, for univariate series), else the time
        points, after max-pooling where that comes first. Rows beyond the end of a shorter series
        are NaN: ``np.nanmean`` over the series of a class is the class's average.

    Raises
    ------
    NotFittedError, TypeError
        As class_activation_maps.
    ValueError
        Where the network has no such layer, or `X` is not as in `fit`.

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
    attention = _layer_of(estimator, ATTENTION, layer, "attention layers", "layer")
    found = []
    for inputs, arguments, _ in _calls_of(estimator, X, attention):
        with torch.no_grad():
            weights = attention.weights(*arguments).double()[: len(inputs["x"])]
        if isinstance(attention, CausalAttention) and "lengths" in inputs:
            weights = only_of(weights, padding_mask(inputs["lengths"], weights.shape[2]))
        found.append(weights.cpu().numpy())
    return np.concatenate(found)


def _check(estimator):
    if not isinstance(estimator, SeriesEstimator):
        raise TypeError(
            f"expected one classifier or regressor of skts, got a {type(estimator).__name__}. Of "
            "an ensemble take one of its estimators_, of an adapter its estimator_"
        )
    check_is_fitted(estimator)


def _layer_of(estimator, kinds, number, what, name):
    """The module of those kinds with that number, in the order in which the network has them."""
    _check(estimator)
    found = [m for m in estimator.net_.module_.modules() if isinstance(m, kinds)]
    if not 0 <= number < len(found):
        raise ValueError(
            f"{name} must be one of the {len(found)} {what} of this {type(estimator).__name__}, "
            f"counted from 0, got {number}"
        )
    return found[number]


def _columns(estimator, classes, n):
    """Of each series the column of the network's output, or None for the predicted one."""
    if not is_classifier(estimator):
        if classes is not None:
            raise ValueError(f"a regressor has no classes: leave them out, got {classes!r}")
        return np.zeros(n, dtype=int)
    if classes is None:
        return None
    labels = np.asarray(classes)
    if labels.shape not in ((), (n,)):
        raise ValueError(f"classes must be one label or {n}, got an array of shape {labels.shape}")
    labels = np.broadcast_to(labels, (n,))
    known = np.isin(labels, estimator.classes_)
    if not known.all():
        raise ValueError(
            f"classes must be among {estimator.classes_.tolist()}, got {labels[~known].tolist()}"
        )
    return np.searchsorted(estimator.classes_, labels)


def _batches(estimator, values, lengths):
    """Inputs of the network on its device, with the slice of the series that they are."""
    dataset = SeriesDataset(values, lengths=lengths, device=estimator.net_.device)
    size = estimator.net_.batch_size
    for start in range(0, len(values), size):
        rows = slice(start, start + size)
        yield dataset[rows][0], rows


def _calls_of(estimator, X, module):
    """Of each batch its inputs, and what `_called` tells of a module in the network."""
    values, lengths = check_series(estimator, X, reset=False)
    for inputs, _ in _batches(estimator, values, lengths):
        with torch.no_grad():
            _, arguments, output = _called(estimator.net_, inputs, module)
        yield inputs, arguments, output


def _called(net, inputs, module, *, as_leaf=False):
    """The network's outputs, and the arguments and the output of a module in it.

    The latter have a second row where there is one series (SeriesNet.infer). As a leaf, gradients
    go as far as that output and no further.
    """
    seen = []

    def keep(module, given, output):
        output = output.detach().requires_grad_() if as_leaf else output
        seen.append((given, output))
        return output

    hook = module.register_forward_hook(keep)
    try:
        outputs = net.infer(inputs)
    finally:
        hook.remove()
    ((arguments, output),) = seen
    return outputs, arguments, output


def _maps(net, pool, inputs, columns):
    """Of each series its map and how many points of it count."""
    with torch.enable_grad():
        logits, (maps, mask), pooled = _called(net, inputs, pool, as_leaf=True)
        best = logits.argmax(dim=1) if columns is None else torch.as_tensor(columns)
        chosen = logits.gather(1, best.to(logits.device)[:, None]).sum()
        (weights,) = torch.autograd.grad(chosen, pooled)
    relevance = (weights.double()[:, :, None] * maps.detach().double()).sum(dim=1).cpu().numpy()
    for i in range(len(logits)):
        n_points = relevance.shape[1] if mask is None else int(mask[i].sum())
        n_times = inputs["x"].shape[2] if mask is None else int(inputs["lengths"][i])
        yield relevance[i, :n_points], n_times


def _resampled(relevance, n_times):
    """At every time point."""
    if len(relevance) == n_times:
        return relevance
    return np.interp(np.arange(n_times), times_of(len(relevance), n_times), relevance)


def times_of(n_outputs, n_times):
    """The time points in whose middle the outputs of convolutions stand.

    Pooling takes time points two by two and leaves out the last of an odd number; a convolution
    without padding gives as many fewer outputs as its kernel reaches over the ends.
    """
    stride = 2 ** int(np.log2(n_times // n_outputs))
    first = (stride - 1) / 2 if stride > 1 else (n_times - n_outputs) / 2
    return first + stride * np.arange(n_outputs)
