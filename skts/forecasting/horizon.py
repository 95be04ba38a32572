"""Conversion of sktime's horizons to steps and to time points.

sktime's own conversions use periods, which many frequencies lack, and drop time zones.
"""

import numpy as np
import pandas as pd

from skts.forecasting.time_points import check_same_kind, periods


def steps_of(fh, index):
    """Return a horizon as whole steps after the last of the time points `index`, an int array.

    Raises ValueError if the horizon has a time point that does not fit the series.
    """
    if _counts_steps(fh):
        return fh.to_numpy().astype(np.int64)
    wanted = time_points_of(fh, index)
    check_same_kind("fh", wanted, index)
    places = _up_to(index, wanted.max()).get_indexer(wanted)
    if (places < 0).any():
        raise ValueError(
            "fh must have time points of the frequency of y, not before the first known time "
            f"point, {index[0]}, got {wanted[places < 0][0]}"
        )
    return places - (len(index) - 1)


def time_points_of(fh, index):
    """Return the time points of a horizon, as sktime's forecasters label them."""
    values = fh.to_pandas()
    if not fh.is_relative:
        return values
    if not _counts_steps(fh):
        return index[-1] + values
    steps = values.to_numpy().astype(np.int64)
    labels = _with_ahead(index, max(0, steps.max()))[len(index) - 1 + steps].rename(None)
    if isinstance(index, pd.DatetimeIndex) and (np.diff(steps) == 1).all():
        labels.freq = index.freq
    return labels


def time_points_ahead(index, n):
    """Return the `n` time points after those of a series."""
    return _with_ahead(index, n)[len(index) :]


def _counts_steps(fh):
    return fh.is_relative and pd.api.types.is_integer_dtype(fh.to_pandas().dtype)


def _with_ahead(index, n):
    """Return the time points of a series and `n` more."""
    if isinstance(index, pd.PeriodIndex):
        return periods(index, index.asi8[0], index.asi8[-1] + n * index.freq.n)
    if isinstance(index, pd.DatetimeIndex):
        ahead = pd.date_range(index[-1], periods=n + 1, freq=index.freq, unit=index.unit)
        return index.append(ahead[1:])
    return pd.RangeIndex(index[0], index[-1] + 1 + n)


def _up_to(index, last):
    """Return the time points of a series, and those after it up to `last`."""
    if last <= index[-1]:
        return index
    if isinstance(index, pd.DatetimeIndex):
        last = last if index.tz is None else last.tz_convert(index.tz)
        ahead = pd.date_range(index[-1], last, freq=index.freq, unit=index.unit)
        return index.append(ahead[1:])
    if isinstance(index, pd.PeriodIndex):
        return periods(index, index.asi8[0], last.ordinal)
    return _with_ahead(index, int(last) - index[-1])
