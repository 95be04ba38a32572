"""Validation of all input, and its conversion to float32 series (n, C, T) and lengths."""

import warnings
from numbers import Number
from types import NoneType
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    assert_all_finite,
    column_or_1d,
)

from skts.input.containers import names_its_axes, read

ANY_LENGTH = (
    "a network that takes any length (FCN, a network with pooling='average', or one with "
    "dimension_shuffle=False and a recurrent cell)"
)

SWAP_AXES = (
    "If its axes are (n, T, C), as in Keras and tslearn, pass X.transpose(0, 2, 1), or "
    "np.swapaxes(X, 1, 2) if X is a list or a tensor."
)

VALUES_AT_ONCE = 2**20  # values prepared at a time, which limits temporary memory


class InputOptions(NamedTuple):
    """The input options of an estimator at the time of fit."""

    missing: str
    normalize: str | None
    lengths: str
    min_timepoints: int
    representation: str | None = None  # last, because earlier pickles lack it


def input_options(estimator):
    """Return the input options for the estimator's parameters and recorded input shape."""
    return InputOptions(
        estimator.missing,
        estimator.normalize,
        estimator._lengths_read(),
        estimator._least_timepoints(),
        estimator.representation,
    )


def check_goes_on(estimator):
    """Raise ValueError unless series are still read as in the fit that training continues."""
    now, then = input_options(estimator), estimator._input_options
    if now != then:
        raise ValueError(
            "training can only continue if series are read as before: the options must be "
            f"{then._asdict()}, got {now._asdict()}. Undo the change, or start again "
            "(warm_start=False)."
        )


def check_finite(found, series, what, remedy="Bring X to the scale of the training series"):
    """Return `found`, which has a row per series, or raise ValueError if it is not finite.

    `series(i)` returns the values of series i, which the message describes.
    """
    finite = np.isfinite(found).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"{what} for {(~finite).sum()} series of X; the first is series {finite.argmin()}, "
            f"with values up to {np.abs(series(finite.argmin())).max():.3g}. {remedy}, or fit "
            "with normalize='series'."
        )
    return found


class Panel(NamedTuple):
    """Series as the networks read them.

    `values` is float32 (n, C, T), with zeros after the end of each series. `lengths` is int64
    (n,), or None if all series have T time points.
    """

    values: np.ndarray
    lengths: np.ndarray | None


def check_series(estimator, X, *, reset):
    """Read and validate `X`, and prepare it according to the estimator's options.

    Parameters
    ----------
    estimator : estimator
        Without `reset`, its options at the time of fit apply.
    X : array-like
        A container that skts.input.containers reads.
    reset : bool
        Whether to record the shape of X and the options on the estimator (as in `fit`), or to
        compare X with them.

    Returns
    -------
    Panel

    Raises
    ------
    ValueError, TypeError
        If `X` is not accepted. The message says what is required, what was given and the remedy.

    Warns
    -----
    UserWarning
        With `reset`, if the series of an array have several channels but only one time point.
    """
    if reset:
        for name in ("feature_names_in_", "channel_names_in_"):  # from an earlier fit
            vars(estimator).pop(name, None)
    values, lengths = read(estimator, X, reset)
    if reset:
        if values.shape[2] == 1 < values.shape[1] and not names_its_axes(X):
            warnings.warn(
                f"X of shape {values.shape} is read as (n, C, T): series of {values.shape[1]} "
                f"channels and 1 time point. {SWAP_AXES}",
                stacklevel=4,
            )
        _record_shape(estimator, values, lengths)
        estimator._input_options = input_options(estimator)
        _check_lengths_at_fit(estimator, lengths)
    else:
        values, lengths = _fit_to_training_shape(estimator, values, lengths)
    return Panel(_prepared(values, lengths, estimator._input_options), lengths)


def check_sample_weight(sample_weight, X):
    """Return finite, non-negative float64 weights, one per series; ones for None."""
    _check_unmasked(sample_weight, "sample_weight")
    if hasattr(sample_weight, "detach"):
        sample_weight = sample_weight.detach().cpu()
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    assert_all_finite(weight, input_name="sample_weight")
    if not weight.any():  # scikit-learn checks this itself from version 1.9
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weight


def check_targets(estimator, y, X, *, numeric):
    """Return a 1-D array with one target per series of `X`: float64 if `numeric`, else labels."""
    name = type(estimator).__name__
    if y is None:
        raise ValueError(f"{name} requires y to be passed, but the target y is None")
    _check_unmasked(y, "y")
    if hasattr(y, "detach"):  # a torch tensor, which can have gradients or be on a CUDA device
        y = y.detach().cpu()
    if isinstance(y, (list, tuple)):
        _check_each(y, numeric)
    if _is_nullable(y):
        y = y.astype(y.dtype.numpy_dtype)  # scikit-learn would convert it to floats
    y = column_or_1d(y, warn=True)
    if y.dtype == object and pd.isna(y).any():
        raise ValueError(
            f"Input y contains NaN: series {pd.isna(y).argmax()} has no target. Drop such series."
        )
    if y.dtype == object:
        _check_each(y, numeric)
    if numeric:
        if y.dtype.kind in "cmM":
            raise TypeError(f"y must hold real numbers, got dtype {y.dtype}")
        try:
            y = y.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise type(error)(f"y must hold real numbers: {error}") from error
    assert_all_finite(y, input_name="y", estimator_name=name)
    if len(y) != len(X):
        raise ValueError(
            "X must have one series for each target in y, found input variables with inconsistent "
            f"numbers of samples: {[len(X), len(y)]}; X was read as (n, C, T) = {X.shape}."
            + (" If columns of X are series, pass X.T." if X.shape[1:] == (1, len(y)) else "")
        )
    if not numeric:
        _check_labels(y)
    return y


def _check_labels(y):
    try:
        check_classification_targets(y)
    except ValueError as error:
        if y.dtype != object:
            raise
        raise ValueError(
            f"{error} y holds objects such as {y[0]!r}: pass np.asarray(list(y)) if they are "
            "numbers or booleans, or else y.astype(str)."
        ) from error


def _check_each(y, numeric):
    """Raise an error if `y` has nested sequences, or numbers among labels of other types.

    NumPy would convert such numbers to strings.
    """
    try:
        np.asarray(y)
    except ValueError as error:
        raise ValueError(
            f"y must hold one target per series, got a {type(y).__name__} of sequences of "
            "unequal lengths"
        ) from error
    numbers = [label for label in y if isinstance(label, (Number, np.bool_))]
    others = [label for label in y if not isinstance(label, (Number, np.bool_, NoneType))]
    if numbers and others and not numeric:
        raise TypeError(
            f"y must hold labels of one type, got {numbers[0]!r} and {others[0]!r}: convert all "
            "labels to strings, [str(label) for label in y], or drop series without a label"
        )


def _is_nullable(y):
    """Return whether `y` is a pandas Series of a nullable dtype without missing values."""
    return hasattr(getattr(y, "dtype", None), "numpy_dtype") and not y.isna().any()


def _check_unmasked(values, name):
    if np.ma.is_masked(values):
        first = np.flatnonzero(np.ma.getmaskarray(values))[0]
        raise ValueError(
            f"{name} must have a value for each series, but that of series {first} is masked. "
            f"Drop such series: X[~{name}.mask]."
        )


def _record_shape(estimator, values, lengths):
    _, estimator.n_channels_in_, estimator.n_timepoints_in_ = values.shape
    estimator.unequal_length_in_ = lengths is not None
    estimator.n_features_in_ = estimator.n_channels_in_ * estimator.n_timepoints_in_


def _fit_to_training_shape(estimator, values, lengths):
    """Check the channels and lengths against the training series; pad to a fixed length."""
    n, n_channels, n_timepoints = values.shape
    name, trained = type(estimator).__name__, estimator.n_timepoints_in_
    if n_channels != estimator.n_channels_in_:
        raise ValueError(
            f"{name} was fitted on series of {estimator.n_channels_in_} channel(s), but X has "
            f"{n_channels}: its shape is {values.shape}, read as (n, C, T)."
            + (f" {SWAP_AXES}" if n_timepoints == estimator.n_channels_in_ else "")
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
            f"the network of {type(estimator).__name__} needs series of equal length, but X has "
            f"series of {lengths.min()} to {lengths.max()} time points. Resample or cut the "
            f"series, or fit {ANY_LENGTH}."
        )
    _check_long_enough(estimator, lengths)


def _check_long_enough(estimator, lengths):
    needed = estimator._input_options.min_timepoints
    if lengths.min() < needed:
        raise ValueError(
            f"the convolutions of {type(estimator).__name__} need series of at least {needed} time "
            f"points, but series {lengths.argmin()} of X has {lengths.min()}. Drop or pad such "
            "series, or fit with smaller kernel_sizes."
        )


def _prepared(values, lengths, options):
    """Return `values` as finite float32, interpolated and normalised according to the options.

    A few series are processed at a time, which limits temporary memory. Float32 values that need
    no change are not copied.
    """
    fills = options.missing == "interpolate" and values.dtype.kind == "f"
    stays = not fills and options.normalize is None and values.dtype == np.float32
    stays = stays and values.flags.c_contiguous
    prepared = values if stays else np.empty(values.shape, np.float32)
    at_once = max(1, VALUES_AT_ONCE // values[0].size)
    for start in range(0, len(values), at_once):
        rows = slice(start, start + at_once)
        part, valid = values[rows], _valid_points(values, lengths, rows)
        if fills:
            part = _interpolated(part, valid, start)
        _check_finite(part, valid, start, "X")
        if options.normalize == "series":
            part = _normalized(part, valid)
        if not stays:
            with np.errstate(over="ignore"):
                prepared[rows] = part
            _check_finite(prepared[rows], valid, start, "X as float32")
    return prepared


def _valid_points(values, lengths, rows):
    """Return a mask that excludes padding, broadcastable to (rows, C, T)."""
    if lengths is None:
        return np.True_
    return np.arange(values.shape[2]) < lengths[rows, None, None]


def _check_finite(values, valid, start, name):
    if values.dtype.kind != "f":
        return
    bad = ~np.isfinite(values) & valid
    if not bad.any():
        return
    series, channel, time = np.argwhere(bad)[0]
    what, remedy = (
        ("NaN", "Fit with missing='interpolate', or drop or fill such series")
        if np.isnan(values[series, channel, time])
        else ("infinity", "Replace the value, drop such series, or scale them down")
    )
    raise ValueError(
        f"{name} contains {what}: the first value that is not finite is in series "
        f"{start + series}, channel {channel}, at time point {time}. {remedy}."
    )


def _interpolated(values, valid, start):
    """Interpolate NaN linearly in time; before the first and after the last value, repeat it."""
    missing = np.isnan(values) & valid
    values, known = values.copy(), ~missing & valid
    _check_finite(values, known, start, "X")
    for series, channel in np.argwhere(missing.any(axis=2)):
        holes, points = missing[series, channel], known[series, channel]
        if not points.any():
            raise ValueError(
                f"all values in channel {channel} of series {start + series} of X are missing, so "
                "they cannot be interpolated. Drop or fill the series."
            )
        values[series, channel, holes] = np.interp(
            np.flatnonzero(holes), np.flatnonzero(points), values[series, channel, points]
        )
    return values


def _normalized(values, valid):
    """Scale each channel of each series to mean 0 and standard deviation 1, constants to 0."""
    values = np.where(valid, values.astype(np.float64), 0)
    peak = np.abs(values).max(axis=2, keepdims=True)
    values /= np.where(peak > 0, peak, 1)  # prevents overflow in the squares of large values
    where = np.broadcast_to(valid, values.shape)
    mean = values.mean(axis=2, keepdims=True, where=where)
    std = values.std(axis=2, keepdims=True, where=where)
    constant = std <= 1e-12
    return np.where(where & ~constant, (values - mean) / np.where(constant, 1, std), 0)


def check_not_beyond(values, name):
    """Return `values`, or raise ValueError if one of them overflowed to infinity."""
    if not np.isfinite(values).all():
        raise ValueError(
            f"{name} exceed the largest number, {np.finfo(float).max:.3g}: divide y by a power "
            "of ten before fit"
        )
    return values
