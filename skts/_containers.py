"""Anything array-like to values (n, C, T) of any real dtype, and lengths."""

import numpy as np
from sklearn.utils.validation import check_array, validate_data

CONTAINERS = (
    "X must be a 2-D array (n, T) of univariate series, a 3-D array (n, C, T), or a list of n "
    "arrays, each (T_i,) or (C, T_i)"
)


def read(estimator, X, reset):
    """Values (n, C, T) of any real dtype and lengths, None where all series are equally long.

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
    _check_channel_names(estimator, X, reset)
    X = _unwrapped(X)
    if isinstance(X, list):
        return _stacked(X)
    n_dims = getattr(X, "ndim", 2)
    if n_dims < 3:
        return _table(estimator, X, reset)[:, None, :], None
    values = check_array(
        X, allow_nd=True, dtype="numeric", ensure_all_finite=False, estimator=estimator
    )
    _check_real(values)
    if n_dims != 3 or 0 in values.shape:
        raise ValueError(f"{CONTAINERS}, not empty; got an array of shape {values.shape}")
    return values, None


def _unwrapped(X):
    """A list of arrays (C, T_i) where `X` holds series of their own, else an array-like."""
    if _is_pandas_panel(X):
        X = _frames(X)
    if isinstance(X, (list, tuple)) and len(X) and all(hasattr(x, "shape") for x in X):
        # a frame holds time points in its rows, an array in its last axis
        return [_array(x).T if hasattr(x, "columns") else _array(x) for x in X]
    if isinstance(X, (list, tuple)):
        try:
            return np.asarray(X)
        except ValueError as error:
            raise ValueError(
                f"{CONTAINERS}; got nested lists of unequal lengths. Make each series an array: "
                "[np.asarray(series) for series in X]."
            ) from error
    if hasattr(X, "detach"):
        return _array(X)
    if getattr(X, "ndim", None) == 1 and _holds_series(next(iter(X), None)):
        raise ValueError(
            f"{CONTAINERS}; got a one-dimensional {type(X).__name__} of series. Pass "
            "[np.asarray(series) for series in X]."
        )
    return X


def _array(x):
    """A torch tensor, a frame or an array-like as an array."""
    if hasattr(x, "detach"):
        if x.is_complex():
            raise TypeError(f"X must hold real numbers, got dtype {x.dtype}")
        return x.detach().cpu().double().numpy()
    array = np.asarray(x)
    if array.dtype == object and _is_pandas(x):
        return x.to_numpy(dtype=np.float64, na_value=np.nan)
    return array


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
    frames = X if isinstance(X, (list, tuple)) else [X] if _is_pandas_panel(X) else []
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


def _is_pandas_panel(X):
    """A pandas frame whose rows are not series: multi-index, or nested with series in its cells."""
    if not _is_pandas(X):
        return False
    return X.index.nlevels > 1 or (X.size > 0 and _holds_series(X.iat[0, 0]))


def _holds_series(cell):
    return hasattr(cell, "__len__") and not isinstance(cell, str)


def _stacked(series):
    """A list of (T_i,) or (C, T_i) arrays, padded with zeros at their ends."""
    series = [x.astype(np.float64) if x.dtype == object else x for x in series]
    series = [x[None, :] if x.ndim == 1 else x for x in series]
    for i, x in enumerate(series):
        if x.ndim != 2 or 0 in x.shape:
            raise ValueError(f"{CONTAINERS}; series {i} of the list has shape {x.shape}")
        if len(x) != len(series[0]):
            raise ValueError(
                "all series must have the same channels: series 0 of the list has "
                f"{len(series[0])}, series {i} has {len(x)}"
            )
        _check_real(x)
    lengths = np.array([x.shape[1] for x in series])
    values = np.zeros(
        (len(series), len(series[0]), lengths.max()), dtype=np.result_type(*series, np.float32)
    )
    for row, x in zip(values, series, strict=True):
        row[:, : x.shape[1]] = x
    return values, None if (lengths == lengths.max()).all() else lengths


def _table(estimator, X, reset):
    """A 2-D X, whose columns scikit-learn names and counts."""
    if not reset and estimator.n_channels_in_ > 1:
        n_channels, n_timepoints = estimator.n_channels_in_, estimator.n_timepoints_in_
        raise ValueError(
            f"{type(estimator).__name__} was fitted on series of {n_channels} channels; a 2-D X "
            f"holds series of one. Pass a 3-D array (n, {n_channels}, {n_timepoints})."
        )
    if _is_pandas(X) and 0 in X.shape:
        raise ValueError(f"{CONTAINERS}, not empty; got a DataFrame of shape {X.shape}")
    try:
        values = validate_data(estimator, X, reset=reset, dtype="numeric", ensure_all_finite=False)
    except np.exceptions.DTypePromotionError as error:
        raise TypeError(
            f"X must hold real numbers, got columns of dtypes {sorted(map(str, set(X.dtypes)))}"
        ) from error
    _check_real(values)
    return values


def _check_real(values):
    if values.dtype.kind not in "biuf":
        raise TypeError(f"X must hold real numbers, got dtype {values.dtype}")
