"""The trained module: a baseline, and a network that corrects it."""

from typing import NamedTuple

import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from torch import nn

PENALTIES = np.logspace(-1, 4, 21)  # of the ridge regression, for inputs of variance 1


class Baseline(NamedTuple):
    """A linear forecast (n_outputs, C) and the spread of its errors, (n_outputs,)."""

    weight: np.ndarray
    bias: np.ndarray
    spread: np.ndarray


def fitted_baseline(kind, inputs, targets, n_columns):
    """Fit a baseline to inputs (C, N) and targets (n_outputs, N), NaN where unknown.

    The first `n_columns` inputs are the last values of the series.
    """
    n_outputs = len(targets)
    weight, bias = np.zeros((n_outputs, len(inputs))), np.zeros(n_outputs)
    if kind is None:
        return Baseline(weight, bias, np.ones(n_outputs))
    weight[np.arange(n_outputs), np.arange(n_outputs) % n_columns] = 1.0
    spread = np.zeros(n_outputs)
    for output, target in enumerate(targets):
        known = np.isfinite(target)
        x, rest = inputs[:, known].T, (target - weight[output] @ inputs)[known]
        if kind == "linear" and len(rest) > 1:
            ridge = RidgeCV(PENALTIES).fit(x, rest)
            weight[output] += ridge.coef_
            bias[output] = ridge.intercept_
            rest = rest - ridge.predict(x)
        spread[output] = np.sqrt(np.sum(rest**2) / max(1, len(rest)))
    return Baseline(weight, bias, np.where(spread > 0, spread, 1.0))


class BaselinePlusNetwork(nn.Module):
    """Baseline plus `spread` times the output of the network.

    Shape:
        x (B, C, T) -> (B, n_outputs, T); `forward_with_state` also takes and returns a state
    """

    def __init__(self, network, baseline, layout, *, input_noise=0.0):
        super().__init__()
        self.network = network
        self.layout = layout  # describes x, for `fit` after `pretrain`
        self.input_noise = input_noise
        for name, values in baseline._asdict().items():
            self.register_buffer(name, torch.as_tensor(values, dtype=torch.float32))

    def extra_repr(self):
        n_outputs, n_channels = self.weight.shape
        return f"{n_channels}, {n_outputs}, input_noise={self.input_noise}"

    def baseline(self):
        """Return the baseline as arrays."""
        return Baseline(*(getattr(self, name).cpu().numpy() for name in Baseline._fields))

    def forward(self, x, lengths=None):
        return self.forward_with_state(x)[0]

    def forward_with_state(self, x, state=None):
        with torch.autocast(x.device.type, enabled=False):  # bfloat16 would round the last value
            linear = self.weight @ x + self.bias[:, None]  # (B, n_outputs, T)
        if self.training and self.input_noise:
            x = x + self.input_noise * torch.randn_like(x)
        out, state = self.network(x, state=state)
        return linear + self.spread[:, None] * out, state
