"""Errors of forecasters with different options, on series that no other benchmark tests on.

    python benchmarks/forecast_defaults.py [--tries "" "baseline=last max_epochs=200 lr=0.002" ...]

This benchmark chose the defaults. The series are Australian drug sales, shampoo sales, the growth
of US consumption, US investment and treasury bills, which sktime ships, and the years of airline
and lynx before the first forecast of benchmarks/forecasters.py. Each is forecast up to 8 steps
ahead from about three points in its last 40 %. A try is a list of `name=value` pairs. An empty try
is the defaults.

Prints one JSON object per try: for each forecaster, the geometric mean over the series of the
absolute error relative to that of the last value (of the season, if there is one).
"""

import argparse
import ast
import json

import numpy as np
import torch
from scipy.stats import gmean
from sktime.datasets import (
    load_airline,
    load_lynx,
    load_macroeconomic,
    load_PBS_dataset,
    load_shampoo_sales,
    load_uschange,
)
from sktime.forecasting.model_evaluation import evaluate
from sktime.forecasting.naive import NaiveForecaster
from sktime.performance_metrics.forecasting import MeanAbsoluteError
from sktime.split import ExpandingWindowSplitter

from skts.forecasting import ALSTMForecaster, LSTMALSTMForecaster, LSTMForecaster

TRIES = [
    "",
    "baseline=last",
    "baseline=None",
    "input_noise=0.0",
    "input_noise=0.5",
    "lr=0.002",
    "max_epochs=30",
    "max_epochs=200",
    "baseline=last max_epochs=200 lr=0.002",
    "baseline=last max_epochs=200 lr=0.002 input_noise=0.0",
]


def series():
    """Series, season and past values read."""
    macro = load_macroeconomic()
    yield load_PBS_dataset().astype(float), 12, 12
    yield load_shampoo_sales(), 1, 6
    yield load_uschange()[0], 1, 4
    yield macro["realinv"], 1, 4
    yield macro["tbilrate"], 1, 4
    yield load_airline()[:84], 12, 12
    yield load_lynx()[:74], 1, 12


def error(forecaster, y, window):
    n, horizon = len(y), min(window, 8)
    cv = ExpandingWindowSplitter(
        initial_window=int(0.6 * n),
        step_length=max(1, int(0.4 * n - horizon) // 3),
        fh=np.arange(1, horizon + 1),
    )
    scores = evaluate(forecaster, cv, y, scoring=MeanAbsoluteError(), error_score="raise")
    return scores["test_MeanAbsoluteError"].mean()


def options_of(text):
    def value(word):
        return word if word.isalpha() and word != "None" else ast.literal_eval(word)

    return {name: value(word) for name, word in (pair.split("=") for pair in text.split())}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tries", nargs="*", default=TRIES)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = [
        (y, window, error(NaiveForecaster(sp=season), y, window)) for y, season, window in series()
    ]
    for text in arguments.tries:
        errors = {}
        for cls in (LSTMForecaster, ALSTMForecaster, LSTMALSTMForecaster):
            options = {"random_state": 0} | options_of(text)
            ratios = [
                error(cls(n_lags=window, **options), y, window) / naive
                for y, window, naive in found
            ]
            errors[cls.__name__] = round(float(gmean(ratios)), 3)
        print(json.dumps({"options": text or "defaults", "error": errors}), flush=True)


if __name__ == "__main__":
    main()
