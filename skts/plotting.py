"""Figures of what skts.explain tells, and of training. Each takes an Axes and returns it.

They need matplotlib: ``pip install "skts[bench]"``.
"""

import numpy as np
from sklearn.metrics import ConfusionMatrixDisplay

from skts.explain import average_attention, class_activation_maps, filter_outputs
from skts.explain.layers import times_of

__all__ = [
    "plot_attention",
    "plot_channel_importance",
    "plot_class_activation",
    "plot_confusion_matrix",
    "plot_filter",
    "plot_learning_curves",
    "plot_relevance",
]


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
    x = _one_series(x, channel)
    (relevance,) = class_activation_maps(estimator, x[None], label)
    shown = f" for {label}" if label is not None else ""
    return plot_relevance(x, relevance, channel=channel, label=f"relevance{shown}", ax=ax)


def plot_relevance(x, relevance, *, channel=0, label="relevance", ax=None):
    """One series as a line, coloured by numbers of its time points.

    The colours are symmetric about 0. Where each channel has numbers of its own, they reach as far
    as the largest of all channels, so that pictures of several channels can be compared.

    Parameters
    ----------
    x : array-like of shape (T,) or (C, T)
        One series.
    relevance : array-like of shape (T,) or (C, T)
        For all channels, such as one of skts.explain.class_activation_maps, or of each one, such as
        one of skts.explain.integrated_gradients.
    channel : int, default=0
        Which channel is drawn.
    label : str, default="relevance"
        What the numbers are.
    ax : matplotlib Axes, optional
        Default: a new one.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        Where `x` is not one series, `relevance` is not of its shape, or there is no such channel.

    Examples
    --------
    >>> from skts import FCNClassifier
    >>> from skts.datasets import load_ucr
    >>> from skts.explain import integrated_gradients
    >>> from skts.plotting import plot_relevance
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = FCNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> plot_relevance(X[0], integrated_gradients(clf, X[:1])[0]).get_xlabel()
    'time point'
    """
    from matplotlib.collections import LineCollection
    from matplotlib.colors import CenteredNorm

    x, relevance = _one_series(x, channel), np.asarray(relevance)
    if relevance.shape not in (x.shape, x.shape[1:]):
        raise ValueError(
            f"relevance must have the shape of x, {x.shape}, or {x.shape[1:]}, got "
            f"{relevance.shape}"
        )
    of_channel = relevance if relevance.ndim == 1 else relevance[channel]
    ax = _axes(ax)
    times, values = np.arange(x.shape[1]), x[channel]
    middles = (times[1:] + times[:-1]) / 2
    # a piece for each time point, from half way before it to half way after it
    knots = np.sort(np.concatenate([times, middles]))
    points = np.column_stack([knots, np.interp(knots, times, values)])
    pieces = np.stack([points[:-1], points[1:]], axis=1)
    nearest = np.clip(np.round(pieces[:, :, 0].mean(axis=1)).astype(int), 0, len(times) - 1)
    norm = CenteredNorm(halfrange=np.abs(relevance).max())
    line = LineCollection(pieces, cmap="PuOr_r", norm=norm, linewidth=3)
    line.set(array=of_channel[nearest], capstyle="round")
    ax.plot(times, values, color="black", linewidth=4.2, zorder=1)  # the middle of the map is white
    ax.add_collection(line)
    ax.autoscale()
    ax.figure.colorbar(line, ax=ax, label=label)
    ax.set(xlabel="time point", ylabel=f"channel {channel}" if len(x) > 1 else "value")
    return ax


def plot_channel_importance(importance, *, names=None, ax=None):
    """How much each channel matters, with the spread over the repeats.

    Parameters
    ----------
    importance : Bunch
        As skts.explain.channel_importance gives it, for one score.
    names : list of str, optional
        Of the channels; default: their numbers.
    ax : matplotlib Axes, optional
        Default: a new one.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        Where there are several scores, or not as many names as channels.

    Examples
    --------
    >>> from skts import FCNClassifier
    >>> from skts.datasets import load_ucr
    >>> from skts.explain import channel_importance
    >>> from skts.plotting import plot_channel_importance
    >>> X, y = load_ucr("BasicMotions", split="train")
    >>> clf = FCNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> importance = channel_importance(clf, X, y, n_repeats=3, random_state=0)
    >>> plot_channel_importance(importance).get_ylabel()
    'channel'
    """
    if "importances" not in importance:
        raise ValueError(
            f"importance must be of one score, got several: take one of {[*importance]}"
        )
    n_channels, n_repeats = importance.importances.shape
    names = list(map(str, range(n_channels))) if names is None else list(names)
    if len(names) != n_channels:
        raise ValueError(f"names must have one for each of {n_channels} channels, got {names}")
    ax, places = _axes(ax), np.arange(n_channels)
    ax.barh(places, importance.importances_mean, color="#56b4e9", label="mean")
    ax.errorbar(
        importance.importances_mean,
        places,
        xerr=importance.importances_std,
        fmt="none",
        ecolor="black",
        capsize=3,
        label=f"standard deviation of {n_repeats} repeats",
    )
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set(xlabel="drop of the score when permuted", ylabel="channel")
    ax.set_yticks(places, names)
    ax.invert_yaxis()
    ax.legend()
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

    Raises
    ------
    NotFittedError, ValueError, TypeError
        As the estimator's `predict`.

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
