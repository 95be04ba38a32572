"""
Forecast with prediction intervals
==================================

This example forecasts eight years of the Canadian lynx series with 80 % prediction intervals. The
number of lynx trapped each year rises and falls in cycles of about ten years.
"""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from sktime.datasets import load_lynx

from skts.forecasting import ALSTMForecaster
from skts.plotting import plot_forecast

lynx = load_lynx()
y = np.log(lynx)  # the series grows and shrinks by factors

# %%
# The example makes five forecasts of eight years, each from all earlier years.
# ``calibration_fraction`` keeps the last half of these years out of training. The forecast errors
# on this half, for each number of years ahead, set the width of the interval.

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
# The last known value is the baseline.

interval = pd.concat(intervals).droplevel([0, 1], axis="columns")
truth = lynx[interval.index]
for name, parts in {"forecast": forecasts, "last": last_values}.items():
    print(f"{name}: mean error {np.abs(pd.concat(parts) - truth).mean():.0f} lynx")
inside = truth.between(interval["lower"], interval["upper"])
print(f"{inside.sum()} of {len(inside)} truths lie within the interval of 80 %")

# %%
# The intervals are wide where the forecast is high, because the errors are errors of logarithms.

fig, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
for forecast, interval in zip(forecasts, intervals, strict=True):
    plot_forecast(forecast, interval=interval, truth=lynx[50:], ax=ax)
ax.set(xlabel="year", ylabel="lynx trapped in the year", ylim=(0, 14000))
ax.legend(loc="upper left", ncols=3)
