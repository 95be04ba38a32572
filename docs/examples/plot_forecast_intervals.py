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

lynx = load_lynx()
y = np.log(lynx)  # what grows and shrinks by factors

# %%
# Five times the next eight years are forecast, from all the years before.
# ``calibration_fraction`` holds the last half of those years out of training: the errors of
# forecasts there, so many years ahead, give the width of the interval.

steps = np.arange(1, 9)
parts = []
for end in range(74, 107, 8):
    forecaster = ALSTMForecaster(
        n_lags=12, calibration_fraction=0.5, max_epochs=100, random_state=0
    ).fit(y[:end])
    lower, upper = np.exp(forecaster.predict_interval(steps, coverage=0.8).to_numpy().T)
    forecast = np.exp(forecaster.predict(steps).to_numpy())
    found = {"forecast": forecast, "lower": lower, "upper": upper, "last": lynx.iloc[end - 1]}
    parts.append(pd.DataFrame(found, index=y.index[end : end + 8]))

# %%
# Beside the forecasts, the last value known.

together = pd.concat(parts)
truth = lynx[together.index]
for name in ("forecast", "last"):
    print(f"{name}: mean error {np.abs(together[name] - truth).mean():.0f} lynx")
inside = together["lower"].le(truth) & truth.le(together["upper"])
print(f"{inside.sum()} of {len(inside)} truths lie within the interval of 80 %")

# %%
# The intervals are wide where the forecast is high: the errors are those of logarithms.

fig, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
ax.plot(lynx.index.year[50:], lynx[50:], color="black", linewidth=1, label="truth")
for place, part in enumerate(parts):
    names = ("forecast", "interval of 80 %") if place == 0 else (None, None)
    years = part.index.year
    ax.plot(years, part["forecast"], "o-", color="#0072b2", markersize=3, label=names[0])
    ax.fill_between(years, part["lower"], part["upper"], color="#0072b2", alpha=0.2, label=names[1])
    ax.axvline(years[0] - 0.5, color="grey", linewidth=0.8, linestyle=":")
ax.set(xlabel="year", ylabel="lynx trapped in the year", ylim=(0, 14000))
ax.legend(loc="upper left", ncols=3)
