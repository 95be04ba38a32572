"""Figures of what skts.explain tells, and of training. Each takes an Axes and returns it.

They need matplotlib: ``pip install "skts[bench]"``.
"""

import numpy as np
from sklearn.metrics import ConfusionMatrixDisplay

from skts.explain import average_attention, class_activation_maps, filter_outputs
from skts.explain.layers import times_of


def plot_class_activation(estimator, x, label=None, *, channel=0, ax=None):
    """One series as a line, coloured by its class activation map.

    Parameters
    ----------
    estimator : as for skts.explain.class_activation_maps
    x : array-like of shape (T,) or (C, T)
        One series.
    label : label, optional
        For which class; default: the predicted one.
    channel : int, default=0
        Which channel is drawn; the map is the same for all.
    ax : matplotlib Axes, optional
        Default: a new one.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError, NotFittedError
        As skts.explain.class_activation_maps, and where `x` is not one series.

    Examples
    --------
    >>> from skts import FCNClassifier
    >>> from skts.datasets import load_ucr
    >>> from skts.plotting import plot_class_activation
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = FCNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> plot_class_activation(clf, X[0], label="1").get_xlabel()
    'time point'
    """
    from matplotlib.collections import LineCollection
    from matplotlib.colors import CenteredNorm

    x = _one_series(x, channel)
    (relevance,) = class_activation_maps(estimator, x[None], label)
    ax = _axes(ax)
    times, values = np.arange(x.shape[1]), x[channel]
    middles = (times[1:] + times[:-1]) / 2
    # a piece for each time point, from half way before it to half way after it
    knots = np.sort(np.concatenate([times, middles]))
    points = np.column_stack([knots, np.interp(knots, times, values)])
    pieces = np.stack([points[:-1], points[1:]], axis=1)
    nearest = np.clip(np.round(pieces[:, :, 0].mean(axis=1)).astype(int), 0, len(times) - 1)
    line = LineCollection(pieces, cmap="PuOr_r", norm=CenteredNorm(), linewidth=3)
    line.set(array=relevance[nearest], capstyle="round")
    ax.plot(times, values, color="black", linewidth=4.2, zorder=1)  # the middle of the map is white
    ax.add_collection(line)
    ax.autoscale()
    shown = f" for {label}" if label is not None else ""
    ax.figure.colorbar(line, ax=ax, label=f"relevance{shown}")
    ax.set(xlabel="time point", ylabel=f"channel {channel}" if len(x) > 1 else "value")
    return ax


def plot_filter(estimator, x, index=0, *, block=0, channel=0, ax=None):
    """One series, and what one filter of a convolution makes of it.

    Parameters
    ----------
    estimator : as for skts.explain.filter_outputs
    x : array-like of shape (T,) or (C, T)
        One series.
    index, block : int, default=0
        Which filter of which convolution.
    channel : int, default=0
        Which channel is drawn beside it.
    ax : matplotlib Axes, optional
        Default: a new one.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError, NotFittedError
        As skts.explain.filter_outputs, and where there is no such filter.

    Examples
    --------
    >>> from skts import FCNClassifier
    >>> from skts.datasets import load_ucr
    >>> from skts.plotting import plot_filter
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = FCNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> plot_filter(clf, X[0], index=3, block=1).get_title()
    'block 1, filter 3'
    """
    x = _one_series(x, channel)
    (outputs,) = filter_outputs(estimator, x[None], block)
    if not 0 <= index < len(outputs):
        raise ValueError(f"index must be of one of {len(outputs)} filters, got {index}")
    ax = _axes(ax)
    ax.plot(x[channel], color="grey", linestyle="--", label="series")
    times = times_of(outputs.shape[1], x.shape[1])
    ax.plot(times, outputs[index], color="#0072b2", label="filter's output")
    ax.set(xlabel="time point", ylabel="value", title=f"block {block}, filter {index}")
    ax.legend()
    return ax


def plot_attention(estimator, X, *, layer=0, head=0, ax=None):
    """The attention weights of one head, averaged over series.

    Parameters
    ----------
    estimator : as for skts.explain.attention_weights
    X : as in `fit`
        One series or more; those of a class give the class's average.
    layer, head : int, default=0
    ax : matplotlib Axes, optional
        Default: a new one.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError, NotFittedError
        As skts.explain.attention_weights, and where there is no such head.

    Examples
    --------
    >>> from skts import ALSTMClassifier
    >>> from skts.datasets import load_ucr
    >>> from skts.plotting import plot_attention
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = ALSTMClassifier(max_epochs=1, random_state=0).fit(X, y)
    >>> plot_attention(clf, X[y == "1"]).get_ylabel()
    'step'
    """
    weights = average_attention(estimator, X, layer)
    if not 0 <= head < len(weights):
        raise ValueError(f"head must be one of {len(weights)}, counted from 0, got {head}")
    ax = _axes(ax)
    image = ax.imshow(weights[head], cmap="cividis", vmin=0, aspect="auto")
    ax.figure.colorbar(image, ax=ax, label="weight")
    ax.set(xlabel="step that is looked at", ylabel="step")
    return ax


def plot_learning_curves(estimator, *, ax=None):
    """Training loss by epoch, and the validation loss where there is one.

    Parameters
    ----------
    estimator : fitted classifier, regressor or forecaster of skts
        With ``history_``.
    ax : matplotlib Axes, optional
        Default: a new one.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        Where it has no history.

    Examples
    --------
    >>> from skts import FCNClassifier
    >>> from skts.datasets import load_ucr
    >>> from skts.plotting import plot_learning_curves
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = FCNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> plot_learning_curves(clf).get_ylabel()
    'loss'
    """
    if not hasattr(estimator, "history_"):
        raise TypeError(
            f"expected a fitted estimator with a history_, got this {type(estimator).__name__}: "
            "fit it, or of an ensemble take one of its estimators_"
        )
    history = estimator.history_
    ax, epochs = _axes(ax), history[:, "epoch"]
    ax.plot(epochs, history[:, "train_loss"], color="#0072b2", label="training")
    if "valid_loss" in history[0]:
        ax.plot(epochs, history[:, "valid_loss"], "--", color="#d55e00", label="validation")
    ax.set(xlabel="epoch", ylabel="loss", yscale="log")
    ax.legend()
    return ax


def plot_confusion_matrix(estimator, X, y, *, ax=None):
    """How often each class is taken for each other one.

    Parameters
    ----------
    estimator : fitted classifier
    X : as in `fit`
    y : array-like of shape (n,)
    ax : matplotlib Axes, optional
        Default: a new one.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> from skts import FCNClassifier
    >>> from skts.datasets import load_ucr
    >>> from skts.plotting import plot_confusion_matrix
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = FCNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> plot_confusion_matrix(clf, X, y).get_ylabel()
    'True label'
    """
    display = ConfusionMatrixDisplay.from_predictions(
        y, estimator.predict(X), ax=_axes(ax), cmap="cividis"
    )
    return display.ax_


def _one_series(x, channel):
    x = np.asarray(x)
    if x.ndim not in (1, 2):
        raise ValueError(f"x must be one series, (T,) or (C, T), got shape {x.shape}: take X[0]")
    x = np.atleast_2d(x)
    if not 0 <= channel < len(x):
        raise ValueError(f"channel must be one of {len(x)}, counted from 0, got {channel}")
    return x


def _axes(ax):
    if ax is not None:
        return ax
    from matplotlib import pyplot as plt

    return plt.subplots(layout="constrained")[1]
