"""Forecasts of a trained net, step by step, from states that are kept between calls."""

import numpy as np

from skts.device import torch_defaults
from skts.forecasting.layout import window_start, windows


class Rollout:
    """Forecasts of standardised series: y (n, d), X (n or more, k) or None.

    What the network remembers of a series is kept under its name, so that a call with more of the
    same series only reads what is new; so are the errors of forecasts.

    Parameters
    ----------
    net : skts.training.net.ForecasterNet
    layout : skts.forecasting.layout.InputLayout
    window_length : int or None
    """

    def __init__(self, net, layout, window_length):
        self.net = net
        self.layout = layout
        self.window_length = window_length
        self.kept = {}  # by name: where the window starts, where it ends, the state there
        self.kept_errors = {}

    def __getstate__(self):
        return vars(self) | {"kept": {}}  # states lie on the device

    def forget(self, name):
        """Drop what is kept of a series whose past has changed."""
        for key in (name, (name, "held out")):
            self.kept.pop(key, None)
        self.kept_errors.pop(name, None)

    @torch_defaults()
    def one_step(self, y, X):
        """Each time point (n, d) as it is forecast from those before it."""
        n, d = y.shape
        forecasts = np.empty((n, d))
        for start, fresh, stop in windows(n, self.window_length):
            outputs, _ = self._outputs(y, X, start, stop)
            forecasts[fresh:stop] = outputs[:d, fresh - start :].T
        return forecasts

    def _outputs(self, y, X, start, stop, state=None):
        return self.net.outputs(self.layout.inputs(y, X, start, stop), state)

    @torch_defaults()
    def ahead(self, name, y, X, n_steps):
        """The `n_steps` time points after y, (n_steps, d)."""
        n, d = y.shape
        state = self._state_after(name, y, X)
        if self.layout.n_direct is not None:
            if n_steps > self.layout.n_direct:
                raise ValueError(
                    f"fh must go no further than {self.layout.n_direct} steps, which fit had with "
                    f"strategy='direct', got {n_steps}: fit anew, or use strategy='recursive'"
                )
            outputs, _ = self._outputs(y, X, n, n + 1, state)
            return outputs.reshape(-1, d)[:n_steps]
        y, start = np.concatenate([y, np.empty((n_steps, d))]), window_start(n, self.window_length)
        for t in range(n, n + n_steps):
            now = window_start(t, self.window_length)
            if now != start:
                _, state = self._outputs(y[:t], X, now, t)
                start = now
            outputs, state = self._outputs(y[:t], X, t, t + 1, state)
            y[t] = outputs[:, 0]
        return y[n:]

    def _state_after(self, name, y, X):
        """What the network remembers once it has read what forecasts the last of the n points."""
        n = len(y)
        start = window_start(n, self.window_length)
        kept_start, stop, state = self.kept.get(name, (None, 0, None))
        if kept_start != start or stop > n:
            stop, state = start, None
        if stop < n:
            _, state = self._outputs(y, X, stop, n, state)
        if not self.layout.reads_ahead:  # else it has read an X that may come to be another
            self.kept[name] = start, n, state
        return state

    @torch_defaults()
    def errors(self, name, y, X, is_known, first, n_steps):
        """Errors of the forecasts that are made before each time point, from `first` on.

        (n - first, n_steps, d): at [i, h] that of h + 1 steps ahead, made when the time points
        before first + i were known; NaN beyond the end and where not `is_known` (n, d).
        """
        kept = self.kept_errors.get(name)
        if kept is not None and kept.shape[1] >= n_steps:
            return kept[:, :n_steps]
        n, d = y.shape
        errors = np.full((n - first, n_steps, d), np.nan)
        for i, known in enumerate(range(first, n)):
            steps = min(n_steps, n - known)
            seen = X[:known] if X is not None and self.layout.lagged else X
            forecasts = self.ahead((name, "held out"), y[:known], seen, steps)
            future = slice(known, known + steps)
            errors[i, :steps] = np.where(is_known[future], y[future] - forecasts, np.nan)
        self.kept_errors[name] = errors
        return errors
