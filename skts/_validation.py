"""Anything array-like to float32 series (n, C, T) and their lengths; the only judge of input."""

from typing import NamedTuple

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    assert_all_finite,
    check_array,
    check_consistent_length,
    column_or_1d,
    validate_data,
)

CONTAINERS = (
    "X must be a 2-D array (n, T) of univariate series, a 3-D array (n, C, T), or a list of n "
    "arrays, each (T_i,) or (C, T_i)"
)
ANY_LENGTH = (
    "a network that takes any length (pooling='average' where there is a pooling, "
    "dimension_shuffle=False and a recurrent cell where there is a shuffle, or FCN)"
)


class InputOptions(NamedTuple):
    """How an estimator reads series, as it was when it was fitted."""

    missing: str
    normalize: str | None
    lengths: str
    min_timepoints: int


def input_options(estimator):
    """Those that the estimator's parameters and the recorded shape of its input give."""
    return InputOptions(
        estimator.missing,
        estimator.normalize,
        estimator._accepted_lengths(),
        estimator._min_timepoints(estimator.n_timepoints_in_),
    )


def check_goes_on(estimator):
    """Raise ValueError unless series are still read as in the fit that training goes on from."""
    now, then = input_options(estimator), estimator._input_options
    if now != then:
        raise ValueError(
            "training can only go on with series read as before: the options must give "
            f"{then._asdict()}, got {now._asdict()}. Undo the change, or fit anew "
            "(warm_start=False)."
        )


class Panel(NamedTuple):
    """Series as the networks read them.

    `values` is float32 (n, C, T), zero beyond each series' end; `lengths` is int64 (n,), or None
    where all series are T long.
    """

    values: np.ndarray
    lengths: np.ndarray | None


def check_series(estimator, X, *, reset):
    """Read `X`, judge it, prepare it as the estimator's options say.

    Parameters
    ----------
    estimator : estimator
        Gives the options `missing` and `normalize`, `reset` or not: those it was fitted with.
    X : array-like
        See `CONTAINERS`; also pandas and polars frames and sktime's panel containers.
    reset : bool
        Record the input's shape and the options on the estimator (`fit`) or hold X against them.

    Returns
    -------
    Panel

    Raises
    ------
    ValueError, TypeError
        Saying what is required, what came and what mends it.
    """
    if reset:
        for name in ("feature_names_in_", "channel_names_in_"):  # of an earlier fit
            vars(estimator).pop(name, None)
    _check_channel_names(estimator, X, reset)
    values, lengths = _read(estimator, X, reset)
    if reset:
        _record_shape(estimator, values, lengths)
        estimator._input_options = input_options(estimator)
        _check_lengths_at_fit(estimator, lengths)
    else:
        values, lengths = _fit_to_training_shape(estimator, values, lengths)
    options, valid = estimator._input_options, _valid_points(values, lengths)
    if options.missing == "interpolate" and values.dtype.kind == "f":
        missing = np.isnan(values) & valid
        _check_finite(values, valid & ~missing, "X")
        values = _interpolated(values, missing, valid)
    _check_finite(values, valid, "X")
    if options.normalize == "series":
        values = _normalized(values, valid)
    with np.errstate(over="ignore"):
        single = np.require(values, dtype=np.float32, requirements=["C", "W"])
    _check_finite(single, valid, "X as float32")
    return Panel(single, lengths)


def check_sample_weight(sample_weight, X):
    """Finite, non-negative float64 weights, one for each series; ones for None."""
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    assert_all_finite(weight, input_name="sample_weight")
    return weight


def check_targets(estimator, y, X, *, numeric):
    """A 1-D array with one target for each series of `X`: float64 where `numeric`, else labels."""
    name = type(estimator).__name__
    if y is None:
        raise ValueError(f"{name} requires y to be passed, but the target y is None")
    y = column_or_1d(y, warn=True)
    if numeric:
        if y.dtype.kind in "cmM":
            raise TypeError(f"y must hold real numbers, got dtype {y.dtype}")
        y = y.astype(np.float64)  # raises a ValueError that shows the text which is no number
    assert_all_finite(y, input_name="y", estimator_name=name)
    check_consistent_length(X, y)
    if not numeric:
        check_classification_targets(y)
    return y


def _read(estimator, X, reset):
    """Values (n, C, T) of any real dtype, and lengths or None."""
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


def _record_shape(estimator, values, lengths):
    _, estimator.n_channels_in_, estimator.n_timepoints_in_ = values.shape
    estimator.unequal_length_in_ = lengths is not None
    estimator.n_features_in_ = estimator.n_channels_in_ * estimator.n_timepoints_in_


def _fit_to_training_shape(estimator, values, lengths):
    """The series as the fitted network takes them: its channels and, where fixed, its length."""
    n, n_channels, n_timepoints = values.shape
    name, trained = type(estimator).__name__, estimator.n_timepoints_in_
    if n_channels != estimator.n_channels_in_:
        raise ValueError(
            f"{name} was fitted on series of {estimator.n_channels_in_} channel(s), X has "
            f"{n_channels}"
        )
    options = estimator._input_options
    each = np.full(n, n_timepoints) if lengths is None else lengths
    _check_long_enough(estimator, each)
    if options.lengths == "any":
        return values, lengths
    padded = options.lengths == "padded" and estimator.unequal_length_in_
    wrong = each > trained if padded else each != trained
    if wrong.any():
        raise ValueError(
            f"{name} was fitted on series of {'at most ' if padded else ''}{trained} time points "
            f"and its network takes no other length; series {wrong.argmax()} of X has "
            f"{each[wrong.argmax()]}. Resample or cut the series, or fit {ANY_LENGTH}."
        )
    if n_timepoints < trained:
        values = np.pad(values, ((0, 0), (0, 0), (0, trained - n_timepoints)))
    return values, None if (each == trained).all() else each


def _check_lengths_at_fit(estimator, lengths):
    if lengths is None:
        return
    if estimator._input_options.lengths == "equal":
        raise ValueError(
            f"the network of {type(estimator).__name__} takes series of one length, X has series "
            f"of {lengths.min()} to {lengths.max()} time points. Resample or cut the series, or "
            f"fit {ANY_LENGTH}."
        )
    _check_long_enough(estimator, lengths)


def _check_long_enough(estimator, lengths):
    needed = estimator._input_options.min_timepoints
    if lengths.min() < needed:
        raise ValueError(
            f"the convolutions of {type(estimator).__name__} need series of at least {needed} time "
            f"points, series {lengths.argmin()} of X has {lengths.min()}. Drop or pad those "
            "series, or fit with smaller kernel_sizes."
        )


def _valid_points(values, lengths):
    """True where a value belongs to its series, broadcastable to (n, C, T)."""
    if lengths is None:
        return np.True_
    return np.arange(values.shape[2]) < lengths[:, None, None]  # (n, 1, T)


def _check_finite(values, valid, name):
    if values.dtype.kind != "f":
        return
    bad = ~np.isfinite(values) & valid
    if not bad.any():
        return
    series, channel, time = np.argwhere(bad)[0]
    n_nan = np.isnan(values[bad]).sum()
    what, remedy = (
        ("NaN", "Fit with missing='interpolate', or drop or fill those series")
        if n_nan
        else ("infinity", "Replace it, drop those series, or bring them to a smaller scale")
    )
    raise ValueError(
        f"{name} contains {what}: {bad.sum()} value(s) are not finite, the first in series "
        f"{series}, channel {channel}, at time point {time}. {remedy}."
    )


def _interpolated(values, missing, valid):
    """NaN filled linearly in time, beyond the first and last value with the nearest one."""
    values, known = values.copy(), ~missing & valid
    for series, channel in np.argwhere(missing.any(axis=2)):
        holes, points = missing[series, channel], known[series, channel]
        if not points.any():
            raise ValueError(
                f"X has no value at all in channel {channel} of series {series}: nothing to "
                "interpolate. Drop the series or fill it."
            )
        values[series, channel, holes] = np.interp(
            np.flatnonzero(holes), np.flatnonzero(points), values[series, channel, points]
        )
    return values


def _normalized(values, valid):
    """Each channel of each series to mean 0 and deviation 1; a constant one to zeros."""
    values = np.where(valid, values.astype(np.float64), 0)
    peak = np.abs(values).max(axis=2, keepdims=True)
    values /= np.where(peak > 0, peak, 1)  # squares of the largest numbers would overflow
    where = np.broadcast_to(valid, values.shape)
    mean = values.mean(axis=2, keepdims=True, where=where)
    std = values.std(axis=2, keepdims=True, where=where)
    constant = std <= 1e-12
    return np.where(where & ~constant, (values - mean) / np.where(constant, 1, std), 0)
