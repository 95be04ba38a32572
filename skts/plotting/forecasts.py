"""Forecasts beside what was known and what came."""

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

    All are pandas objects, as any forecaster of sktime takes and gives them. One series of a panel
    or hierarchy is drawn, and one column. To compare forecasts, draw each on the same Axes with a
    label and a colour of its own. The legend has each label once.

    Parameters
    ----------
    forecast : Series or DataFrame
        As `predict` gives it.
    history, truth : Series or DataFrame, optional
        Past values, and the actual values of the forecast period.
    interval : DataFrame, optional
        As `predict_interval` gives it, of one coverage or several.
    series : label or tuple of labels, optional
        The series of a panel to draw: its label in the index levels before the time. Needed where
        there are several.
    column : label, optional
        Which column; needed where there are several.
    label : str, default="forecast"
        Names the forecast in the legend.
    color : str, default="#0072b2"
        Of the forecast and its intervals.
    ax : matplotlib Axes, optional
        Default: a new one.

    Returns
    -------
    matplotlib Axes
        Periods are drawn at their start. Infinite limits of an interval are not drawn; the legend
        says at how many time points.

    Raises
    ------
    TypeError
        Where one of them is no Series or DataFrame, or `interval` is not of that form.
    ValueError
        Where there is no such series or column, or time points are of different kinds.

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
            # a line of one point is not seen
            marker = "o" if len(values[what]) == 1 else None
            look = {"linestyle": style, "linewidth": 1, "marker": marker}
            _draw_line(ax, values[what], color="black", label=what, **look)
    _draw_line(ax, values["forecast"], marker="o", markersize=3, color=color, label=label)
    for place, (coverage, of_one) in enumerate(limits.items()):
        alpha = 0.2 + 0.3 * place / len(limits)  # within the wider ones
        text = f"{label}, interval of {100 * coverage:g} %"
        _draw_interval(ax, of_one, color=color, alpha=alpha, label=text)
    _label(ax, values["forecast"], name)
    return ax


def _of_one_series(given, series):
    """The name of the series that is drawn, () where there is one alone, and its frames."""
    from skts.forecasting.time_points import is_same_kind  # sktime takes a second

    key = series if isinstance(series, tuple) else (series,)
    found = {}
    for what, data in given.items():
        if data is None and what != "forecast":
            continue
        if not isinstance(data, pd.Series | pd.DataFrame):
            raise TypeError(
                f"{what} must be a Series or DataFrame of pandas, got a {type(data).__name__}: an "
                "array has no time points; sktime.datatypes.convert_to makes a panel a "
                "'pd-multiindex'"
            )
        frames = frames_of(data.to_frame() if isinstance(data, pd.Series) else data)
        if series is None and what == "forecast" and len(frames) == 1:
            (key,) = frames
        if what != "forecast" and frames.keys() == {()}:
            frames = {key: frames[()]}  # it has no name that could be another one
        if key not in frames:
            names = [name[0] if len(name) == 1 else name for name in frames if name]
            known = f"one of {reprlib.repr(names)}" if names else "None for a single series"
            raise ValueError(f"series must be {known}, as {what} has it, got {series!r}")
        found[what] = frames[key]
        index, of_forecast = found[what].index, found["forecast"].index
        if not is_same_kind(index, of_forecast):
            raise ValueError(
                f"the time points of {what} must be integers, dates or periods, as those of "
                f"forecast ({of_forecast.dtype}), got {index.dtype}"
            )
    return key, found


def _of_one_column(what, frame, column):
    """The Series of that column, None for the only one."""
    columns = frame.columns
    if column is None and len(columns) == 1:
        return frame.iloc[:, 0]
    if column not in columns:
        raise ValueError(f"column must be one of {list(columns)}, those of {what}, got {column!r}")
    return frame[column]


def _limits(interval, column):
    """For each coverage the frame of its lower and upper limits, the widest first."""
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
        raise ValueError(f"column must be one of {variables}, those of interval, got {column!r}")
    coverages = sorted(interval[column].columns.unique(0), reverse=True)
    return {coverage: interval[column][coverage] for coverage in coverages}


def _times(index):
    return index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index


def _once(ax, label):
    """The label, None where the legend has it already."""
    return None if label in ax.get_legend_handles_labels()[1] else label


def _draw_line(ax, values, *, label, **look):
    ax.plot(_times(values.index), values.to_numpy(float), label=_once(ax, label), **look)


def _draw_interval(ax, limits, *, label, **look):
    lower, upper = limits["lower"].to_numpy(float), limits["upper"].to_numpy(float)
    is_finite = np.isfinite(lower) & np.isfinite(upper)
    if not is_finite.all():
        label += f", infinite at {(~is_finite).sum()} of {len(limits)} time points"
    times, look = _times(limits.index), look | {"label": _once(ax, label)}
    if len(limits) == 1:  # an area without width is not seen
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
