"""Recursive and direct forecasts of a trained net, with states cached between calls."""

import numpy as np

from skts.device import torch_defaults
from skts.forecasting.layout import window_start, windows


class Rollout:
    """Forecasts of standardised series: y (n, d), X (n or more, k) or None.

    The state of the network is cached by the name of the series. A call with a longer part of the
    same series only reads the new time points. Errors of forecasts are cached too.

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
        self.kept = {}  # by name: start of the window, time points read so far, state after them
        self.kept_errors = {}

    def __getstate__(self):
        return vars(self) | {"kept": {}}  # states are tensors on the device

    def forget(self, name):
        """Drop the cache of a series whose past has changed."""
        for key in (name, (name, "held out")):
            self.kept.pop(key, None)
        self.kept_errors.pop(name, None)

    @torch_defaults()
    def one_step(self, y, X):
        """Return the forecast of each time point from the earlier ones, (n, d)."""
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
        """Return the forecasts of the `n_steps` time points after y, (n_steps, d)."""
        n, d = y.shape
        state = self._state_after(name, y, X)
        if self.layout.n_direct is not None:
            if n_steps > self.layout.n_direct:
                raise ValueError(
                    f"fh must be at most {self.layout.n_direct} steps, the largest fh of fit with "
                    f"strategy='direct', got {n_steps}: fit again with a larger fh, or use "
                    "strategy='recursive'"
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
        """Return the state of the network after it read the inputs of all n time points."""
        n = len(y)
        start = window_start(n, self.window_length)
        kept_start, stop, state = self.kept.get(name, (None, 0, None))
        if kept_start != start or stop > n:
            stop, state = start, None
        if stop < n:
            _, state = self._outputs(y, X, stop, n, state)
        if not self.layout.reads_ahead:  # otherwise the state depends on future X, which may change
            self.kept[name] = start, n, state
        return state

    @torch_defaults()
    def errors(self, name, y, X, is_known, first, n_steps):
        """Return the errors of forecasts made at each time point, (n - first, n_steps, d).

        Entry [i, h] is the error h + 1 steps ahead if the time points before first + i are known.
        Entries are NaN beyond the end and where `is_known` (n, d) is False.
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
