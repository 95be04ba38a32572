"""What is known of series: from sktime's frames to arrays on a common scale."""

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

_FARTHEST = 1e18  # standard deviations, whose squares float32 still holds


class Scale(NamedTuple):
    """Mean and standard deviation of each column."""

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def of(cls, values):
        # squares of the largest and smallest numbers are none: powers of two change no digit
        power = _power_of_two(np.nanmax(np.abs(values), axis=0))
        near_one = np.ldexp(values, -power)
        mean, std = np.nanmean(near_one, axis=0), np.nanstd(near_one, axis=0)
        rounding = 10 * np.finfo(float).eps * np.abs(mean)
        varies = std > rounding
        mean, std, rounding = (np.ldexp(number, power) for number in (mean, std, rounding))
        # a constant column: in units of 1, or of the number itself where that is small
        unit = np.clip(1.0, rounding, np.abs(mean))
        return cls(mean, np.where(varies & (std > 0), std, np.where(unit > 0, unit, 1.0)))

    def standardised(self, values):
        power = _power_of_two(np.maximum(np.abs(self.mean), self.std))
        values, mean, std = (np.ldexp(number, -power) for number in (values, *self))
        return (values - mean) / std

    def unstandardised(self, standardised):
        """The values again; infinite beyond the largest number."""
        power = _power_of_two(np.maximum(np.abs(self.mean), self.std))
        mean, std = (np.ldexp(number, -power) for number in self)
        with np.errstate(over="ignore"):
            return np.ldexp(standardised * std + mean, power)


def _power_of_two(numbers):
    """The power of two of each number's size."""
    return np.frexp(numbers)[1]


@dataclasses.dataclass
class Series:
    """One series without gaps in its index, and what is kept of it.

    Attributes
    ----------
    y, X : DataFrame of n rows, and one or None
        NaN where nothing is known.
    end : index element
        The time point after which forecasts start: the last of the `y` that came last.
    held_out : pair of index elements, optional
        First and last time point that is not trained on.
    y_scale, X_scale : Scale
    name : tuple
        Of a series of a panel, for messages.
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
        """The same series up to its end."""
        n = self.y.index.get_loc(self.end) + 1
        if n == len(self):
            return self
        X = None if self.X is None else self.X.iloc[:n]
        return dataclasses.replace(self, y=self.y.iloc[:n], X=X)

    def split_off(self, fraction):
        """The same series, its last part held out, on the scale of what comes before.

        Nothing is held out where too little would be left for a scale. Raises ValueError where a
        column has no value at all.
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
        """Time points before the last part."""
        return len(self) - int(np.ceil((fraction or 0.0) * len(self)))

    def _n_known(self, n):
        """Values of y among the first time points; 0 where X has a column without one."""
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
                f"every column of {label} must have a value among the {n} time points to learn "
                f"from, but {frame.columns[unknown].tolist()} has none{of_series(self.name)}: "
                "leave it out"
            )
        return Scale.of(frame.iloc[:n].to_numpy(float))

    def held_out_rows(self):
        """Where the time points held out start and stop."""
        if self.held_out is None:
            return len(self), len(self)
        start, last = (self.y.index.get_loc(label) for label in self.held_out)
        return start, last + 1

    def learnt_parts(self):
        """Where the parts that are trained on start and stop."""
        start, stop = self.held_out_rows()
        return [part for part in ((0, start), (stop, len(self))) if part[0] < part[1]]

    def check_goes_on(self, other):
        """Raise ValueError unless another one has such time points and columns of y and X."""
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
        """Whether another one has values for time points that are already known."""
        return new.y.index[0] <= self.y.index[-1]

    def extended(self, new, *, fill):
        """The same series with what another one knows; its values stand where both have one.

        It stays on its scale, unless that was learnt from a single value.
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
        """The same series with the rows of `X` at the time points `index`, which come after it.

        Known ahead, `n_needed` of them must be there; lagged, rows that are not there are NaN.
        With `fill` so are those in a gap, else that is an error.
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
        """y (n, d) and X (n or more, k) or None, NaN filled forward, on their scales.

        Raises ValueError where a number is too far from what its scale was learnt from.
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
            f"{label} must not lie {_FARTHEST:g} standard deviations from what the forecaster "
            f"learnt from (mean {scale.mean[column]:.3g}, standard deviation "
            f"{scale.std[column]:.3g}), got {filled[row, column]:.3g} at {frame.index[row]}"
            f"{of_series(name)}: correct it, or fit anew"
        )
    return values


def _filled(frame):
    return pd.DataFrame(frame.to_numpy(float)).ffill().bfill().to_numpy()


def series_of(y, X, *, fill, known=None):
    """The series of frames of sktime, by name: a tuple, of length 0 for a single series.

    With `fill` a gap in an index becomes rows of NaN, else it is an error. Dates have the
    frequency of the `known` series of the name; without, their own, or the one all others have.
    Raises ValueError also where `X` lacks a time point of `y`, or where a number is infinite.
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
    """The frame of an array, whose rows are numbered from 0, behind the numbers known."""
    if not pd.api.types.is_integer_dtype(next(iter(known.values())).y.index):
        return frame
    starts = {name: one.y.index[-1] + 1 for name, one in known.items()}
    frames = frames_of(frame)
    frames = {n: one.set_axis(one.index + starts.get(n, 0)) for n, one in frames.items()}
    return stacked(frames, frame.index.names)


def check_levels(label, names, known):
    """Raise ValueError unless series have names of as many levels as those known."""
    for name in names:
        n_known = len(next(iter(known)))
        if len(name) != n_known:
            raise ValueError(
                f"{label} must have {n_known} levels of names above its time points, as y in fit "
                f"(a single series has none), got {len(name)}"
            )


def check_known(where, known, names_of_X):
    """Raise ValueError where `X` has a series that is not among those known."""
    unknown = sorted(set(names_of_X) - set(known))
    if unknown:
        named = ", ".join("/".join(map(str, name)) for name in unknown[:3])
        raise ValueError(
            f"X must have the series of {where} alone, got {len(unknown)} more, {named} among "
            "them: drop these from X"
        )


def check_finite(label, frame, name=()):
    """Raise ValueError where a number is infinite."""
    if np.isinf(frame.to_numpy(float)).any():
        raise ValueError(
            f"{label} must hold finite numbers, got infinity{of_series(name)}: replace it, or make "
            "it NaN and set missing='ffill'"
        )
