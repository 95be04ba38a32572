"""What the tests of the forecasters share: a few series, and forecasters that train in a moment."""

import numpy as np
import pandas as pd
import torch
from sktime.forecasting.base import ForecastingHorizon

from skts.forecasting import LSTMForecaster

RNG = np.random.default_rng(0)
N = 60
INDEX = pd.period_range("2020-01", periods=N, freq="M")
WAVE = np.sin(np.arange(N) / 3)
Y = pd.Series(10 + 5 * WAVE + RNG.normal(scale=0.3, size=N), INDEX, name="wave")
X = pd.DataFrame(RNG.normal(size=(N, 2)), INDEX, columns=["a", "b"])
TWO = pd.DataFrame({"up": Y, "down": 3 - 2 * Y})
FH = np.arange(1, 7)


def small(cls=LSTMForecaster, **options):
    return cls(**({"max_epochs": 20, "n_cells": 4, "random_state": 0, "lr": 1e-2} | options))


def untrained(**options):
    """A forecaster whose weights stay as they were drawn, noiseless, so that losses are known."""
    still = {"max_epochs": 1, "lr": 1e-12, "lr_schedule": None, "input_noise": 0.0}
    return small(**(still | options))


def in_sample_errors(forecaster, y):
    """Errors of the forecasts of all time points but the first, standardised as in training."""
    fh = ForecastingHorizon(y.index[1:], is_relative=False)
    return (forecaster.predict(fh) - y[1:]) / y.std(ddof=0)


def weights(forecaster):
    return weights_of(forecaster.net_)


def weights_of(net):
    return torch.cat([p.detach().flatten() for p in net.module_.parameters()])


def panel(*series, names=("shop", "month")):
    frames = {key: pd.DataFrame({"y": one}) for key, one in series}
    return pd.concat(frames, names=names)
