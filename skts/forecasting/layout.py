"""What a network reads to forecast a time point, and what it is trained to give."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class InputLayout:
    """How standardised series become inputs and targets.

    Attributes
    ----------
    n_columns : int
        Columns of y.
    X_columns : tuple or None
        Names of those of X.
    n_lags : int
        Values of y before a time point that are read to forecast it.
    lagged : bool
        Whether X is read of the time point before, else of those forecast.
    n_direct : int or None
        Time points that are forecast at once; None: one, the rest by recursion.
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
        """Whether X of time points after the one that comes next is read."""
        return self.X_columns is not None and not self.lagged and self.n_ahead > 1

    def inputs(self, y, X, start, stop):
        """Channels (C, stop - start) for the time points from `start` on; y's last values first.

        Of y (n, d) and X (n or more, k) nothing that comes after a time point is read, but X where
        it is known ahead. Of y before its first row, and of X ahead after its last, stands the
        mean, 0; X lagged goes on as its last row.
        """
        points = np.arange(start, stop)
        parts = [_rows(y, points - lag) for lag in range(1, self.n_lags + 1)]
        if X is not None and self.lagged:
            parts.append(_rows(X, np.minimum(points - 1, len(X) - 1)))
        elif X is not None:
            parts += [_rows(X, points + step) for step in range(self.n_ahead)]
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

    def checked_against(self, net):
        """The same as a trained net has it, which may forecast more at once.

        Raises ValueError where the net reads or gives something else.
        """
        other = net.module_.layout
        same = dataclasses.replace(self, n_direct=other.n_direct)
        enough = (self.n_direct is None) == (other.n_direct is None)
        if same != other or not enough or self.n_ahead > other.n_ahead:
            raise ValueError(
                f"fit after pretrain must have the options and columns of pretrain, and with "
                f"strategy='direct' no larger fh: {other}, got {self}"
            )
        return other


def _rows(values, points):
    """Those rows, 0 where there is none."""
    rows = values[np.clip(points, 0, len(values) - 1)]
    exists = (points >= 0) & (points < len(values))
    return np.where(exists[:, None], rows, 0.0)


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


def training_rows(series, layout, window_length, parts):
    """Inputs and targets of windows of a series, with the time points of `parts` as targets.

    `parts` are pairs (start, stop); windows end with the last of them, those without a target are
    left out. List of pairs, (C, w) and (n_outputs, w), NaN where there is no target.
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
