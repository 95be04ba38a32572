"""
Forecasts of a series that trends
=================================

Airline passengers grow from year to year, out of the range that a network has seen. Two forecasters
of the same kind: one reads the series itself, the other the change from the same month of the year
before. In a pipeline, sktime's ``Differencer`` does the same.
"""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from sktime.datasets import load_airline
from sktime.performance_metrics.forecasting import MeanAbsoluteScaledError

from skts.forecasting import LSTMForecaster
from skts.plotting import plot_forecast

y = load_airline()
options = {"n_lags": 12, "max_epochs": 100, "random_state": 0}
months = np.arange(1, 13)

# %%
# Three years are forecast, each from all that came before it. Errors are scaled by those that "the
# same month of the year before" makes within what is known.

error = MeanAbsoluteScaledError(sp=12)
forecasts, errors = {}, pd.DataFrame()
for end in (84, 108, 132):
    train, test = y[:end], y[end : end + 12]
    change = LSTMForecaster(baseline=None, **options).fit(train.diff(12).dropna())
    year_before = pd.Series(train[-12:].to_numpy(), test.index)
    of_year = {
        "LSTM on the series": LSTMForecaster(**options).fit(train).predict(months),
        "LSTM on the change": year_before + change.predict(months),
        "the year before": year_before,
    }
    for name, forecast in of_year.items():
        forecasts[name, end] = forecast
        errors.loc[name, str(test.index[0].year)] = error(test, forecast, y_train=train)
print(errors.round(2).to_string())

# %%
# On the series itself forecasts are too high, above all after the summer. On the change the network
# keeps to the season, in 1956 at too low a level; in 1958, when passengers hardly grew, the numbers
# of the year before were better still.

fig, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
for name, color in {"LSTM on the series": "#0072b2", "LSTM on the change": "#d55e00"}.items():
    for end in (84, 108, 132):
        plot_forecast(forecasts[name, end], truth=y[72:], label=name, color=color, ax=ax)
ax.set(xlabel="year", ylabel="passengers, thousands", ylim=(200, 700))
ax.legend(loc="upper left")
