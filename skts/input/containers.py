"""Anything array-like to values (n, C, T) of any real dtype, and lengths."""

import os
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from sklearn.utils.validation import check_array, validate_data
from torch.utils.data import DataLoader, Dataset

CONTAINERS = (
    "X must be a 2-D array (n, T) of univariate series, a 3-D array (n, C, T), or a list of n "
    "arrays, each (T_i,) or (C, T_i)"
)

#: Names by which long frames are known, in small letters.
SERIES_COLUMNS = {"id", "case_id", "instance", "instances", "sample_id", "series", "series_id"}
SERIES_COLUMNS |= {"unique_id"}
TIME_COLUMNS = {"date", "datetime", "ds", "reading_id", "time", "timepoint", "timepoints"}
TIME_COLUMNS |= {"time_point", "timestamp"}
CHANNEL_COLUMNS = {"channel", "dim", "dim_id", "dimension", "kind", "variable"}
POLARS_TO_PANDAS = "pd.DataFrame(X.to_dict(as_series=False))"  # without pyarrow
VALUE_COLUMNS = {"value", "values", "y"}


def read(estimator, X, reset):
    """Values (n, C, T) of any real dtype and lengths, None where all series are equally long.

    What is masked, None or NA is NaN.

    Parameters
    ----------
    estimator : estimator
        What the errors name; where `reset`, what scikit-learn's column names are recorded on.
    X : array-like
        See `CONTAINERS`; also pandas and polars frames and sktime's panel containers.
    reset : bool
        Record names of columns and channels, or hold X against them.

    Raises
    ------
    ValueError, TypeError
        Saying what is required, what came and what mends it.
    """
    _check_container(X)
    _check_channel_names(estimator, X, reset)
    X = unwrapped(X)
    if isinstance(X, list):
        return _stacked(X)
    n_dims = len(getattr(X, "shape", (0, 0)))
    if n_dims < 2:
        raise ValueError(_of_too_few_dimensions(X))
    if n_dims == 2:
        return _table(estimator, X, reset)[:, None, :], None
    values = check_array(
        X, allow_nd=True, dtype="numeric", ensure_all_finite=False, estimator=estimator
    )
    _check_real(values)
    if n_dims != 3 or 0 in values.shape:
        raise ValueError(f"{CONTAINERS}, not empty; got an array of shape {values.shape}")
    return values, None


def names_its_axes(X):
    """Whether `X` is made of frames, whose rows are time points and whose columns are channels."""
    frames = X if isinstance(X, (list, tuple)) else [X]
    return is_panel(X) or all(hasattr(frame, "columns") for frame in frames)


def _check_container(X):
    """Refuse what is no array, no list and no frame."""
    if not isinstance(X, Dataset):  # those of torch may look like a sequence
        if hasattr(X, "__array__") or hasattr(X, "dtype"):
            return
        if isinstance(X, Sequence) and not isinstance(X, (str, bytes)):
            return
    raise TypeError(f"{CONTAINERS}; got a {type(X).__name__}{_remedy(X)}")


def _remedy(X):
    if isinstance(X, DataLoader):
        return ". Put its batches together: X = np.concatenate([x for x, y in loader])."
    if isinstance(X, Dataset):
        return ". Put its series together: X = np.stack([x for x, y in dataset])."
    if isinstance(X, (str, bytes, os.PathLike)):
        return f", {X!r}. Read the file first, for example with numpy.load or pandas.read_csv."
    if isinstance(X, Mapping):
        return ". Pass one of its values, or list(X.values()) where each of them is a series."
    if hasattr(X, "collect"):
        return ". Pass X.collect()."
    if isinstance(X, Iterable):
        return ". Pass a list of its series: list(X), or [x for x, y in X] where it gives pairs."
    return f": {X!r}."


def _of_too_few_dimensions(X):
    got = (
        f"{CONTAINERS}; got a {len(X.shape)}D array of shape {tuple(X.shape)}, not a 2-dimensional "
        f"container: {type(X).__name__}"
    )
    if X.shape == () or 0 in X.shape:
        return got
    if getattr(getattr(X, "index", None), "nlevels", 1) > 1:
        return f"{got} with an index of series and time. Pass X.to_frame()."
    first = next(iter(X))
    if getattr(X.dtype, "names", None):
        return f"{got} with the fields {list(X.dtype.names)}. Pass np.array(X.tolist())."
    if isinstance(first, (str, bytes, Mapping)):
        return f"{got} of {type(first).__name__}."
    if _holds_series(first):
        return f"{got} of series. Pass [np.asarray(series) for series in X]."
    # scikit-learn's own checks look for "Reshape your data"
    return (
        f"{got}. Reshape your data: np.asarray(X)[None, :] is one series of {len(X)} time points, "
        f"np.asarray(X)[:, None] is {len(X)} series of one. Series of unequal length are a list of "
        "arrays."
    )


def unwrapped(X):
    """A list of arrays (C, T_i) where `X` holds series of their own, else an array-like."""
    if is_panel(X):
        X = _frames(X)
    if getattr(X, "is_nested", False):
        X = X.unbind()
    if isinstance(X, Sequence) and not hasattr(X, "shape"):
        X = list(X)
    if isinstance(X, (list, tuple)) and _is_list_of_arrays(X):
        if any(map(is_panel, X)):
            raise ValueError(
                f"{CONTAINERS}; got a list of frames that hold several series each. Pass such a "
                "frame itself, several as pd.concat(X)."
            )
        for i, x in enumerate(X):
            check_times(x, i)
        # a frame holds time points in its rows, an array in its last axis
        return [array_of(x).T if hasattr(x, "columns") else array_of(x) for x in X]
    if isinstance(X, (list, tuple)):
        try:
            return array_of([_channels(x) for x in X])
        except ValueError as error:
            raise ValueError(
                f"{CONTAINERS}; got nested lists of unequal lengths. Make each series an array: "
                "[np.asarray(series) for series in X]."
            ) from error
    return X if hasattr(X, "columns") else _array_like(X)


def check_times(series, i, what="X"):
    """Refuse a frame or Series of pandas whose index tells that its time points are not in order.

    An index of strings has no order in time: it may be of the columns of a table.
    """
    times = getattr(series, "index", None)
    is_of_dtype = isinstance(times, pd.Index) and times.dtype.kind in "iufmM"
    if not is_of_dtype and not isinstance(times, pd.PeriodIndex):
        return
    if not times.is_unique:
        raise ValueError(
            f"the time points of a series must differ, series {i} of {what} has "
            f"{times[times.duplicated()][0]} more than once. Drop or average its rows."
        )
    if not times.is_monotonic_increasing:
        raise ValueError(
            f"the time points of a series must be in order, series {i} of {what} has "
            f"{times[(times[1:] < times[:-1]).argmax() + 1]} behind a later one. Sort its rows, "
            f"[x.sort_index() for x in {what}], or give them new time points."
        )


def _is_list_of_arrays(X):
    # a list of numpy's numbers is one series
    return all(hasattr(x, "shape") for x in X) and any(getattr(x, "ndim", 1) for x in X)


def _channels(x):
    """A series as a list, the channels of which may be arrays."""
    if isinstance(x, (list, tuple)):
        return [array_of(channel) if hasattr(channel, "shape") else channel for channel in x]
    return array_of(x) if hasattr(x, "shape") else x


def _array_like(X):
    """What check_array reads, with NaN where a value is missing."""
    is_read = hasattr(X, "detach") or isinstance(X, np.ma.MaskedArray)
    holds_objects = isinstance(X, np.ndarray) and X.dtype == object
    if is_read or holds_objects:
        return array_of(X)
    if hasattr(X, "shape"):
        return X
    try:  # as awkward's arrays, which may be of series of unequal length
        return array_of(X)
    except ValueError as error:
        raise ValueError(
            f"{CONTAINERS}; got a {type(X).__name__} that is no such array ({error}). Pass "
            "[np.asarray(series) for series in X]."
        ) from error


def array_of(x):
    """A torch tensor, a frame or an array-like as an array."""
    if hasattr(x, "detach"):
        return _of_tensor(x)
    if isinstance(x, np.ma.MaskedArray) and x.dtype.names is None:
        return _with_nan(x.data, np.ma.getmaskarray(x))
    if hasattr(x, "toarray"):
        raise TypeError(
            f"{CONTAINERS}; got a sparse {type(x).__name__}: pass [x.toarray() for x in X]"
        )
    array = np.asarray(x)
    return _with_nan(array, pd.isna(array)) if array.dtype == object else array


def _with_nan(values, missing):
    """`values` with NaN where they are missing; a copy, if any are."""
    if not missing.any():
        return values
    dtype = np.result_type(values, np.float32) if values.dtype.kind in "biufc" else values.dtype
    if dtype.kind not in "fcO":
        raise TypeError(f"X must hold real numbers, got dtype {dtype}")
    return np.where(missing, np.array(np.nan, dtype), values).astype(dtype)


def _of_tensor(x):
    if x.is_complex():
        raise TypeError(f"X must hold real numbers, got dtype {x.dtype}")
    if x.layout is not torch.strided or x.is_meta or x.is_quantized:
        raise TypeError(
            f"X must hold dense torch tensors of numbers, got layout {x.layout} and dtype "
            f"{x.dtype} on the device {x.device}. Pass X.to_dense() or X.dequantize()."
        )
    return x.detach().cpu().double().numpy()


def _frames(X):
    from sktime.datatypes import convert_to  # costs a second: only for sktime's containers

    try:
        return convert_to(X, "df-list", as_scitype="Panel")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{CONTAINERS}, or a panel container of sktime; got a DataFrame that sktime does not "
            "take for one: its instances must be contiguous and their time points sorted, the "
            "cells of a nested frame Series. sktime.datatypes.check_raise tells more."
        ) from error


def _check_channel_names(estimator, X, reset):
    """Channels are told apart by their place: frames that name them must keep their order."""
    frames = X if isinstance(X, (list, tuple)) else [X] if is_panel(X) else []
    if not len(frames) or not all(hasattr(frame, "columns") for frame in frames):
        return
    if not reset and "channel_names_in_" not in vars(estimator):
        return
    first = list(frames[0].columns) if reset else estimator.channel_names_in_
    for frame in frames:
        if list(frame.columns) != first:
            raise ValueError(
                f"the frames of X must all have the channels {first} in this order, those of the "
                f"training series; got {list(frame.columns)}"
            )
    estimator.channel_names_in_ = first


def _is_pandas(X):
    return type(X).__module__.partition(".")[0] == "pandas" and hasattr(X, "columns")


def is_panel(X):
    """A pandas frame whose rows are not series: multi-index, or nested with series in its cells."""
    if not _is_pandas(X):
        return False
    return X.index.nlevels > 1 or (X.size > 0 and _holds_series(X.iat[0, 0]))


def _holds_series(cell):
    is_number = getattr(cell, "shape", None) == ()  # of an array of some other package
    return hasattr(cell, "__len__") and not isinstance(cell, str) and not is_number


def _stacked(series):
    """A list of (T_i,) or (C, T_i) arrays, padded with zeros at their ends."""
    series = [
        _as_numbers(x, f"series {i} of the list") if x.dtype == object else x
        for i, x in enumerate(series)
    ]
    series = [x[None, :] if x.ndim == 1 else x for x in series]
    for i, x in enumerate(series):
        if x.ndim != 2 or 0 in x.shape:
            raise ValueError(f"{CONTAINERS}; series {i} of the list has shape {x.shape}")
        if len(x) != len(series[0]):
            raise ValueError(
                "all series must have the same channels: series 0 of the list has "
                f"{len(series[0])}, series {i} has {len(x)}{_if_transposed(series)}"
            )
        _check_real(x)
    lengths = np.array([x.shape[1] for x in series])
    values = np.zeros(
        (len(series), len(series[0]), lengths.max()), dtype=np.result_type(*series, np.float32)
    )
    for row, x in zip(values, series, strict=True):
        row[:, : x.shape[1]] = x
    return values, None if (lengths == lengths.max()).all() else lengths


def _as_numbers(x, name):
    try:
        return x.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"X must hold real numbers, {name} holds other objects: {error}") from error


def _if_transposed(series):
    alike = all(x.ndim == 2 and x.shape[1] == series[0].shape[1] for x in series)
    return ". If they are (T_i, C), pass [x.T for x in X]" if alike else ""


def _table(estimator, X, reset):
    """A 2-D X, whose columns scikit-learn names and counts."""
    if not reset and estimator.n_channels_in_ > 1:
        n_channels, n_timepoints = estimator.n_channels_in_, estimator.n_timepoints_in_
        raise ValueError(
            f"{type(estimator).__name__} was fitted on series of {n_channels} channels; a 2-D X "
            f"holds series of one. Pass a 3-D array (n, {n_channels}, {n_timepoints})."
        )
    if _is_pandas(X) and (X.dtypes == "object").any():
        # check_array knows NA in columns of pandas' own types alone
        X = X.convert_dtypes(convert_integer=False)
    if hasattr(X, "columns"):
        _check_wide(X)
    values = validate_data(estimator, X, reset=reset, dtype="numeric", ensure_all_finite=False)
    if values.dtype == object:  # of polars, which has no NaN beside booleans or decimals
        values = _as_numbers(_with_nan(values, pd.isna(values)), "X")
    _check_real(values)
    return values


def _check_wide(X):
    """Refuse a frame that is no table of numbers with a column for each time point."""
    if 0 in X.shape:
        raise ValueError(f"{CONTAINERS}, not empty; got a {type(X).__name__} of shape {X.shape}")
    series, time = (_column(X, names) for names in (SERIES_COLUMNS, TIME_COLUMNS))
    if series is not None and time is not None:
        raise ValueError(
            f"{CONTAINERS}; got a {type(X).__name__} with the columns {list(X.columns)}. "
            f"{_as_panel(X)}"
        )
    others = {name: str(dtype) for name, dtype in zip(X.columns, X.dtypes, strict=True)}
    others = {name: dtype for name, dtype in others.items() if not _are_numbers(X[name], dtype)}
    if others:
        raise TypeError(
            f"X must hold real numbers, got columns of dtypes {others}. Leave them out. "
            f"{_as_panel(X)}"
        )


def _are_numbers(column, dtype):
    if dtype.lower().startswith(("int", "uint", "float", "bool", "sparse", "decimal")):
        return True
    values = np.asarray(column)
    try:
        return values.dtype.kind not in "mM" and values.astype(np.float64).ndim > 0
    except (TypeError, ValueError):
        return False


def _column(X, names):
    """The first column of `X` with one of these names."""
    return next((name for name in X.columns if str(name).lower() in names), None)


def _as_panel(X):
    series, time, channel, value = (
        _column(X, names) or example
        for names, example in [
            (SERIES_COLUMNS, "id"),
            (TIME_COLUMNS, "time"),
            (CHANNEL_COLUMNS, None),
            (VALUE_COLUMNS, None),
        ]
    )
    index, frame = [series, time], "X" if _is_pandas(X) else POLARS_TO_PANDAS
    call = f"set_index({index})"
    if channel is not None and value is not None:
        call = f"pivot(index={index}, columns={channel!r}, values={value!r})"
    return (
        "A long frame, with a row for each time point, needs an index of series and time: pass "
        f"{frame}.{call}.sort_index(), and in y one target for each series, in that order."
    )


def _check_real(values):
    if values.dtype.kind not in "biuf":
        raise TypeError(f"X must hold real numbers, got dtype {values.dtype}")
