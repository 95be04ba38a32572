"""Figures of one series with its explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from skts.base import SeriesEstimator
from skts.explain import (
    class_activation_maps,
    filter_outputs,
    filter_times,
)
from skts.explain.calls import check_single
from skts.extras import needs
from skts.input.containers import read
from skts.params import integer
from skts.plotting.axes import axes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_class_activation(
    estimator: SeriesEstimator,
    x: ArrayLike,
    label: Any = None,
    *,
    channel: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw a series as a line, coloured by its class activation map.

    Parameters
    ----------
    estimator : as for skts.explain.class_activation_maps
    x : array-like of shape (T,) or (C, T)
        One series.
    label : label, optional
        Class to explain. Default: the predicted class.
    channel : int, default=0
        Channel to draw. The map is the same for all channels.
    ax : matplotlib Axes, optional
        Default: new Axes.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError, NotFittedError
        As in skts.explain.class_activation_maps, and if `x` is not one series.

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
    x = _series_of(estimator, x, channel)
    (relevance,) = class_activation_maps(estimator, x[None], label)
    shown = f" for {label}" if label is not None else ""
    return plot_relevance(x, relevance, channel=channel, label=f"relevance{shown}", ax=ax)


def plot_relevance(
    x: ArrayLike,
    relevance: ArrayLike,
    *,
    channel: int = 0,
    label: str = "relevance",
    ax: Axes | None = None,
) -> Axes:
    """Draw a series as a line, coloured by a number for each time point.

    The colours are symmetric about 0. If each channel has its own numbers, the colour scale covers
    the largest number of all channels, so that figures of several channels can be compared.

    Parameters
    ----------
    x : array-like of shape (T,) or (C, T)
        One series.
    relevance : array-like of shape (T,) or (C, T)
        Numbers for all channels, such as a class activation map, or for each channel, such as
        integrated gradients.
    channel : int, default=0
        Channel to draw.
    label : str, default="relevance"
        Label of the colour bar.
    ax : matplotlib Axes, optional
        Default: new Axes.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If `x` is not one series, `relevance` has another shape, or the channel does not exist.

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
    with needs("plot", "skts.plotting"):
        from matplotlib.collections import LineCollection
        from matplotlib.colors import CenteredNorm

    x, relevance = _one_series(x, channel), np.asarray(relevance)
    if relevance.shape not in (x.shape, x.shape[1:]):
        raise ValueError(
            f"relevance must have the shape of x, {x.shape}, or {x.shape[1:]}, got "
            f"{relevance.shape}. Of many series, pass X[0] and relevance[0]"
        )
    of_channel = relevance if relevance.ndim == 1 else relevance[channel]
    ax = axes_of(ax)
    times, values = np.arange(x.shape[1]), x[channel]
    middles = (times[1:] + times[:-1]) / 2
    # the line of each time point ends half way to its neighbours
    knots = np.sort(np.concatenate([times, middles]))
    points = np.column_stack([knots, np.interp(knots, times, values)])
    pieces = np.stack([points[:-1], points[1:]], axis=1)
    nearest = np.clip(np.round(pieces[:, :, 0].mean(axis=1)).astype(int), 0, len(times) - 1)
    norm = CenteredNorm(halfrange=np.abs(relevance).max())
    line = LineCollection(list(pieces), cmap="PuOr_r", norm=norm, linewidth=3)
    line.set(array=of_channel[nearest], capstyle="round")
    ax.plot(times, values, color="black", linewidth=4.2, zorder=1)  # the colour map is white at 0
    ax.add_collection(line)
    ax.autoscale()
    ax.figure.colorbar(line, ax=ax, label=label)
    ax.set(xlabel="time point", ylabel=f"channel {channel}" if len(x) > 1 else "value")
    return ax


def plot_filter(
    estimator: SeriesEstimator,
    x: ArrayLike,
    index: int = 0,
    *,
    block: int = 0,
    channel: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw a series and the output of one filter of a convolution.

    Each output is drawn at its time point (skts.explain.filter_times).

    Parameters
    ----------
    estimator : as for skts.explain.filter_outputs
    x : array-like of shape (T,) or (C, T)
        One series.
    index, block : int, default=0
        Index of the filter, and of its convolution.
    channel : int, default=0
        Channel of the series to draw.
    ax : matplotlib Axes, optional
        Default: new Axes.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError, NotFittedError
        As in skts.explain.filter_outputs, and if the filter does not exist.

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
    x = _series_of(estimator, x, channel)
    (outputs,) = filter_outputs(estimator, x[None], block)
    if not integer(0, len(outputs) - 1).accepts(index):
        raise ValueError(
            f"index must be one of the {len(outputs)} filters, counted from 0, got {index}"
        )
    ax = axes_of(ax)
    ax.plot(x[channel], color="grey", linestyle="--", label="series")
    times = filter_times(estimator, x[None], block)
    marker = "o" if len(times) == 1 else None  # a line of one point is invisible
    ax.plot(times, outputs[index], color="#0072b2", label="filter's output", marker=marker)
    ax.set(xlabel="time point", ylabel="value", title=f"block {block}, filter {index}")
    ax.legend()
    return ax


def _series_of(estimator, x, channel):
    """Return one series (C, T), with the channels of a fitted estimator."""
    check_single(estimator)
    x, n_channels = _one_series(x, channel), estimator.n_channels_in_
    if len(x) != n_channels:
        raise ValueError(
            f"x must be one series with the {n_channels} channel(s) of the training series, got "
            f"shape {x.shape}: pass X[0] if it is many series"
            + (", or x.T if it is (T, C)" if x.shape[1] == n_channels else "")
        )
    return x


def _one_series(x, channel):
    """Return one series in any format as an array (C, T)."""
    try:
        ((x,), _) = read(BaseEstimator(), [x], reset=True)
    except (TypeError, ValueError) as error:
        got = f"shape {x.shape}" if hasattr(x, "shape") else f"a {type(x).__name__}"
        raise ValueError(f"x must be one series, (T,) or (C, T), got {got}: pass X[0]") from error
    if not integer(0, len(x) - 1).accepts(channel):
        raise ValueError(
            f"channel must be one of the {len(x)} channels, counted from 0, got {channel}"
        )
    return x
