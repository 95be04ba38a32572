"""Long frames, with a row for each instance and time point, to series."""

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
    """Series of a frame that has a row for each instance and time point.

    Series are in the order in which their instances first appear in `frame`. Rows of different
    instances may alternate; those of one must be in the order of time. Estimators take time points
    as equally spaced: where they are not, resample the frame first.

    Parameters
    ----------
    frame : DataFrame of pandas or polars
    instance : label
        The column that names the series of each row.
    time : label
        The column of time points: numbers, dates, periods or spans of time.
    channels : list of labels, optional
        The columns of values, in the order of the channels. Default: all other columns.
    target : label, optional
        The column of each instance's label or number, the same in all of its rows.

    Returns
    -------
    X : ndarray of shape (n, C, T), or list of n arrays (C, T_i)
        float64; a list where series differ in length. Missing values of channels are NaN.
    instances : Index, or Series where there is a `target`
        The instances in the order of `X`. With a `target` it is what `fit` takes as `y`: a Series
        of targets that has the instances as its index.

    Raises
    ------
    TypeError
        Where `frame` is no frame, channels hold no real numbers, or `time` no time points.
    ValueError
        Where columns or rows are missing, an instance or time point is NaN, time points of an
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
        raise TypeError("frame must be a frame, got a lazy one: pass frame.collect()")
    if type(frame).__module__.partition(".")[0] == "polars" and hasattr(frame, "columns"):
        frame = pd.DataFrame({name: _of_polars(frame[name]) for name in frame.columns})
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(
            f"frame must be a DataFrame of pandas or polars, got a {type(frame).__name__}"
        )
    if not len(frame):
        raise ValueError(f"frame must have a row for each time point, got the shape {frame.shape}")
    return frame


def _of_polars(column):
    """A column as pandas takes it; polars 1.0 makes no arrays of dates beside numpy 2."""
    if column.dtype.is_numeric():
        return column.to_numpy()
    values = column.to_list()
    return pd.to_datetime(values) if str(column.dtype) == "Date" else pd.Series(values)


def _checked_channels(frame, instance, time, channels, target):
    """The columns of values; raises where one is missing, comes twice or holds no real numbers."""
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
            f"instance, time, target and channels must be different columns, of channels one at "
            f"least, got {needed} of the columns {list(frame.columns)}"
        )
    found = {name: str(frame[name].dtype) for name in channels if not _is_real(frame[name].dtype)}
    if found:
        raise TypeError(
            f"channels must hold real numbers, got columns of dtypes {found}. Name the channels, "
            "channels=[...], or make these numbers: pandas.to_numeric(frame[name])"
        )
    return list(channels)


def _is_real(dtype):
    return is_numeric_dtype(dtype) and not is_complex_dtype(dtype)


def _complete(frame, name):
    """The column, which must have a value in every row."""
    column = frame[name]
    if column.isna().any():
        raise ValueError(
            f"the column {name!r} must have a value in every row, got {column.isna().sum()} "
            f"without: drop these, frame.dropna(subset=[{name!r}])"
        )
    return column


def _check_categories(column, names):
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return
    empty = column.dtype.categories.difference(names)
    if len(empty):
        raise ValueError(
            f"every instance must have a row, but of the categories of {column.name!r} "
            f"{list(empty[:3])} have none: frame[{column.name!r}].cat.remove_unused_categories() "
            "leaves them out"
        )


def _check_order(times, codes, instances):
    """Raise unless time points of each instance rise; their rows stand together."""
    is_time = is_numeric_dtype(times) or is_datetime64_any_dtype(times)
    if not (is_time or is_timedelta64_dtype(times) or isinstance(times.dtype, pd.PeriodDtype)):
        raise TypeError(
            f"the column {times.name!r} must hold numbers, dates or periods, got the dtype "
            f"{times.dtype}: pandas.to_datetime makes dates of strings"
        )
    before, after = times.array[:-1], times.array[1:]
    is_same = codes[1:] == codes[:-1]
    for wrong, must, remedy in (
        (is_same & (after < before), "be in order", "frame.sort_values({!r}, kind='stable')"),
        (is_same & (after == before), "differ", "drop or average rows of one {!r}"),
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
                f"{channels[empty.argmax()]}: leave out the instance or the channel"
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
