"""
Forecast many series with one network
=====================================

This example pretrains a forecaster on a panel of series and forecasts other series. Each series is
one day of electricity demand in Italy, with 24 hours. The first 18 hours of each new day are known.
"""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from skts.datasets import load_ucr_parts
from skts.forecasting import LSTMForecaster
from skts.plotting import plot_forecast

(days, _), (new_days, _) = load_ucr_parts("ItalyPowerDemand")
new_days = new_days[:100]


def panel(values):
    """A panel of sktime: one row per day and hour."""
    n, hours = values.shape
    index = pd.MultiIndex.from_product([range(n), range(hours)], names=["day", "hour"])
    return pd.DataFrame({"demand": values.ravel()}, index)


# %%
# ``pretrain`` learns from the panel. ``fit`` keeps these weights and learns only the mean and the
# scale of each new day.

forecaster = LSTMForecaster(n_lags=12, max_epochs=60, random_state=0)
forecaster.pretrain(panel(days))
known = panel(new_days[:, :18])
forecast = forecaster.fit(known).predict(np.arange(1, 7))

# %%
# Two baselines are the last known hour, and the average training day.

truth = new_days[:, 18:]
forecasts = {
    "LSTMForecaster": forecast["demand"].to_numpy().reshape(-1, 6),
    "last hour known": np.repeat(new_days[:, 17:18], 6, axis=1),
    "average training day": np.tile(days[:, 18:].mean(axis=0), (len(new_days), 1)),
}
errors = {name: np.abs(values - truth).mean(axis=0) for name, values in forecasts.items()}
for name, error in errors.items():
    print(f"{name}: mean error {error.mean():.3f}")

# %%
# On average, the network is better than the last known hour. The average training day does not use
# the new day, but it is better in the middle of the evening.

fig, (*days_axes, right) = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
whole = panel(new_days)
for day, ax in enumerate(days_axes):
    plot_forecast(forecast, history=known, truth=whole.drop(known.index), series=day, ax=ax)
    ax.set(xlabel="hour of the day", ylabel="demand, standardised", title=f"New day {day}")
looks = (("#0072b2", "o-"), ("#d55e00", "s--"), ("#009e73", "^:"))
for (name, error), (color, line) in zip(errors.items(), looks, strict=True):
    right.plot(np.arange(18, 24), error, line, color=color, label=name)
right.set(
    xlabel="hour of the day", ylabel="mean absolute error", title="100 new days", ylim=(0, None)
)
right.legend()
