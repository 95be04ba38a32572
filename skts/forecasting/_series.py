"""What is known of series: from sktime's frames to arrays on a common scale."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sktime.datatypes import update_data


class Scale(NamedTuple):
    """Mean and standard deviation of each column."""

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def of(cls, values):
        mean, std = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        varies = std > 10 * np.finfo(float).eps * np.abs(mean)  # else it is a rounding error
        return cls(mean, np.where(varies, std, 1.0))

    def standardised(self, values):
        return (values - self.mean) / self.std

    def undone(self, standardised):
        return standardised * self.std + self.mean


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
    """

    y: pd.DataFrame
    X: pd.DataFrame | None
    end: Any
    held_out: tuple | None = None
    y_scale: Scale | None = None
    X_scale: Scale | None = None

    def __len__(self):
        return len(self.y)

    @property
    def cutoff(self):
        """The last time point, as an index of one element, which has a frequency."""
        return self.y.index[-1:]

    def seen(self):
        """The same series up to its end."""
        n = self.y.index.get_loc(self.end) + 1
        if n == len(self):
            return self
        X = None if self.X is None else self.X.iloc[:n]
        return dataclasses.replace(self, y=self.y.iloc[:n], X=X)

    def split_off(self, fraction):
        """The same series, its last part held out, on the scale of what comes before.

        Raises ValueError where nothing is left, or a column has no value in it.
        """
        n_all, held_out = len(self), None
        n = n_all - int(np.ceil(fraction * n_all))
        if n < 1:
            raise ValueError(
                f"calibration_fraction={fraction} leaves none of {n_all} time points to learn "
                "from: lower it"
            )
        if n < n_all:
            held_out = self.y.index[n], self.y.index[-1]
        scales = [self._scale(label, n) for label in ("y", "X")]
        return dataclasses.replace(self, held_out=held_out, y_scale=scales[0], X_scale=scales[1])

    def _scale(self, label, n):
        frame = getattr(self, label)
        if frame is None:
            return None
        unknown = frame.iloc[:n].isna().all()
        if unknown.any():
            raise ValueError(
                f"every column of {label} must have a value among the {n} time points to learn "
                f"from, but {frame.columns[unknown].tolist()} has none: leave it out"
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

    def check_same_columns(self, other):
        """Raise ValueError unless another series has the same columns of y and X."""
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
        """The same series with what another one knows; its values stand where both have one."""
        frames = []
        for mine, theirs in ((self.y, new.y), (self.X, new.X)):
            if mine is None:
                frames.append(None)
                continue
            revised = self.is_revised_by(new)
            both = update_data(mine, theirs) if revised else pd.concat([mine, theirs])
            frames.append(without_gaps(both, getattr(mine.index, "freq", None), fill=fill))
        return dataclasses.replace(self, y=frames[0], X=frames[1], end=new.end)

    def with_future(self, X, index, n_needed, *, lagged):
        """The same series with the rows of `X` at the time points `index`, which come after it.

        Known ahead, `n_needed` of them must be there; lagged, rows that are not there are NaN.
        """
        if self.X is None:
            if X is not None:
                raise ValueError("X must be None: the forecaster was fitted without X, got a frame")
            return self
        given = index[:0]
        if X is not None:
            check_finite("X", X)
            if list(X.columns) != list(self.X.columns):
                raise ValueError(
                    f"X must have the columns that it had in fit, {list(self.X.columns)}, got "
                    f"{list(X.columns)}"
                )
            given = index[np.logical_and.accumulate(index.isin(X.index))]
        if not lagged and len(given) < n_needed:
            raise ValueError(
                f"X must have a row for every time point from {index[0]} to {index[n_needed - 1]}, "
                "the largest of fh: pass it to predict, or fit with exogenous='lagged'"
            )
        if len(given):
            return dataclasses.replace(self, X=pd.concat([self.X, X.loc[given]]))
        return self

    def standardised(self):
        """y (n, d) and X (n or more, k) or None, NaN filled forward, on their scales."""
        y = self.y_scale.standardised(_filled(self.y))
        return y, None if self.X is None else self.X_scale.standardised(_filled(self.X))


def _filled(frame):
    return pd.DataFrame(frame.to_numpy(float)).ffill().bfill().to_numpy()


def series_of(y, X, *, fill):
    """The series of frames of sktime, by name: a tuple, of length 0 for a single series.

    With `fill` a gap in an index becomes rows of NaN, else it is an error. Raises ValueError also
    where `X` lacks a time point of `y`, or where a number is infinite.
    """
    found = {}
    exogenous = {} if X is None else frames_of(X)
    for name, frame in frames_of(y).items():
        check_finite("y", frame, name)
        whole, of_series = without_gaps(frame, None, fill=fill), None
        if X is not None:
            of_series = exogenous.get(name)
            if of_series is None or not frame.index.isin(of_series.index).all():
                raise ValueError(
                    f"X must have a row for every time point of y, but lacks some{_of(name)}"
                )
            check_finite("X", of_series, name)
            of_series = of_series.reindex(whole.index)
        found[name] = Series(whole, of_series, end=whole.index[-1])
    return found


def frames_of(frame):
    """The frames of each series, by name."""
    if not isinstance(frame.index, pd.MultiIndex):
        return {(): frame}
    levels = list(range(frame.index.nlevels - 1))
    return {name: part.droplevel(levels) for name, part in frame.groupby(level=levels, sort=False)}


def _of(name):
    return f" of series {name}" if name else ""


def check_finite(label, frame, name=()):
    """Raise ValueError where a number is infinite."""
    if np.isinf(frame.to_numpy(float)).any():
        raise ValueError(
            f"{label} must hold finite numbers, got infinity{_of(name)}: replace it, or make it "
            "NaN and set missing='ffill'"
        )


def without_gaps(frame, freq, *, fill):
    """The frame with a row for every time point from its first to its last."""
    whole = _whole_index(frame.index, freq)
    if len(whole) == len(frame.index):
        return frame.set_axis(whole)
    if not fill:
        raise ValueError(
            f"the index of y must have no gaps, got {len(frame.index)} of {len(whole)} time points "
            f"from {whole[0]} to {whole[-1]}: set missing='ffill', or number the rows "
            "(reset_index)"
        )
    return frame.reindex(whole)


def _whole_index(index, freq):
    first, last = index[0], index[-1]
    if isinstance(index, pd.PeriodIndex):
        return pd.period_range(first, last, freq=index.freq, name=index.name)
    if not isinstance(index, pd.DatetimeIndex):
        return pd.RangeIndex(int(first), int(last) + 1, name=index.name)
    freq = freq or index.freq or (pd.infer_freq(index) if len(index) > 2 else None)
    if freq is None and len(index) < 3:
        return index
    whole = None if freq is None else pd.date_range(first, last, freq=freq, name=index.name)
    if whole is None or not index.isin(whole).all():
        raise ValueError(
            "the index of y must be of one frequency, got dates without one, the first "
            f"{first}: y.asfreq(...) gives them one and makes the gaps NaN"
        )
    return whole
