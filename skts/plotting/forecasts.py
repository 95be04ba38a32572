"""Figures of forecasts with past and actual values."""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from skts.extras import needs
from skts.input.frames import frames_of
from skts.plotting.axes import axes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Table = pd.Series | pd.DataFrame


def plot_forecast(
    forecast: Table,
    *,
    history: Table | None = None,
    truth: Table | None = None,
    interval: pd.DataFrame | None = None,
    series: Any = None,
    column: Any = None,
    label: str = "forecast",
    color: str = "#0072b2",
    ax: Axes | None = None,
) -> Axes:
    """Draw a forecast with its prediction intervals, past values and actual values.

    All arguments are pandas objects, as in any forecaster of sktime. The figure shows one series of
    a panel or hierarchy, and one column. To compare forecasts, draw them on the same Axes, each
    with its own label and colour. The legend has each label once.

    Parameters
    ----------
    forecast : Series or DataFrame
        Result of `predict`.
    history, truth : Series or DataFrame, optional
        Past values, and the actual values of the forecast period.
    interval : DataFrame, optional
        Result of `predict_interval` for one or several coverages.
    series : label or tuple of labels, optional
        Series of a panel to draw: its label in the index levels before the time. Required if there
        are several series.
    column : label, optional
        Column to draw. Required if there are several columns.
    label : str, default="forecast"
        Label of the forecast in the legend.
    color : str, default="#0072b2"
        Colour of the forecast and its intervals.
    ax : matplotlib Axes, optional
        Default: new Axes.

    Returns
    -------
    matplotlib Axes
        Periods are drawn at their start. Infinite limits of an interval are not drawn; the legend
        states the number of their time points.

    Raises
    ------
    TypeError
        If an argument is not a Series or DataFrame, or `interval` does not have this form.
    ValueError
        If the series or column does not exist, or time points have different types.

    Examples
    --------
    >>> from skts.forecasting import LSTMForecaster
    >>> from skts.plotting import plot_forecast
    >>> from sktime.datasets import load_airline
    >>> y = load_airline()
    >>> forecaster = LSTMForecaster(n_lags=12, max_epochs=2, random_state=0).fit(y[:-12])
    >>> forecast = forecaster.predict(range(1, 13))
    >>> plot_forecast(forecast, history=y[-48:-12], truth=y[-12:]).get_ylabel()
    'Number of airline passengers'
    """
    given = {"forecast": forecast, "history": history, "truth": truth, "interval": interval}
    name, frames = _of_one_series(given, series)
    limits = _limits(frames.pop("interval", None), column)
    values = {what: _of_one_column(what, frame, column) for what, frame in frames.items()}
    ax = axes_of(ax)
    for what, style in (("history", "-"), ("truth", "--")):
        if what in values:
            # a line of one point is invisible
            marker = "o" if len(values[what]) == 1 else None
            look = {"linestyle": style, "linewidth": 1, "marker": marker}
            _draw_line(ax, values[what], color="black", label=what, **look)
    _draw_line(ax, values["forecast"], marker="o", markersize=3, color=color, label=label)
    for place, (coverage, of_one) in enumerate(limits.items()):
        alpha = 0.2 + 0.3 * place / len(limits)  # darker than the wider intervals
        text = f"{label}, interval of {100 * coverage:g} %"
        _draw_interval(ax, of_one, color=color, alpha=alpha, label=text)
    _label(ax, values["forecast"], name)
    return ax


def _of_one_series(given, series):
    """Return the name of the series to draw, () for a single series, and its frames."""
    from skts.forecasting.time_points import is_same_kind  # the import of sktime takes a second

    key = series if isinstance(series, tuple) else (series,)
    found = {}
    for what, data in given.items():
        if data is None and what != "forecast":
            continue
        if not isinstance(data, pd.Series | pd.DataFrame):
            raise TypeError(
                f"{what} must be a Series or DataFrame of pandas, got a {type(data).__name__}. "
                "Arrays have no time points. Convert a panel with "
                "sktime.datatypes.convert_to(panel, 'pd-multiindex')"
            )
        frames = frames_of(data.to_frame() if isinstance(data, pd.Series) else data)
        if series is None and what == "forecast" and len(frames) == 1:
            (key,) = frames
        if what != "forecast" and frames.keys() == {()}:
            frames = {key: frames[()]}  # a single series has no name to compare
        if key not in frames:
            names = [name[0] if len(name) == 1 else name for name in frames if name]
            known = f"one of {reprlib.repr(names)}" if names else "None for a single series"
            raise ValueError(f"series must be {known}, as in {what}, got {series!r}")
        found[what] = frames[key]
        index, of_forecast = found[what].index, found["forecast"].index
        if not is_same_kind(index, of_forecast):
            raise ValueError(
                f"the time points of {what} must be integers, dates or periods, as those of "
                f"forecast ({of_forecast.dtype}), got {index.dtype}"
            )
    return key, found


def _of_one_column(what, frame, column):
    """Return a column as a Series; None is the only column."""
    columns = frame.columns
    if column is None and len(columns) == 1:
        return frame.iloc[:, 0]
    if column not in columns:
        raise ValueError(
            f"column must be one of the columns of {what}, {list(columns)}, got {column!r}"
        )
    return frame[column]


def _limits(interval, column):
    """Return the frame of lower and upper limits for each coverage, widest first."""
    if interval is None:
        return {}
    if interval.columns.nlevels != 3:
        raise TypeError(
            "interval must have the columns of predict_interval (variable, coverage, lower and "
            f"upper), got {list(interval.columns)}"
        )
    variables = list(interval.columns.unique(0))
    if column is None and len(variables) == 1:
        (column,) = variables
    if column not in variables:
        raise ValueError(
            f"column must be one of the columns of interval, {variables}, got {column!r}"
        )
    coverages = sorted(interval[column].columns.unique(0), reverse=True)
    return {coverage: interval[column][coverage] for coverage in coverages}


def _times(index):
    return index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index


def _once(ax, label):
    """Return the label, or None if the legend already has it."""
    return None if label in ax.get_legend_handles_labels()[1] else label


def _draw_line(ax, values, *, label, **look):
    ax.plot(_times(values.index), values.to_numpy(float), label=_once(ax, label), **look)


def _draw_interval(ax, limits, *, label, **look):
    lower, upper = limits["lower"].to_numpy(float), limits["upper"].to_numpy(float)
    is_finite = np.isfinite(lower) & np.isfinite(upper)
    if not is_finite.all():
        label += f", infinite at {(~is_finite).sum()} of {len(limits)} time points"
    times, look = _times(limits.index), look | {"label": _once(ax, label)}
    if len(limits) == 1:  # an area without width is invisible
        ax.vlines(times[is_finite], lower[is_finite], upper[is_finite], linewidth=6, **look)
    else:
        ax.fill_between(times, lower, upper, where=is_finite, linewidth=0, **look)


def _label(ax, forecast, series):
    with needs("plot", "skts.plotting"):
        from matplotlib.dates import ConciseDateFormatter

    times = _times(forecast.index)
    if isinstance(times, pd.DatetimeIndex):
        locator = ax.xaxis.get_major_locator()
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=times.tz))
    is_named = isinstance(forecast.name, str)
    ax.set(xlabel=times.name or "time point", ylabel=forecast.name if is_named else "value")
    if series:
        ax.set_title(", ".join(map(str, series)))
    ax.legend()
