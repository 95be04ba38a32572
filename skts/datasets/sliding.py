"""Windows of series, and the values that follow them."""

from typing import Any

import numpy as np
import pandas as pd

from skts.input.containers import array_of, check_times, is_panel, unwrapped
from skts.input.frames import frames_of
from skts.params import integer


def windows(y: Any, length: int, horizon: int, *, stride: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Cut series into windows and the values that follow them, for regressors.

    No window spans two series.

    Parameters
    ----------
    y : Series, frame, array or panel
        One series: a Series, an array of shape (T,), or a frame with one row per time point and
        one column per channel. Several series: an array of shape (n_series, C, T), a list of
        arrays (T_i,) or (C, T_i), a list of frames, or a frame whose index has the series before
        the time points.
    length : int
        Number of time points in a window.
    horizon : int
        Steps from the last time point of a window to its target. 1 is the next time point.
    stride : int, default=1
        Steps from one window to the next.

    Returns
    -------
    X : ndarray of shape (n, C, length), float64
        Ordered by series and time. Missing values are NaN.
    target : ndarray of shape (n,), or (n, C) for several channels, float64

    Raises
    ------
    ValueError
        If a number is not an integer of at least 1, a series is too short, or its time points
        are not sorted or have gaps.
    TypeError
        If the values are not real numbers.

    Examples
    --------
    >>> from skts.datasets import windows
    >>> X, target = windows([1, 2, 3, 4, 5, 6], 3, 2)
    >>> X.tolist(), target.tolist()
    ([[[1.0, 2.0, 3.0]], [[2.0, 3.0, 4.0]]], [5.0, 6.0])
    """
    for name, number in (("length", length), ("horizon", horizon), ("stride", stride)):
        if not integer(1).accepts(number):
            raise ValueError(f"{name} must be an integer of at least 1, got {number!r}")
    parts = [_windows_of(x, length, horizon, stride, i) for i, x in enumerate(_series_in(y))]
    n_channels = {X.shape[1] for X, _ in parts}
    if len(n_channels) != 1:
        raise ValueError(
            f"all series must have the same number of channels, got {sorted(n_channels)}"
        )
    X, target = (np.concatenate(part) for part in zip(*parts, strict=True))
    return X, target[:, 0] if target.shape[1] == 1 else target


def _windows_of(x, length, horizon, stride, i):
    """Return windows (n, C, length) of one series (C, T), and targets (n, C)."""
    n_timepoints = x.shape[1]
    if n_timepoints < length + horizon:
        raise ValueError(
            f"a series must have at least {length + horizon} time points (length + horizon), got "
            f"{n_timepoints} in series {i}: lower length or horizon, or drop the series"
        )
    X = np.lib.stride_tricks.sliding_window_view(x[:, :-horizon], length, axis=1)[:, ::stride]
    return np.moveaxis(X, 1, 0), x[:, length + horizon - 1 :: stride].T


def _series_in(y):
    """Return each series as float64 (C, T)."""
    if isinstance(y, pd.Series):
        y = y.to_frame()
    if is_panel(y) and y.index.nlevels > 1:
        y = list(frames_of(y).values())
    elif hasattr(y, "columns") and not is_panel(y):
        y = [y]
    for i, series in enumerate(y if isinstance(y, list | tuple) else []):
        _check_no_gaps(series, i)
    values = unwrapped(y)
    if not isinstance(values, list):
        values = _of_array(array_of(values))
    found = [np.atleast_2d(x) for x in values]
    for x in found:
        if x.ndim != 2 or x.dtype.kind not in "biuf":
            raise TypeError(
                f"y must hold series of real numbers, got shape {x.shape} and dtype {x.dtype}"
            )
    return [x.astype(np.float64) for x in found]


def _of_array(values):
    if values.ndim == 1:
        return [values]
    if values.ndim != 3 or 0 in values.shape:
        raise ValueError(
            "y must be one series (T,) or several (n_series, C, T), got an array of shape "
            f"{values.shape}: pass pandas.DataFrame(y) if its columns are channels, or y[:, None] "
            "if its rows are series"
        )
    return list(values)


def _check_no_gaps(series, i):
    """Raise ValueError if the index of a pandas series is not sorted or has gaps."""
    check_times(series, i, what="y")
    times = getattr(series, "index", None)
    is_dated = isinstance(times, pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex)
    if not is_dated and (not isinstance(times, pd.Index) or times.dtype.kind not in "iuf"):
        return
    if len(times) < 3 or (isinstance(times, pd.DatetimeIndex) and _is_regular(times)):
        return
    steps = np.diff(times.asi8 if is_dated else times.to_numpy())
    wrong = ~np.isclose(steps, np.median(steps))
    if wrong.any():
        first = int(wrong.argmax())
        raise ValueError(
            f"the time points of a series must have no gaps, series {i} of y has "
            f"{times[first + 1]} after {times[first]}: fill them, for dates with "
            "y.asfreq(...).ffill(), or number the rows with y.reset_index(drop=True)"
        )


def _is_regular(dates):
    """Return whether dates follow a frequency, or are the same day at regular month intervals."""
    if dates.freq is not None or pd.infer_freq(dates):
        return True
    months = np.diff(12 * dates.year + dates.month)
    return (months == months[0]).all() and (dates.day == dates.day[0]).all() and months[0] > 0
