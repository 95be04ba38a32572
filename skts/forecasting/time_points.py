"""Time points: what is wrong with those that come, and which there are from first to last."""

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from skts.input.frames import frames_of

_SIZED = pd.Series | pd.DataFrame | np.ndarray
_N_TRIED = 200  # neighbouring dates whose frequency is tried where there are gaps


def stacked(frames, level_names):
    """One frame of those of the series, by name; a single series is named by an empty tuple."""
    if () in frames:
        return frames[()]
    return pd.concat(frames, names=level_names)


def of_series(name):
    """The part of a message that names a series of a panel."""
    return f" of series {name}" if name else ""


def check_given(y):
    """Raise ValueError where there is no y at all, of which sktime says nothing."""
    if y is None:
        raise ValueError("y must be a series, a frame or a panel of sktime, got None")


def check_containers(X, y):
    """Raise ValueError where y is empty, or where time points of pandas' are no time points of y.

    That is before sktime looks at them, whose own messages name no time point.
    """
    if isinstance(y, list) and not y:
        raise ValueError("y must hold a series, got an empty list")
    for number, one in enumerate(y if isinstance(y, list) else [y]):
        if isinstance(one, _SIZED) and 0 in np.shape(one):
            name = (number,) if isinstance(y, list) else ()
            raise ValueError(
                f"y must have a row and a column, got the shape {np.shape(one)}{of_series(name)}"
            )
    for label, data in (("y", y), ("X", X)):
        if _has_time_points(data):
            check_time_points(label, data)
    if all(_has_time_points(data) and data.index.nlevels == 1 for data in (X, y)):
        check_covers(X, y.index)


def _has_time_points(data):
    if not isinstance(data, pd.Series | pd.DataFrame):
        return False
    if not all(map(pd.api.types.is_numeric_dtype, pd.DataFrame(data).dtypes)):
        return False  # objects may be whole series
    index = data.index
    times = index.levels[-1] if isinstance(index, pd.MultiIndex) else index
    return is_dated(times) or pd.api.types.is_integer_dtype(times.dtype)


def is_dated(times):
    """Whether time points are dates or periods."""
    return isinstance(times, pd.DatetimeIndex | pd.PeriodIndex)


def check_covers(X, index, name=()):
    """Raise ValueError unless X has a row for every time point of y."""
    if X is not None:
        check_same_kind("X", X.index, index)
    lacks = index if X is None else index[~index.isin(X.index)]
    if len(lacks):
        raise ValueError(
            f"X must have a row for every time point of y, but lacks {lacks[0]}{of_series(name)}"
        )


def check_same_kind(label, index, known):
    """Raise ValueError unless time points can be compared with those known."""
    if not is_same_kind(index, known):
        raise ValueError(
            f"the time points of {label} must be of the kind {known.dtype}, as those of y are, got "
            f"{index.dtype}"
        )


def named_as(columns, data, frame):
    """The frame of `data`, with known columns where `data` has a name or nothing instead."""
    is_nameless = isinstance(data, pd.Series | np.ndarray)
    if columns is None or not is_nameless or frame.shape[1] != len(columns):
        return frame
    return frame.set_axis(list(columns), axis=1)


def in_zone_of(known, frame):
    """The frame of None or of time points, its dates in the time zone of those known."""
    if frame is None:
        return None
    index = frame.index
    times = index.levels[-1] if isinstance(index, pd.MultiIndex) else index
    zones = [getattr(one, "tz", None) for one in (known, times)]
    if None in zones or zones[0] == zones[1]:
        return frame
    times = times.tz_convert(known.tz)
    if isinstance(index, pd.MultiIndex):
        times = index.set_levels(times, level=-1)
    return frame.set_axis(times)


def unmasked(data):
    """An array with NaN where it is masked; anything else as it is."""
    return data.astype(float).filled(np.nan) if isinstance(data, np.ma.MaskedArray) else data


def check_time_points(label, data):
    """Raise unless the time points of each series are in order, each there once.

    ValueError; TypeError where they are no integers, periods or dates.

    Parameters
    ----------
    label : str
        "y" or "X".
    data : Series or DataFrame
        Its index holds time points, or names of series and time points.
    """
    index = data.index
    times = index.get_level_values(-1)
    if not (is_dated(times) or pd.api.types.is_integer_dtype(times.dtype)):
        raise TypeError(
            f"the time points of {label} must be integers, periods or dates, got a "
            f"{type(times).__name__} of {times.dtype}: to spans of time add a date, as in "
            "pd.Timestamp('2020-01-01') + index"
        )
    for level in range(index.nlevels - 1):
        if index.get_level_values(level).hasnans:
            raise ValueError(
                f"the index of {label} must name the series of every row, got NaN in its level "
                f"{level}"
            )
    if index.is_unique and index.is_monotonic_increasing:
        return
    for name, frame in frames_of(pd.DataFrame(index=index)).items():
        _check_order(label, name, frame.index)


def _check_order(label, name, times):
    if times.hasnans:
        raise ValueError(
            f"the index of {label} must hold a time point in every row, got none in row "
            f"{times.isna().argmax()}{of_series(name)}"
        )
    if times.has_duplicates:
        twice = times[times.duplicated()][0]
        raise ValueError(
            f"the time points of {label} must differ, got {twice} in {(times == twice).sum()} rows"
            f"{of_series(name)}: keep one row of each time point, or their mean; hours of local "
            "time that come twice are told apart as dates with a time zone"
        )
    falls = np.flatnonzero(times[1:] < times[:-1])
    if len(falls):
        raise ValueError(
            f"the time points of {label} must be in order, got {times[falls[0] + 1]} after "
            f"{times[falls[0]]}{of_series(name)}: {label}.sort_index() sorts them"
        )


def is_same_kind(index, other):
    """Whether the time points of two indices can be compared."""
    dated = [isinstance(one, pd.DatetimeIndex) for one in (index, other)]
    if any(dated):
        return all(dated) and (index.tz is None) == (other.tz is None)
    if isinstance(index, pd.PeriodIndex) or isinstance(other, pd.PeriodIndex):
        return index.dtype == other.dtype
    return all(pd.api.types.is_integer_dtype(one.dtype) for one in (index, other))


def frequency_of(index):
    """The frequency of dates without gaps as an offset; None where they do not tell it."""
    if not isinstance(index, pd.DatetimeIndex):
        return None
    freq = index.freq
    if freq is None and len(index) > 2:
        freq = pd.infer_freq(index) or _equal_span(index)
    return to_offset(freq)


def _equal_span(index):
    """The time between neighbouring dates; None where it varies.

    pandas infers none for days of 24 hours in local time whose clocks change.
    """
    spans = np.diff(index.asi8)
    return index[1] - index[0] if (spans == spans[0]).all() else None


def without_gaps(frame, freq, *, fill, name=()):
    """The frame of y with a row for every time point from its first to its last.

    Parameters
    ----------
    frame : DataFrame
        Its time points are in order, each there once.
    freq : offset or None
        Of dates. None: the one they have, with `fill` or not the one that most neighbours have.
    fill : bool
        A gap becomes rows of NaN, else it is an error.
    name : tuple
        Of the series, for messages.
    """
    index = frame.index
    whole = _whole_index(index, freq, name)
    if len(whole) == len(index):
        return frame.set_axis(whole)
    if not fill:
        dated = isinstance(index, pd.DatetimeIndex)
        raise ValueError(
            f"the index of y must {'be of one frequency and ' if dated else ''}have no gaps, got "
            f"{len(index)} of {len(whole)} time points from {whole[0]} to {whole[-1]}"
            f"{of_series(name)}, the first one missing {whole[~whole.isin(index)][0]}: set "
            "missing='ffill', "
            + ("give dates another frequency (y.asfreq), " if dated else "")
            + "or number the rows (reset_index)"
        )
    return frame.reindex(whole)


def _whole_index(index, freq, name):
    if isinstance(index, pd.PeriodIndex):
        whole = periods(index, index.asi8[0], index.asi8[-1])
    elif isinstance(index, pd.DatetimeIndex):
        whole = _whole_dates(index, freq, name)
    else:
        return pd.RangeIndex(int(index[0]), int(index[-1]) + 1, name=index.name)
    others = index[~index.isin(whole)]
    if len(others):
        raise ValueError(
            f"the index of y must be of one frequency, got {others[0]} among time points of the "
            f"frequency {whole.freqstr} from {whole[0]} on{of_series(name)}: y.asfreq(...) gives "
            "dates another one and makes the gaps NaN"
        )
    return whole.rename(index.name)


def periods(index, first, last):
    """The periods from one ordinal number to another that are of the kind of an index."""
    numbers = np.arange(first, last + 1, index.freq.n)
    return pd.PeriodIndex(pd.arrays.PeriodArray(numbers, dtype=index.dtype))


def _whole_dates(index, freq, name):
    if freq is None:
        freq = frequency_of(index) or _frequency_with_gaps(index)
    if freq is None:
        raise ValueError(
            f"the index of y must be of one frequency, got {len(index)} dates without one, the "
            f"first {index[0]}{of_series(name)}: y.asfreq(...) gives them one and makes the gaps "
            "NaN"
        )
    if index.freq == freq:
        return index
    return pd.date_range(index[0], index[-1], freq=freq, unit=index.unit)


def _frequency_with_gaps(index):
    """The frequency that most neighbouring dates have, if all dates lie on it; None without one.

    Of several the one that leaves the fewest gaps.
    """
    if len(index) < 3:
        return None
    closest = np.diff(index.asi8).argmin()
    regular = pd.date_range(index[closest], periods=3, freq=index[closest + 1] - index[closest])
    neighbours = [index[i : i + 3] for i in range(min(len(index) - 2, _N_TRIED))]
    freqs = {pd.infer_freq(three) for three in (regular, *neighbours)} - {None}
    grids = [grid for freq in sorted(freqs) if (grid := _grid(index, freq)) is not None]
    return min(grids, key=len).freq if grids else None


def _grid(index, freq):
    """All dates of a frequency, None unless it has those of `index` and most are neighbours."""
    first, second = pd.date_range(index[0], periods=2, freq=freq)
    if (index[-1] - index[0]) / (second - first) > 1000 * len(index):
        return None  # nearly all of it would be gaps
    whole = pd.date_range(index[0], index[-1], freq=freq)
    places = whole.get_indexer(index)
    fits = (places >= 0).all() and np.mean(np.diff(places) == 1) >= 0.5
    return whole if fits else None
