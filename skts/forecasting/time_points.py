"""Checks of time points, and indices without gaps."""

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from skts.input.frames import frames_of

_SIZED = pd.Series | pd.DataFrame | np.ndarray
_N_TRIED = 200  # triples of neighbouring dates that are tried to infer a frequency with gaps


def stacked(frames, level_names):
    """Join the frames of series by name; the name of a single series is an empty tuple."""
    if () in frames:
        return frames[()]
    return pd.concat(frames, names=level_names)


def of_series(name):
    """Return the part of a message that names a series of a panel."""
    return f" of series {name}" if name else ""


def check_given(y):
    """Raise ValueError if y is None, which sktime does not check."""
    if y is None:
        raise ValueError("y must be a series, a frame or a panel of sktime, got None")


def check_containers(X, y):
    """Raise an error if y is empty, time points of pandas are invalid, or X does not cover y.

    This runs before the checks of sktime, whose messages name no time point.
    """
    if isinstance(y, list) and not y:
        raise ValueError("y must hold a series, got an empty list")
    for number, one in enumerate(y if isinstance(y, list) else [y]):
        if isinstance(one, _SIZED) and 0 in np.shape(one):
            name = (number,) if isinstance(y, list) else ()
            raise ValueError(
                f"y must have at least one row and one column, got shape {np.shape(one)}"
                f"{of_series(name)}"
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
        return False  # cells of dtype object may hold whole series
    index = data.index
    times = index.levels[-1] if isinstance(index, pd.MultiIndex) else index
    return is_dated(times) or pd.api.types.is_integer_dtype(times.dtype)


def is_dated(times):
    """Return whether time points are dates or periods."""
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
    """Raise ValueError unless time points have the type of the known ones."""
    if not is_same_kind(index, known):
        raise ValueError(
            f"the time points of {label} must have the type of those of y, {known.dtype}, got "
            f"{index.dtype}"
        )


def named_as(columns, data, frame):
    """Return the frame with the known columns if `data` is a Series or an array."""
    is_nameless = isinstance(data, pd.Series | np.ndarray)
    if columns is None or not is_nameless or frame.shape[1] != len(columns):
        return frame
    return frame.set_axis(list(columns), axis=1)


def in_zone_of(known, frame):
    """Return the frame with its dates in the time zone of the known ones; None stays None."""
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
    """Return a masked array with NaN where it is masked, and anything else unchanged."""
    return data.astype(float).filled(np.nan) if isinstance(data, np.ma.MaskedArray) else data


def check_time_points(label, data):
    """Raise ValueError unless the time points of each series are sorted and unique.

    Raises TypeError if they are not integers, periods or dates.

    Parameters
    ----------
    label : str
        "y" or "X".
    data : Series or DataFrame
        The last level of its index has time points, other levels have names of series.
    """
    index = data.index
    times = index.get_level_values(-1)
    if not (is_dated(times) or pd.api.types.is_integer_dtype(times.dtype)):
        raise TypeError(
            f"the time points of {label} must be integers, periods or dates, got a "
            f"{type(times).__name__} of {times.dtype}. Convert time spans to dates with "
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
            f"{of_series(name)}: keep one row of each time point, or their mean. If local hours "
            "occur twice, use dates with a time zone"
        )
    falls = np.flatnonzero(times[1:] < times[:-1])
    if len(falls):
        raise ValueError(
            f"the time points of {label} must be in order, got {times[falls[0] + 1]} after "
            f"{times[falls[0]]}{of_series(name)}: {label}.sort_index() sorts them"
        )


def is_same_kind(index, other):
    """Return whether the time points of two indices can be compared."""
    dated = [isinstance(one, pd.DatetimeIndex) for one in (index, other)]
    if any(dated):
        return all(dated) and (index.tz is None) == (other.tz is None)
    if isinstance(index, pd.PeriodIndex) or isinstance(other, pd.PeriodIndex):
        return index.dtype == other.dtype
    return all(pd.api.types.is_integer_dtype(one.dtype) for one in (index, other))


def frequency_of(index):
    """Return the frequency of dates without gaps as an offset, or None if it is unknown."""
    if not isinstance(index, pd.DatetimeIndex):
        return None
    freq = index.freq
    if freq is None and len(index) > 2:
        freq = pd.infer_freq(index) or _equal_span(index)
    return to_offset(freq)


def _equal_span(index):
    """Return the time between neighbouring dates, or None if it varies.

    pandas infers no frequency for days of 24 hours in a time zone with daylight saving time.
    """
    spans = np.diff(index.asi8)
    return index[1] - index[0] if (spans == spans[0]).all() else None


def without_gaps(frame, freq, *, fill, name=()):
    """Return the frame of y with a row for every time point from its first to its last.

    Parameters
    ----------
    frame : DataFrame
        Its time points are sorted and unique.
    freq : offset or None
        Frequency of dates. None: their own, or else that of most neighbouring dates.
    fill : bool
        Whether a gap becomes rows of NaN. Otherwise it is an error.
    name : tuple
        Name of the series, for messages.
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
            f"frequency {whole.freqstr} from {whole[0]} on{of_series(name)}: y.asfreq(...) sets "
            "another frequency of dates and fills gaps with NaN"
        )
    return whole.rename(index.name)


def periods(index, first, last):
    """Return the periods between two ordinal numbers, of the same type as `index`."""
    numbers = np.arange(first, last + 1, index.freq.n)
    return pd.PeriodIndex(pd.arrays.PeriodArray(numbers, dtype=index.dtype))


def _whole_dates(index, freq, name):
    if freq is None:
        freq = frequency_of(index) or _frequency_with_gaps(index)
    if freq is None:
        raise ValueError(
            f"the index of y must be of one frequency, got {len(index)} dates without one, the "
            f"first {index[0]}{of_series(name)}: y.asfreq(...) sets a frequency and fills gaps "
            "with NaN"
        )
    if index.freq == freq:
        return index
    return pd.date_range(index[0], index[-1], freq=freq, unit=index.unit)


def _frequency_with_gaps(index):
    """Return the frequency of most neighbouring dates that fits all dates, or None.

    If several frequencies fit, the one with the fewest gaps is returned.
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
    """Return all dates of a frequency from the first to the last of `index`.

    None if `index` has other dates, or if less than half of its dates are neighbours.
    """
    first, second = pd.date_range(index[0], periods=2, freq=freq)
    if (index[-1] - index[0]) / (second - first) > 1000 * len(index):
        return None  # nearly all dates would be gaps
    whole = pd.date_range(index[0], index[-1], freq=freq)
    places = whole.get_indexer(index)
    fits = (places >= 0).all() and np.mean(np.diff(places) == 1) >= 0.5
    return whole if fits else None
