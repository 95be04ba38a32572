"""Conversion of accepted containers to values (n, C, T) of any real dtype, and lengths."""

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

#: Column names by which long frames are recognised, in lower case.
SERIES_COLUMNS = {"id", "case_id", "instance", "instances", "sample_id", "series", "series_id"}
SERIES_COLUMNS |= {"unique_id"}
TIME_COLUMNS = {"date", "datetime", "ds", "reading_id", "time", "timepoint", "timepoints"}
TIME_COLUMNS |= {"time_point", "timestamp"}
CHANNEL_COLUMNS = {"channel", "dim", "dim_id", "dimension", "kind", "variable"}
POLARS_TO_PANDAS = "pd.DataFrame(X.to_dict(as_series=False))"  # without pyarrow
VALUE_COLUMNS = {"value", "values", "y"}


def read(estimator, X, reset):
    """Return values (n, C, T) of any real dtype, and lengths or None if all are equal.

    Masked values, None and NA become NaN.

    Parameters
    ----------
    estimator : estimator
        Named in errors. With `reset`, the column names are recorded on it.
    X : array-like
        See `CONTAINERS`; also pandas and polars frames and sktime's panel containers.
    reset : bool
        Whether to record the names of columns and channels, or to compare X with them.

    Raises
    ------
    ValueError, TypeError
        If `X` is not accepted. The message says what is required, what was given and the remedy.
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
    """Return whether `X` consists of frames with time points as rows and channels as columns."""
    frames = X if isinstance(X, (list, tuple)) else [X]
    return is_panel(X) or all(hasattr(frame, "columns") for frame in frames)


def _check_container(X):
    """Raise TypeError unless `X` is an array, a sequence or a frame."""
    if not isinstance(X, Dataset):  # a torch Dataset can look like a sequence
        if hasattr(X, "__array__") or hasattr(X, "dtype"):
            return
        if isinstance(X, Sequence) and not isinstance(X, (str, bytes)):
            return
    raise TypeError(f"{CONTAINERS}; got a {type(X).__name__}{_remedy(X)}")


def _remedy(X):
    if isinstance(X, DataLoader):
        return ". Concatenate its batches: X = np.concatenate([x for x, y in loader])."
    if isinstance(X, Dataset):
        return ". Stack its series: X = np.stack([x for x, y in dataset])."
    if isinstance(X, (str, bytes, os.PathLike)):
        return f", {X!r}. Read the file first, for example with numpy.load or pandas.read_csv."
    if isinstance(X, Mapping):
        return ". Pass one of its values, or list(X.values()) if each value is a series."
    if hasattr(X, "collect"):
        return ". Pass X.collect()."
    if isinstance(X, Iterable):
        return ". Pass a list of its series: list(X), or [x for x, y in X] if it yields pairs."
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
    # scikit-learn's estimator checks require the words "Reshape your data"
    return (
        f"{got}. Reshape your data: np.asarray(X)[None, :] is one series of {len(X)} time points, "
        f"np.asarray(X)[:, None] is {len(X)} series of 1 time point. Pass series of unequal length "
        "as a list of arrays."
    )


def unwrapped(X):
    """Return a list of arrays (C, T_i) if `X` holds separate series, or else an array-like."""
    if is_panel(X):
        X = _frames(X)
    if getattr(X, "is_nested", False):
        X = X.unbind()
    if isinstance(X, Sequence) and not hasattr(X, "shape"):
        X = list(X)
    if isinstance(X, (list, tuple)) and _is_list_of_arrays(X):
        if any(map(is_panel, X)):
            raise ValueError(
                f"{CONTAINERS}; got a list of frames with several series each. Pass one such "
                "frame: X[0], or pd.concat(X)."
            )
        for i, x in enumerate(X):
            check_times(x, i)
        # time points are the rows of a frame, but the last axis of an array
        return [array_of(x).T if hasattr(x, "columns") else array_of(x) for x in X]
    if isinstance(X, (list, tuple)):
        try:
            return array_of([_channels(x) for x in X])
        except ValueError as error:
            raise ValueError(
                f"{CONTAINERS}; got nested lists of unequal lengths. Convert each series: "
                "[np.asarray(series) for series in X]."
            ) from error
    return X if hasattr(X, "columns") else _array_like(X)


def check_times(series, i, what="X"):
    """Raise ValueError if the index of a pandas frame or Series is not sorted or has duplicates.

    Only indexes of numbers, dates, time spans and periods are checked. An index of strings has no
    order in time, and can come from the columns of a table.
    """
    times = getattr(series, "index", None)
    is_of_dtype = isinstance(times, pd.Index) and times.dtype.kind in "iufmM"
    if not is_of_dtype and not isinstance(times, pd.PeriodIndex):
        return
    if not times.is_unique:
        raise ValueError(
            f"the time points of a series must be unique, series {i} of {what} has "
            f"{times[times.duplicated()][0]} more than once. Drop or average its rows."
        )
    if not times.is_monotonic_increasing:
        raise ValueError(
            f"the time points of a series must be sorted, series {i} of {what} has "
            f"{times[(times[1:] < times[:-1]).argmax() + 1]} after a later one. Sort its rows, "
            f"[x.sort_index() for x in {what}], or assign new time points."
        )


def _is_list_of_arrays(X):
    # a list of NumPy scalars is one series
    return all(hasattr(x, "shape") for x in X) and any(getattr(x, "ndim", 1) for x in X)


def _channels(x):
    """Return an item of a list as an array, or as a list whose channels can be arrays."""
    if isinstance(x, (list, tuple)):
        return [array_of(channel) if hasattr(channel, "shape") else channel for channel in x]
    return array_of(x) if hasattr(x, "shape") else x


def _array_like(X):
    """Return an array-like for check_array, with NaN for missing values."""
    is_read = hasattr(X, "detach") or isinstance(X, np.ma.MaskedArray)
    holds_objects = isinstance(X, np.ndarray) and X.dtype == object
    if is_read or holds_objects:
        return array_of(X)
    if hasattr(X, "shape"):
        return X
    try:  # for example awkward arrays, whose series can differ in length
        return array_of(X)
    except ValueError as error:
        raise ValueError(
            f"{CONTAINERS}; got a {type(X).__name__} that is not such an array ({error}). Pass "
            "[np.asarray(series) for series in X]."
        ) from error


def array_of(x):
    """Convert a torch tensor, a frame or an array-like to an array."""
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
    """Return `values` with NaN where `missing`; a copy if any value is missing."""
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
    from sktime.datatypes import convert_to  # imported here, because it takes about a second

    try:
        return convert_to(X, "df-list", as_scitype="Panel")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{CONTAINERS}, or a panel container of sktime; got a DataFrame that sktime does not "
            "accept as a panel. Its instances must be contiguous and their time points sorted; "
            "the cells of a nested frame must be Series. sktime.datatypes.check_raise shows "
            "details."
        ) from error


def _check_channel_names(estimator, X, reset):
    """Raise ValueError unless all frames have the same channels in the same order.

    The networks know a channel only by its position.
    """
    frames = X if isinstance(X, (list, tuple)) else [X] if is_panel(X) else []
    if not len(frames) or not all(hasattr(frame, "columns") for frame in frames):
        return
    if not reset and "channel_names_in_" not in vars(estimator):
        return
    first = list(frames[0].columns) if reset else estimator.channel_names_in_
    for frame in frames:
        if list(frame.columns) != first:
            raise ValueError(
                f"all frames of X must have the channels {first} in this order, as in the "
                f"training series; got {list(frame.columns)}"
            )
    estimator.channel_names_in_ = first


def _is_pandas(X):
    return type(X).__module__.partition(".")[0] == "pandas" and hasattr(X, "columns")


def is_panel(X):
    """Return whether `X` is a pandas frame with a multi-index, or with series in its cells."""
    if not _is_pandas(X):
        return False
    return X.index.nlevels > 1 or (X.size > 0 and _holds_series(X.iat[0, 0]))


def _holds_series(cell):
    is_number = getattr(cell, "shape", None) == ()  # a scalar of another array package
    return hasattr(cell, "__len__") and not isinstance(cell, str) and not is_number


def _stacked(series):
    """Stack arrays (T_i,) or (C, T_i), padded with zeros at the end."""
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
                "all series must have the same number of channels: series 0 of the list has "
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
        raise TypeError(f"X must hold real numbers, but {name} does not: {error}") from error


def _if_transposed(series):
    alike = all(x.ndim == 2 and x.shape[1] == series[0].shape[1] for x in series)
    return ". If they are (T_i, C), pass [x.T for x in X]" if alike else ""


def _table(estimator, X, reset):
    """Return a 2-D X as an array; scikit-learn records or checks its columns."""
    if not reset and estimator.n_channels_in_ > 1:
        n_channels, n_timepoints = estimator.n_channels_in_, estimator.n_timepoints_in_
        raise ValueError(
            f"{type(estimator).__name__} was fitted on series of {n_channels} channels; the series "
            f"in a 2-D X have 1 channel. Pass a 3-D array (n, {n_channels}, {n_timepoints})."
        )
    if _is_pandas(X) and (X.dtypes == "object").any():
        # check_array accepts NA only in columns of pandas' extension dtypes
        X = X.convert_dtypes(convert_integer=False)
    if hasattr(X, "columns"):
        _check_wide(X)
    values = validate_data(estimator, X, reset=reset, dtype="numeric", ensure_all_finite=False)
    if values.dtype == object:  # polars columns of booleans or decimals with missing values
        values = _as_numbers(_with_nan(values, pd.isna(values)), "X")
    _check_real(values)
    return values


def _check_wide(X):
    """Raise an error unless a frame is a table of numbers with one column per time point."""
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
            f"X must hold real numbers, got columns of dtypes {others}. Drop these columns. "
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
    """Return the first column of `X` with one of these names, or None."""
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
        "A long frame, with one row per time point, needs an index of series and time: pass "
        f"{frame}.{call}.sort_index(), and in y one target per series, in the same order."
    )


def _check_real(values):
    if values.dtype.kind not in "biuf":
        raise TypeError(f"X must hold real numbers, got dtype {values.dtype}")
