"""
One network for many series
===========================

A forecaster that has learnt from a panel of series forecasts others. The series are days of the
Italian demand of electricity, 24 hours each; of the new days the first 18 hours are known.
"""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from skts.datasets import load_ucr_parts
from skts.forecasting import LSTMForecaster

(days, _), (new_days, _) = load_ucr_parts("ItalyPowerDemand")
new_days = new_days[:100]


def panel(values):
    """sktime's container: a row for each day and hour."""
    n, hours = values.shape
    index = pd.MultiIndex.from_product([range(n), range(hours)], names=["day", "hour"])
    return pd.DataFrame({"demand": values.ravel()}, index)


# %%
# ``pretrain`` learns from the panel. ``fit`` then takes the weights as they are, and of each new
# day learns the mean and the scale alone.

forecaster = LSTMForecaster(n_lags=12, max_epochs=60, random_state=0)
forecaster.pretrain(panel(days))
forecaster.fit(panel(new_days[:, :18]))
forecast = forecaster.predict(np.arange(1, 7))["demand"].to_numpy().reshape(-1, 6)

# %%
# Two forecasts that know less: the last hour known, and the average training day.

others = {
    "last hour known": np.repeat(new_days[:, 17:18], 6, axis=1),
    "average training day": np.tile(days[:, 18:].mean(axis=0), (len(new_days), 1)),
}
truth = new_days[:, 18:]
errors = {
    name: np.abs(values - truth).mean(axis=0)
    for name, values in ({"LSTMForecaster": forecast} | others).items()
}
for name, error in errors.items():
    print(f"{name}: mean error {error.mean():.3f}")

# %%
# On the whole the network is better than the last hour known. The average training day knows
# nothing of the new day and is better in the middle of the evening.

hours = np.arange(18, 24)
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for day, color in ((0, "#0072b2"), (1, "#d55e00")):
    left.plot(new_days[day], color=color, linewidth=1, label=f"day {day}")
    left.plot(hours, forecast[day], "o--", color=color, label=f"day {day}, forecast")
left.axvline(17, color="grey", linestyle=":")
left.set(xlabel="hour of the day", ylabel="demand, standardised", title="Two new days")
left.set_ylim(-2, 3.8)
left.legend(loc="upper center", ncols=2)
looks = (("#0072b2", "o-"), ("#d55e00", "s--"), ("#009e73", "^:"))
for (name, error), (color, line) in zip(errors.items(), looks, strict=True):
    right.plot(hours, error, line, color=color, label=name)
right.set(
    xlabel="hour of the day", ylabel="mean absolute error", title="100 new days", ylim=(0, None)
)
right.legend()
