"""
Forecasts with intervals
========================

The Canadian lynx trapped each year rise and fall in cycles of about ten years. An ALSTM forecasts
eight years ahead, with an interval that should hold the truth in 80 of 100 cases.
"""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from sktime.datasets import load_lynx

from skts.forecasting import ALSTMForecaster
from skts.plotting import plot_forecast

lynx = load_lynx()
y = np.log(lynx)  # what grows and shrinks by factors

# %%
# Five times the next eight years are forecast, from all the years before.
# ``calibration_fraction`` holds the last half of those years out of training: the errors of
# forecasts there, so many years ahead, give the width of the interval.

steps = np.arange(1, 9)
forecasts, intervals, last_values = [], [], []
for end in range(74, 107, 8):
    forecaster = ALSTMForecaster(
        n_lags=12, calibration_fraction=0.5, max_epochs=100, random_state=0
    ).fit(y[:end])
    forecasts.append(np.exp(forecaster.predict(steps)))
    intervals.append(np.exp(forecaster.predict_interval(steps, coverage=0.8)))
    last_values.append(pd.Series(lynx.iloc[end - 1], y.index[end : end + 8]))

# %%
# Beside the forecasts, the last value known.

interval = pd.concat(intervals).droplevel([0, 1], axis="columns")
truth = lynx[interval.index]
for name, parts in {"forecast": forecasts, "last": last_values}.items():
    print(f"{name}: mean error {np.abs(pd.concat(parts) - truth).mean():.0f} lynx")
inside = truth.between(interval["lower"], interval["upper"])
print(f"{inside.sum()} of {len(inside)} truths lie within the interval of 80 %")

# %%
# The intervals are wide where the forecast is high: the errors are those of logarithms.

fig, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
for forecast, interval in zip(forecasts, intervals, strict=True):
    plot_forecast(forecast, interval=interval, truth=lynx[50:], ax=ax)
ax.set(xlabel="year", ylabel="lynx trapped in the year", ylim=(0, 14000))
ax.legend(loc="upper left", ncols=3)
