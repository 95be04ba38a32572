"""Class activation maps: the evidence for a class at each time point."""

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from skts.base import SeriesEstimator
from skts.device import torch_defaults
from skts.explain.calls import (
    batches,
    called,
    chosen_columns,
    columns_of,
    output_scale,
    own_net,
)
from skts.explain.times import step_times
from skts.input.validation import check_series
from skts.layers import AverageOverTime


@torch_defaults()
def class_activation_maps(
    estimator: SeriesEstimator, X: ArrayLike, classes: ArrayLike | None = None
) -> np.ndarray | Any:
    """Compute the evidence for a class at each time point [1]_, [2]_.

    A map is the weighted sum of the feature maps before the global average. The weights are the
    gradient of the logit of the class with respect to the averages. If the output layer follows the
    average directly, they are the weights of this layer. The logit is then the mean of a map over
    its steps plus the rest of the layer. A map with one step per time point is returned unchanged.
    Other maps, after max-pooling, are interpolated between the positions of their steps, as in
    filter_times. Time points before the first and after the last step have the value of that step.

    Parameters
    ----------
    estimator : classifier or regressor of skts
        Fitted, with a global average over time: FCN, the LSTM-FCN family, SELSTMFCN, ResNet,
        Inception, LITE, and CNN and LSTM with ``pooling="average"``. Of an ensemble, pass one of
        ``estimators_``; of an adapter, pass ``estimator_``.
    X : as in `fit`
    classes : label, array-like of n labels, or None, default=None
        Class to explain. None: the predicted class. Regressors only accept None; their maps have
        the unit of the target.

    Returns
    -------
    ndarray of shape (n, T), or list of n arrays (T_i,)
        Positive values are evidence for the class, negative values are evidence against it. A list
        if the series differ in length.

    Raises
    ------
    NotFittedError
        Before `fit`.
    TypeError
        If `estimator` is not a single estimator of skts.
    ValueError
        If the network has no global average, a label is unknown, or `X` is not as in `fit`.

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
    net = own_net(estimator)
    pools = [m for m in net.module_.modules() if isinstance(m, AverageOverTime)]
    if not pools:
        raise ValueError(
            "a class activation map needs a global average over time, but this "
            f"{type(estimator).__name__} has none. CNN and LSTM have it with pooling='average'. "
            "Use occlusion for other networks"
        )
    values, lengths = check_series(estimator, X, reset=False)
    columns = chosen_columns(estimator, classes, len(values))
    scale = output_scale(estimator)
    maps = []
    for inputs, rows in batches(net, values, lengths):
        for relevance, times, n_times in _maps(net, pools[-1], inputs, columns, rows):
            maps.append(scale * np.interp(np.arange(n_times), times, relevance))
    return maps if lengths is not None else np.stack(maps)


def _maps(net, pool, inputs, columns, rows):
    """Yield the map of each series, the time points of its steps, and the length of the series."""
    with torch.enable_grad():
        logits, (maps, mask), pooled = called(net, inputs, pool, as_leaf=True)
        chosen = logits.gather(1, columns_of(logits, columns, rows)[:, None]).sum()
        (weights,) = torch.autograd.grad(chosen, pooled)
    relevance = (weights.double()[:, :, None] * maps.detach().double()).sum(dim=1).cpu().numpy()
    (n_steps,), n_times = relevance.shape[1:], inputs["x"].shape[2]
    times = np.arange(n_times) if n_steps == n_times else step_times(net, pool, inputs, read=True)
    for i in range(len(logits)):
        n_own = n_steps if mask is None else int(mask[i].sum())
        n_points = n_times if mask is None else int(inputs["lengths"][i])
        yield relevance[i, :n_own], times[:n_own], n_points
