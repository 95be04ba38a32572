"""Figures of an estimator: attention, channel importance, learning curves, confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.utils import Bunch

from skts.base import SeriesEstimator
from skts.explain import (
    attention_times,
    average_attention,
)
from skts.params import integer
from skts.plotting.axes import axes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_channel_importance(
    importance: Bunch, *, names: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the importance of each channel, with the spread over the repeats.

    Parameters
    ----------
    importance : Bunch
        Result of skts.explain.channel_importance for one score.
    names : list of str, optional
        Names of the channels. Default: their numbers.
    ax : matplotlib Axes, optional
        Default: new Axes.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If there are several scores, or not as many names as channels.

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
            f"importance must have one score, got several: pass one of {[*importance]}"
        )
    n_channels, n_repeats = importance.importances.shape
    names = list(map(str, range(n_channels))) if names is None else list(names)
    if len(names) != n_channels:
        raise ValueError(
            f"names must have one entry for each of {n_channels} channels, got {names}"
        )
    ax, places = axes_of(ax), np.arange(n_channels)
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


def plot_attention(
    estimator: SeriesEstimator,
    X: ArrayLike,
    *,
    layer: int = 0,
    head: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw the attention weights of one head, averaged over series.

    The axes are the time points of the steps (skts.explain.attention_times), or the channels if
    the steps are channels.

    Parameters
    ----------
    estimator : as for skts.explain.attention_weights
    X : as in `fit`
        One or more series. Pass the series of a class to average over the class.
    layer, head : int, default=0
    ax : matplotlib Axes, optional
        Default: new Axes.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError, NotFittedError
        As in skts.explain.attention_weights, and if the head does not exist.

    Examples
    --------
    >>> from skts import ALSTMClassifier
    >>> from skts.datasets import load_ucr
    >>> from skts.plotting import plot_attention
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = ALSTMClassifier(max_epochs=1, random_state=0).fit(X, y)
    >>> plot_attention(clf, X[y == "1"]).get_ylabel()
    'time point'
    """
    weights = average_attention(estimator, X, layer)
    if not integer(0, len(weights) - 1).accepts(head):
        raise ValueError(
            f"head must be one of the {len(weights)} heads, counted from 0, got {head}"
        )
    times, step = attention_times(estimator, X, layer), "time point"
    if times is None:
        times, step = np.arange(weights.shape[1]), "channel"
    half = (times[1] - times[0]) / 2 if len(times) > 1 else 0.5
    start, end = times[0] - half, times[-1] + half
    ax = axes_of(ax)
    image = ax.imshow(
        weights[head], cmap="cividis", vmin=0, aspect="auto", extent=(start, end, end, start)
    )
    ax.figure.colorbar(image, ax=ax, label="weight")
    ax.set(xlabel=f"attended {step}", ylabel=step)
    return ax


def plot_learning_curves(estimator: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the training loss by epoch, and the validation loss if there is one.

    Parameters
    ----------
    estimator : fitted classifier, regressor or forecaster of skts
        With ``history_``.
    ax : matplotlib Axes, optional
        Default: new Axes.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        If the estimator has no history.

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
            f"expected a fitted estimator with history_, got this {type(estimator).__name__}. Call "
            "fit; of an ensemble, pass one of estimators_. Ridge estimators such as "
            "HydraMiniRocketClassifier have no epochs"
        )
    history, ax = estimator.history_frame(), axes_of(ax)
    # a line of one point is invisible
    look: dict[str, Any] = {"marker": "o" if len(history) == 1 else None}
    ax.plot(history["train_loss"], color="#0072b2", label="training", **look)
    if "valid_loss" in history:
        ax.plot(history["valid_loss"], "--", color="#d55e00", label="validation", **look)
    ax.set(xlabel="epoch", ylabel="loss", yscale="log")
    ax.legend()
    return ax


def plot_confusion_matrix(
    estimator: Any, X: ArrayLike, y: ArrayLike, *, ax: Axes | None = None
) -> Axes:
    """Draw how often each class is predicted for each true class.

    Parameters
    ----------
    estimator : fitted classifier
    X : as in `fit`
    y : array-like of shape (n,)
    ax : matplotlib Axes, optional
        Default: new Axes.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    NotFittedError, ValueError, TypeError
        As in `predict` of the estimator.

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
        y, estimator.predict(X), ax=axes_of(ax), cmap="cividis"
    )
    return display.ax_
