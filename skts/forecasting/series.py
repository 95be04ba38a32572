"""The known values of series: from sktime's frames to standardised arrays."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sktime.datatypes import update_data

from skts.forecasting.time_points import (
    check_covers,
    check_same_kind,
    frequency_of,
    of_series,
    stacked,
    without_gaps,
)
from skts.input.frames import frames_of

_FARTHEST = 1e18  # standard deviations; float32 can still represent the square


class Scale(NamedTuple):
    """Mean and standard deviation of each column."""

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def of(cls, values):
        # squares of extreme numbers over- or underflow; scaling by powers of two is exact
        power = _power_of_two(np.nanmax(np.abs(values), axis=0))
        near_one = np.ldexp(values, -power)
        mean, std = np.nanmean(near_one, axis=0), np.nanstd(near_one, axis=0)
        rounding = 10 * np.finfo(float).eps * np.abs(mean)
        varies = std > rounding
        mean, std, rounding = (np.ldexp(number, power) for number in (mean, std, rounding))
        # the scale of a constant column is 1, or the number itself if that is smaller
        unit = np.clip(1.0, rounding, np.abs(mean))
        return cls(mean, np.where(varies & (std > 0), std, np.where(unit > 0, unit, 1.0)))

    def standardised(self, values):
        power = _power_of_two(np.maximum(np.abs(self.mean), self.std))
        values, mean, std = (np.ldexp(number, -power) for number in (values, *self))
        return (values - mean) / std

    def unstandardised(self, standardised):
        """Return the values on their own scale, infinite beyond the largest float."""
        power = _power_of_two(np.maximum(np.abs(self.mean), self.std))
        mean, std = (np.ldexp(number, -power) for number in self)
        with np.errstate(over="ignore"):
            return np.ldexp(standardised * std + mean, power)


def _power_of_two(numbers):
    """Return the binary exponent of each number."""
    return np.frexp(numbers)[1]


@dataclasses.dataclass
class Series:
    """One series without gaps in its index.

    Attributes
    ----------
    y : DataFrame of n rows
        NaN where unknown.
    X : DataFrame of n rows, or None
        NaN where unknown.
    end : index element
        The time point after which forecasts start: the last one of the latest `y`.
    held_out : pair of index elements, optional
        First and last time point that is not trained on.
    y_scale, X_scale : Scale
    name : tuple
        Name of a series of a panel, for messages.
    """

    y: pd.DataFrame
    X: pd.DataFrame | None
    end: Any
    held_out: tuple | None = None
    y_scale: Scale | None = None
    X_scale: Scale | None = None
    name: tuple = ()

    def __len__(self):
        return len(self.y)

    def seen(self):
        """Return the series up to its `end`."""
        n = self.y.index.get_loc(self.end) + 1
        if n == len(self):
            return self
        X = None if self.X is None else self.X.iloc[:n]
        return dataclasses.replace(self, y=self.y.iloc[:n], X=X)

    def split_off(self, fraction):
        """Return the series with its last part held out and with the scale of the part before.

        Nothing is held out if too few values would be left for a scale. Raises ValueError if a
        column has no value.
        """
        n_all, held_out = len(self), None
        n = self.n_left(fraction)
        if n < n_all and self._n_known(n) < 2:
            n = n_all
        if n < n_all:
            held_out = self.y.index[n], self.y.index[-1]
        scales = [self._scale(label, n) for label in ("y", "X")]
        return dataclasses.replace(self, held_out=held_out, y_scale=scales[0], X_scale=scales[1])

    def n_left(self, fraction):
        """Return the number of time points before the last part."""
        return len(self) - int(np.ceil((fraction or 0.0) * len(self)))

    def _n_known(self, n):
        """Return the fewest known values of a column of y among the first n time points.

        It is 0 if a column of X has no known value there.
        """
        if self.X is not None and self.X.iloc[:n].isna().all().any():
            return 0
        return int(self.y.iloc[:n].notna().sum().min())

    def _scale(self, label, n):
        frame = getattr(self, label)
        if frame is None:
            return None
        unknown = frame.iloc[:n].isna().all()
        if unknown.any():
            raise ValueError(
                f"every column of {label} must have a value among the {n} training time points, "
                f"but {frame.columns[unknown].tolist()} has none{of_series(self.name)}: drop it"
            )
        return Scale.of(frame.iloc[:n].to_numpy(float))

    def held_out_rows(self):
        """Return the start and the stop of the held-out time points."""
        if self.held_out is None:
            return len(self), len(self)
        start, last = (self.y.index.get_loc(label) for label in self.held_out)
        return start, last + 1

    def learnt_parts(self):
        """Return the start and the stop of each part that is trained on."""
        start, stop = self.held_out_rows()
        return [part for part in ((0, start), (stop, len(self))) if part[0] < part[1]]

    def check_goes_on(self, other):
        """Raise ValueError unless `other` has the same type of time points and the same columns."""
        check_same_kind("y", other.y.index, self.y.index)
        for label in ("y", "X"):
            mine, theirs = (
                None if frame is None else list(frame.columns)
                for frame in (getattr(self, label), getattr(other, label))
            )
            if mine != theirs:
                raise ValueError(
                    f"{label} must have the columns that it had in fit, {mine}, got {theirs}"
                )

    def is_revised_by(self, new):
        """Return whether `new` has time points that are already known."""
        return new.y.index[0] <= self.y.index[-1]

    def extended(self, new, *, fill):
        """Return the series with the values of `new`, which replace known values.

        The scale does not change, unless it was learnt from a single value.
        """
        freq = frequency_of(self.y.index)
        frames = []
        for mine, theirs in ((self.y, new.y), (self.X, new.X)):
            if mine is None:
                frames.append(None)
                continue
            revised = self.is_revised_by(new)
            both = update_data(mine, theirs) if revised else pd.concat([mine, theirs])
            frames.append(without_gaps(both, freq, fill=fill, name=self.name))
        both = dataclasses.replace(self, y=frames[0], X=frames[1], end=new.end)
        return both if self._n_known(len(self)) > 1 else both.split_off(None)

    def with_future(self, X, index, n_needed, *, lagged, fill):
        """Return the series with the rows of `X` at the time points `index` after its end.

        If X is known ahead, the first `n_needed` rows must exist. If it is `lagged`, rows may be
        missing at the end. Rows in a gap are NaN with `fill`; otherwise a gap is an error.
        """
        if self.X is None:
            if X is not None:
                raise ValueError("X must be None: the forecaster was fitted without X, got a frame")
            return self
        n_given = 0
        if X is not None:
            check_same_kind("X", X.index, self.y.index)
            check_finite("X", X, self.name)
            if list(X.columns) != list(self.X.columns):
                raise ValueError(
                    f"X must have the columns that it had in fit, {list(self.X.columns)}, got "
                    f"{list(X.columns)}"
                )
            is_given = index.isin(X.index)
            n_given = len(index) - int(is_given[::-1].argmax()) if is_given.any() else 0
            if not fill and not is_given[:n_given].all():
                raise ValueError(
                    f"X must have no gaps, but lacks {index[is_given.argmin()]}"
                    f"{of_series(self.name)}"
                )
        if not lagged and n_given < n_needed:
            raise ValueError(
                f"X must have a row for every time point from {index[0]} to {index[n_needed - 1]}, "
                f"the largest of fh, but lacks {index[n_given]}{of_series(self.name)}: pass it to "
                "predict, or fit with exogenous='lagged'"
            )
        if n_given:
            return dataclasses.replace(self, X=pd.concat([self.X, X.reindex(index[:n_given])]))
        return self

    def standardised(self):
        """Return standardised y (n, d) and X (n or more, k) or None, with NaN filled.

        Raises ValueError if a number is too far from the values of its scale.
        """
        y = _on_scale("y", self.y, self.y_scale, self.name)
        return y, None if self.X is None else _on_scale("X", self.X, self.X_scale, self.name)


def _on_scale(label, frame, scale, name):
    filled = _filled(frame)
    with np.errstate(over="ignore"):
        values = scale.standardised(filled)
    far = np.abs(values) >= _FARTHEST
    if far.any():
        row, column = np.argwhere(far)[0]
        raise ValueError(
            f"{label} must be within {_FARTHEST:g} standard deviations of the training values "
            f"(mean {scale.mean[column]:.3g}, standard deviation {scale.std[column]:.3g}), "
            f"got {filled[row, column]:.3g} at {frame.index[row]}"
            f"{of_series(name)}: correct it, or call fit again"
        )
    return values


def _filled(frame):
    return pd.DataFrame(frame.to_numpy(float)).ffill().bfill().to_numpy()


def series_of(y, X, *, fill, known=None):
    """Convert frames of sktime to series by name: a tuple, empty for a single series.

    With `fill`, a gap in an index becomes rows of NaN; otherwise it is an error. Dates have the
    frequency of the `known` series of that name. Without one, they have their own frequency, or
    the common frequency of all other series. Raises ValueError if `X` lacks a time point of `y`,
    or a number is infinite.
    """
    frames, exogenous = frames_of(y), {} if X is None else frames_of(X)
    check_known("y", frames, exogenous)
    freqs = {name: frequency_of(frame.index) for name, frame in frames.items()}
    freqs |= {name: frequency_of(one.y.index) for name, one in (known or {}).items()}
    shared = set(freqs.values()) - {None}
    shared = shared.pop() if len(shared) == 1 else None
    found = {}
    for name, frame in frames.items():
        check_finite("y", frame, name)
        whole = without_gaps(frame, freqs[name] or shared, fill=fill, name=name)
        of_one = None
        if X is not None:
            of_one = exogenous.get(name)
            check_covers(of_one, frame.index, name)
            check_finite("X", of_one, name)
            of_one = of_one.reindex(whole.index)
        found[name] = Series(whole, of_one, end=whole.index[-1], name=name)
    return found


def following(known, frame):
    """Return the frame of an array with rows numbered after the known ones, not from 0."""
    if not pd.api.types.is_integer_dtype(next(iter(known.values())).y.index):
        return frame
    starts = {name: one.y.index[-1] + 1 for name, one in known.items()}
    frames = frames_of(frame)
    frames = {n: one.set_axis(one.index + starts.get(n, 0)) for n, one in frames.items()}
    return stacked(frames, frame.index.names)


def check_levels(label, names, known):
    """Raise ValueError unless names of series have as many levels as those of known series."""
    for name in names:
        n_known = len(next(iter(known)))
        if len(name) != n_known:
            raise ValueError(
                f"the index of {label} must have {n_known} level(s) before the time points, as y "
                f"in fit, got {len(name)} (a single series has 0)"
            )


def check_known(where, known, names_of_X):
    """Raise ValueError if `X` has a series that is not known."""
    unknown = sorted(set(names_of_X) - set(known))
    if unknown:
        named = ", ".join("/".join(map(str, name)) for name in unknown[:3])
        raise ValueError(
            f"X must have only the series of {where}, got {len(unknown)} more, such as {named}: "
            "drop these from X"
        )


def check_finite(label, frame, name=()):
    """Raise ValueError if a number is infinite."""
    if np.isinf(frame.to_numpy(float)).any():
        raise ValueError(
            f"{label} must hold finite numbers, got infinity{of_series(name)}: replace it, or make "
            "it NaN and set missing='ffill'"
        )
