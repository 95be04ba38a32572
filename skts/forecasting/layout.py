"""Inputs and targets of the network of a forecaster."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class InputLayout:
    """The conversion of standardised series to inputs and targets.

    Attributes
    ----------
    n_columns : int
        Number of columns of y.
    X_columns : tuple or None
        Names of the columns of X.
    n_lags : int
        Number of past values of y that a forecast reads.
    lagged : bool
        Whether a forecast reads X of the previous time point. Otherwise it reads X of the forecast
        time points.
    n_direct : int or None
        Number of time points that are forecast at once. None: one, and further ones by recursion.
    """

    n_columns: int
    X_columns: tuple | None
    n_lags: int
    lagged: bool
    n_direct: int | None

    @property
    def n_ahead(self):
        return self.n_direct or 1

    @property
    def n_inputs(self):
        n_of_X = len(self.X_columns or ())
        return self.n_columns * self.n_lags + n_of_X * (1 if self.lagged else self.n_ahead)

    @property
    def reads_ahead(self):
        """Whether a forecast reads X of time points after the next one."""
        return self.X_columns is not None and not self.lagged and self.n_ahead > 1

    def inputs(self, y, X, start, stop):
        """Return the inputs (C, stop - start) of these time points; the last values of y are first.

        Inputs are made of y (n, d) and X (n or more, k). They use only earlier time points, and
        later ones of X if it is known. The mean 0 replaces y before its first row, and known X
        after its last row. Lagged X continues with its last row.
        """
        points = np.arange(start, stop)
        parts = [_rows(y, points - lag) for lag in range(1, self.n_lags + 1)]
        if X is not None and self.lagged:
            parts.append(_rows(X, np.minimum(points - 1, len(X) - 1)))
        elif X is not None:
            parts += [_rows(X, points + step) for step in range(self.n_ahead)]
        return np.concatenate(parts, axis=1).T

    def targets(self, y, is_target):
        """Return y at and after each time point, (n_ahead * d, n), NaN except at `is_target`."""
        n, d = y.shape
        targets = np.full((self.n_ahead, d, n), np.nan)
        future = np.where(is_target, y, np.nan).T
        for step in range(min(self.n_ahead, n)):
            targets[step, :, : n - step] = future[:, step:]
        targets[:, :, 0] = np.nan  # it has no past values
        return targets.reshape(self.n_ahead * d, n)

    def checked_against(self, net):
        """Return the layout of a trained net, which may forecast more time points at once.

        Raises ValueError if the net has other inputs or outputs.
        """
        other = net.module_.layout
        same = dataclasses.replace(self, n_direct=other.n_direct)
        enough = (self.n_direct is None) == (other.n_direct is None)
        if same != other or not enough or self.n_ahead > other.n_ahead:
            raise ValueError(
                "fit after pretrain must have the options and columns of pretrain, and no larger "
                f"fh with strategy='direct': {other}, got {self}"
            )
        return other


def _rows(values, points):
    """Return the rows of these time points, 0 where they do not exist."""
    rows = values[np.clip(points, 0, len(values) - 1)]
    exists = (points >= 0) & (points < len(values))
    return np.where(exists[:, None], rows, 0.0)


def windows(n, length):
    """Split n time points into windows (start, fresh, stop) of at most `length` time points.

    Time points from `fresh` on belong to no other window. Those before are read as their past.
    """
    half = n if length is None else length // 2
    if n <= 2 * half:
        return [(0, 0, n)]
    starts = range(0, n - half, half)
    return [(start, start + half if start else 0, min(n, start + 2 * half)) for start in starts]


def window_start(n, length):
    """Return the start of the window of the time point after `n` known ones."""
    return windows(n + 1, length)[-1][0]


def training_rows(series, layout, window_length, parts):
    """Return inputs and targets of the windows of a series, as a list of pairs.

    `parts` are pairs (start, stop) of the time points that are targets. The last window ends with
    the last part. Windows without a target are dropped. The shapes are (C, w) and (n_outputs, w);
    targets are NaN at other time points.
    """
    y, X = series.standardised()
    is_target = np.zeros(y.shape, dtype=bool)
    for start, stop in parts:
        is_target[start:stop] = series.y.notna().to_numpy()[start:stop]
    targets = layout.targets(y, is_target)
    rows = []
    for start, fresh, stop in windows(parts[-1][1], window_length):
        row = targets[:, start:stop].copy()
        row[:, : fresh - start] = np.nan
        if np.isfinite(row).any():
            rows.append((layout.inputs(y, X, start, stop), row))
    return rows
