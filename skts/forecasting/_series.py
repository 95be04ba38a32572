"""What is known of series: from sktime's frames to arrays and to what a network reads."""

import dataclasses
from typing import NamedTuple

import numpy as np
import pandas as pd
from sktime.datatypes import update_data


class Scale(NamedTuple):
    """Mean and standard deviation of each column."""

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def of(cls, values):
        std = np.nanstd(values, axis=0)
        return cls(np.nanmean(values, axis=0), np.where(std > 0, std, 1.0))

    def standardised(self, values):
        return (values - self.mean) / self.std

    def undone(self, standardised):
        return standardised * self.std + self.mean


@dataclasses.dataclass
class Series:
    """One series: frames `y` (n rows) and `X` (n rows or None), NaN where nothing is known."""

    y: pd.DataFrame
    X: pd.DataFrame | None = None
    y_scale: Scale | None = None
    X_scale: Scale | None = None

    def __len__(self):
        return len(self.y)

    def scaled_over(self, n):
        """The same series with mean and scale of its first `n` time points.

        Raises ValueError where a column has no value there.
        """
        scales = []
        for label, frame in (("y", self.y), ("X", self.X)):
            if frame is None:
                scales.append(None)
                continue
            unknown = frame.iloc[:n].isna().all()
            if unknown.any():
                raise ValueError(
                    f"every column of {label} must have a value among the {n} time points to learn "
                    f"from, but {frame.columns[unknown].tolist()} has none: leave it out"
                )
            scales.append(Scale.of(frame.iloc[:n].to_numpy(float)))
        return dataclasses.replace(self, y_scale=scales[0], X_scale=scales[1])

    def check_same_columns(self, other):
        """Raise ValueError unless another series has the same columns of y and X."""
        for label in ("y", "X"):
            mine, theirs = getattr(self, label), getattr(other, label)
            columns = [None if part is None else list(part.columns) for part in (mine, theirs)]
            if columns[0] != columns[1]:
                raise ValueError(
                    f"{label} must have the columns that it had in fit, {columns[0]}, got "
                    f"{columns[1]}"
                )

    def is_revised_by(self, new):
        """Whether another one has values for time points that are already known."""
        return new.y.index[0] <= self.y.index[-1]

    def extended(self, new):
        """The same series with what another one knows; its values stand where both have one."""
        y = self._joined(self.y, new.y, new)
        X = None if self.X is None else self._joined(self.X, new.X, new)
        return dataclasses.replace(self, y=y, X=X)

    def _joined(self, mine, theirs, new):
        return update_data(mine, theirs) if self.is_revised_by(new) else pd.concat([mine, theirs])

    def with_exogenous(self, X, index, *, lagged):
        """The same series with the rows of `X` at the time points `index`, which come after it."""
        if self.X is None:
            if X is not None:
                raise ValueError("X must be None: the forecaster was fitted without X, got a frame")
            return self
        if X is not None and list(X.columns) != list(self.X.columns):
            raise ValueError(
                f"X must have the columns that it had in fit, {list(self.X.columns)}, got "
                f"{list(X.columns)}"
            )
        if not len(index):
            return self
        if not lagged and (X is None or not index.isin(X.index).all()):
            raise ValueError(
                f"X must have a row for every time point from {index[0]} to {index[-1]}, the "
                "largest of fh: pass it to predict, or fit with exogenous='lagged'"
            )
        all_points = self.X.reindex(self.X.index.append(index))
        if X is not None:
            all_points.iloc[len(self) :] = X.reindex(index).to_numpy()
        return dataclasses.replace(self, X=all_points)

    def standardised(self):
        """y (n, d) and X (n, k) or None, without gaps, on their scales."""
        y = self.y_scale.standardised(_filled(self.y.to_numpy(float)))
        X = None if self.X is None else self.X_scale.standardised(_filled(self.X.to_numpy(float)))
        return y, X


def _filled(values):
    return pd.DataFrame(values).ffill().bfill().to_numpy()


def series_of(y, X):
    """The series of frames of sktime, by name: a tuple, of length 0 for a single series.

    Raises ValueError where `X` lacks a time point of `y`, or where a number is infinite.
    """
    found = {}
    exogenous = {} if X is None else frames_of(X)
    for name, frame in frames_of(y).items():
        series = Series(frame)
        if X is not None:
            of_series = exogenous.get(name)
            if of_series is None or not frame.index.isin(of_series.index).all():
                raise ValueError(
                    f"X must have a row for every time point of y, but lacks some{_of(name)}"
                )
            series.X = of_series.loc[frame.index]
        for label, part in (("y", series.y), ("X", series.X)):
            if part is not None and np.isinf(part.to_numpy(float)).any():
                raise ValueError(
                    f"{label} must hold finite numbers, got infinity{_of(name)}: replace it, or "
                    "make it NaN and set missing='ffill'"
                )
        found[name] = series
    return found


def frames_of(frame):
    """The frames of each series, by name."""
    if not isinstance(frame.index, pd.MultiIndex):
        return {(): frame}
    levels = list(range(frame.index.nlevels - 1))
    return {name: part.droplevel(levels) for name, part in frame.groupby(level=levels, sort=False)}


def _of(name):
    return f" of series {name}" if name else ""


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a network reads to forecast a time point, and what it is to give.

    Parameters
    ----------
    n_lags : int
        Values of y before it.
    lagged : bool
        Whether X is that of the time point before, else of the one forecast.
    n_ahead : int
        Time points that are forecast at once, from it on.
    """

    n_lags: int
    lagged: bool
    n_ahead: int

    def of_net(self, net, series):
        """The same for a net that is trained already, on series with these columns.

        Raises ValueError where it cannot read or forecast them.
        """
        d, k = series.y.shape[1], 0 if series.X is None else series.X.shape[1]
        n_outputs, n_inputs = net.module_.weight.shape
        reading = dataclasses.replace(self, n_ahead=max(self.n_ahead, n_outputs // d))
        expected = self.n_lags * d + k * (1 if self.lagged else reading.n_ahead)
        if (n_outputs, n_inputs) != (reading.n_ahead * d, expected):
            raise ValueError(
                f"the pretrained network reads {n_inputs} inputs and gives {n_outputs} outputs at "
                f"a time point, but y of {d} columns and X of {k} need {expected} and "
                f"{reading.n_ahead * d}: give the columns and options of pretrain, and with "
                "strategy='direct' no larger fh"
            )
        return reading

    def inputs(self, y, X, start, stop):
        """Channels (C, stop - start) for the time points from `start` on; y's last values first.

        Of y (n, d) and X (n, k) nothing that comes after a time point is read, but X where it is
        known ahead. Before the first row stands the mean, 0; after the last one, the last.
        """
        points = np.arange(start, stop)
        parts = [_rows(y, points - lag) for lag in range(1, self.n_lags + 1)]
        if X is not None:
            shifts = [-1] if self.lagged else range(self.n_ahead)
            parts += [_rows(X, points + shift) for shift in shifts]
        return np.concatenate(parts, axis=1).T

    def targets(self, y, is_target):
        """(n_ahead * d, n): y at and after each time point; NaN but where `is_target` (n, d)."""
        n, d = y.shape
        targets = np.full((self.n_ahead, d, n), np.nan)
        future = np.where(is_target, y, np.nan).T
        for step in range(min(self.n_ahead, n)):
            targets[step, :, : n - step] = future[:, step:]
        targets[:, :, 0] = np.nan  # nothing comes before it
        return targets.reshape(self.n_ahead * d, n)


def _rows(values, points):
    rows = values[np.minimum(points, len(values) - 1)]
    return np.where(points[:, None] >= 0, rows, 0.0)


def windows(n, length):
    """Parts (start, fresh, stop) of n time points, each as long as `length` at most.

    The points from `fresh` on are no other window's; those before are the past they are seen with.
    """
    half = n if length is None else length // 2
    if n <= 2 * half:
        return [(0, 0, n)]
    starts = range(0, n - half, half)
    return [(start, start + half if start else 0, min(n, start + 2 * half)) for start in starts]


def window_start(n, length):
    """Where the window of the time point after `n` known ones begins."""
    return windows(n + 1, length)[-1][0]


def training_rows(series, reading, window_length, parts):
    """Inputs and targets of windows of a series, with the time points of `parts` as targets.

    `parts` are pairs (start, stop); windows end with the last of them, those without a target are
    left out. List of pairs, (C, w) and (n_outputs, w), NaN where there is no target.
    """
    y, X = series.standardised()
    is_target = np.zeros(y.shape, dtype=bool)
    for start, stop in parts:
        is_target[start:stop] = series.y.notna().to_numpy()[start:stop]
    targets = reading.targets(y, is_target)
    rows = []
    for start, fresh, stop in windows(parts[-1][1], window_length):
        row = targets[:, start:stop].copy()
        row[:, : fresh - start] = np.nan
        if np.isfinite(row).any():
            rows.append((reading.inputs(y, X, start, stop), row))
    return rows
