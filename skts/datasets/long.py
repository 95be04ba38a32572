"""Conversion of long frames, with one row per instance and time point, to series."""

from collections.abc import Hashable, Sequence
from typing import Any, overload

import numpy as np
import pandas as pd
from pandas.api.types import (
    is_complex_dtype,
    is_datetime64_any_dtype,
    is_numeric_dtype,
    is_timedelta64_dtype,
)


@overload
def from_long(
    frame: Any,
    *,
    instance: Hashable,
    time: Hashable,
    channels: Sequence[Hashable] | None = None,
    target: None = None,
) -> tuple[np.ndarray | Any, pd.Index]: ...


@overload
def from_long(
    frame: Any,
    *,
    instance: Hashable,
    time: Hashable,
    channels: Sequence[Hashable] | None = None,
    target: Hashable,
) -> tuple[np.ndarray | Any, pd.Series]: ...


def from_long(
    frame: Any,
    *,
    instance: Hashable,
    time: Hashable,
    channels: Sequence[Hashable] | None = None,
    target: Hashable | None = None,
) -> tuple[np.ndarray | Any, pd.Index | pd.Series]:
    """Turn a frame with one row per instance and time point into series.

    Series have the order in which their instances first appear in `frame`. Rows of different
    instances can alternate. Rows of one instance must be sorted by time. Estimators treat time
    points as equally spaced; if they are not, resample the frame first.

    Parameters
    ----------
    frame : DataFrame of pandas or polars
    instance : label
        Column with the instance of each row.
    time : label
        Column of time points: numbers, dates, periods or time spans.
    channels : list of labels, optional
        Columns of values, in the order of the channels. Default: all other columns.
    target : label, optional
        Column with the label or number of each instance, equal in all its rows.

    Returns
    -------
    X : ndarray of shape (n, C, T), or list of n arrays (C, T_i)
        float64; a list if series differ in length. Missing values of channels are NaN.
    instances : Index, or Series with a `target`
        Instances in the order of `X`. With a `target`, a Series of the targets, which `fit` accepts
        as `y`. Its index has the instances.

    Raises
    ------
    TypeError
        If `frame` is not a frame, channels do not hold real numbers, or `time` does not hold time
        points.
    ValueError
        If columns or rows are missing, an instance or time point is NaN, time points of an
        instance are repeated or not in order, an instance has no value of a channel, or its target
        differs from row to row.

    Examples
    --------
    >>> import pandas as pd
    >>> from skts.datasets import from_long
    >>> frame = pd.DataFrame({
    ...     "patient": ["b", "b", "a", "a"],
    ...     "hour": [0, 1, 0, 1],
    ...     "pulse": [71.0, 75.0, 62.0, 60.0],
    ...     "ill": ["yes", "yes", "no", "no"],
    ... })
    >>> X, y = from_long(frame, instance="patient", time="hour", target="ill")
    >>> X.shape, y.to_dict()
    ((2, 1, 2), {'b': 'yes', 'a': 'no'})
    """
    frame = _as_pandas(frame)
    channels = _checked_channels(frame, instance, time, channels, target)
    codes, names = pd.factorize(_complete(frame, instance))
    _check_categories(frame[instance], names)
    order = np.argsort(codes, kind="stable")
    frame, codes = frame.iloc[order], codes[order]
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    instances = pd.Index(names, name=instance)
    _check_order(_complete(frame, time), codes, instances)
    values = frame[channels].to_numpy(np.float64, na_value=np.nan).T  # (C, all rows)
    series = np.split(values, starts[1:], axis=1)
    _check_no_channel_is_empty(series, channels, instances)
    lengths = np.diff(starts, append=len(frame))
    X = np.stack(series) if (lengths == lengths[0]).all() else series
    if target is None:
        return X, instances
    return X, _targets(_complete(frame, target), starts, lengths, instances)


def _as_pandas(frame):
    if callable(getattr(type(frame), "collect", None)):
        raise TypeError("frame must not be a lazy frame: pass frame.collect()")
    if type(frame).__module__.partition(".")[0] == "polars" and hasattr(frame, "columns"):
        frame = pd.DataFrame({name: _of_polars(frame[name]) for name in frame.columns})
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(
            f"frame must be a DataFrame of pandas or polars, got a {type(frame).__name__}"
        )
    if not len(frame):
        raise ValueError(f"frame must have one row per time point, got the shape {frame.shape}")
    return frame


def _of_polars(column):
    """Convert a column for pandas; polars 1.0 cannot convert dates to arrays with NumPy 2."""
    if column.dtype.is_numeric():
        return column.to_numpy()
    values = column.to_list()
    return pd.to_datetime(values) if str(column.dtype) == "Date" else pd.Series(values)


def _checked_channels(frame, instance, time, channels, target):
    """Return the columns of values.

    Raises an error if a column is missing, is named twice or does not hold real numbers.
    """
    if isinstance(channels, str):
        raise TypeError(f"channels must be a list of columns, got a string: pass [{channels!r}]")
    others = [instance, time] if target is None else [instance, time, target]
    if channels is None:
        channels = [name for name in frame.columns if name not in others]
    needed = [*others, *channels]
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        in_index = set(missing) & set(frame.index.names)
        remedy = ": pass frame.reset_index()" if in_index else ""
        raise ValueError(
            f"frame must have the columns {needed}, got {list(frame.columns)}, without "
            f"{missing}{remedy}"
        )
    if not channels or len(set(needed)) < len(needed) or not frame.columns.is_unique:
        raise ValueError(
            f"instance, time, target and channels must be different columns, with at least one "
            f"channel, got {needed} of the columns {list(frame.columns)}"
        )
    found = {name: str(frame[name].dtype) for name in channels if not _is_real(frame[name].dtype)}
    if found:
        raise TypeError(
            f"channels must hold real numbers, got columns of dtypes {found}. Select channels with "
            "channels=[...], or convert these columns: pandas.to_numeric(frame[name])"
        )
    return list(channels)


def _is_real(dtype):
    return is_numeric_dtype(dtype) and not is_complex_dtype(dtype)


def _complete(frame, name):
    """Return a column; raise ValueError if it has missing values."""
    column = frame[name]
    if column.isna().any():
        raise ValueError(
            f"the column {name!r} must have a value in every row, got {column.isna().sum()} "
            f"missing: drop these rows, frame.dropna(subset=[{name!r}])"
        )
    return column


def _check_categories(column, names):
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return
    empty = column.dtype.categories.difference(names)
    if len(empty):
        raise ValueError(
            f"every instance must have a row, but the categories {list(empty[:3])} of "
            f"{column.name!r} have none: remove them with "
            f"frame[{column.name!r}].cat.remove_unused_categories()"
        )


def _check_order(times, codes, instances):
    """Raise an error unless the time points of each instance increase.

    The rows of an instance must be contiguous.
    """
    is_time = is_numeric_dtype(times) or is_datetime64_any_dtype(times)
    if not (is_time or is_timedelta64_dtype(times) or isinstance(times.dtype, pd.PeriodDtype)):
        raise TypeError(
            f"the column {times.name!r} must hold numbers, dates or periods, got the dtype "
            f"{times.dtype}: convert strings with pandas.to_datetime"
        )
    before, after = times.array[:-1], times.array[1:]
    is_same = codes[1:] == codes[:-1]
    for wrong, must, remedy in (
        (is_same & (after < before), "be sorted", "frame.sort_values({!r}, kind='stable')"),
        (is_same & (after == before), "be unique", "drop or average rows with equal {!r}"),
    ):
        if wrong.any():
            first = int(np.argmax(wrong))
            raise ValueError(
                f"the time points of an instance must {must}, got {after[first]} after "
                f"{before[first]} in instance {instances[codes[first]]}: "
                + remedy.format(times.name)
            )


def _check_no_channel_is_empty(series, channels, instances):
    for name, values in zip(instances, series, strict=True):
        empty = np.isnan(values).all(axis=1)
        if empty.any():
            raise ValueError(
                f"every instance must have a value of every channel, but {name} has none of "
                f"{channels[empty.argmax()]}: drop the instance or the channel"
            )


def _targets(column, starts, lengths, instances):
    codes, _ = pd.factorize(column)
    wrong = codes != np.repeat(codes[starts], lengths)
    if wrong.any():
        row = int(wrong.argmax())
        of = int(np.searchsorted(starts, row, side="right")) - 1
        raise ValueError(
            f"the target {column.name!r} must be the same in all rows of an instance, got "
            f"{column.iloc[row]} after {column.iloc[starts[of]]} in instance {instances[of]}"
        )
    return column.iloc[starts].set_axis(instances)
