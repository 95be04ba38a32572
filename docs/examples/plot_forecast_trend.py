"""
Forecast a series with a trend
==============================

This example shows how to forecast a series with a trend. The number of airline passengers grows
each year and leaves the range that a network has seen. One forecaster reads the series; the other
reads the change from the same month of the previous year. In a pipeline, use sktime's
``Differencer``.
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
# The example forecasts three years, each from all earlier values. Errors are scaled by the error of
# a seasonal naive forecast (the same month of the previous year) on the earlier values.

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
# Forecasts of the series are too high, above all after the summer. Forecasts of the change follow
# the season; in 1956 their level is too low. In 1958 the number of passengers hardly grew, and the
# values of the previous year were the best forecast.

fig, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
for name, color in {"LSTM on the series": "#0072b2", "LSTM on the change": "#d55e00"}.items():
    for end in (84, 108, 132):
        plot_forecast(forecasts[name, end], truth=y[72:], label=name, color=color, ax=ax)
ax.set(xlabel="year", ylabel="passengers, thousands", ylim=(200, 700))
ax.legend(loc="upper left")
