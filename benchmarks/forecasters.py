"""Forecasters of skts beside others of sktime, in sktime's ForecastingBenchmark.

    python benchmarks/forecasters.py [--data PATH] [--out DIR] [--seeds 3]

The data are airline, longley and lynx, which sktime ships, and, with PATH, the first 1500 days of
T_PK of ozone/eighthr.csv, forward-filled. Windows expand; all steps of a horizon count the same.
The other forecasters are the last value (of the season, if there is one), AutoETS, and a ridge
regression on a window of past values, applied recursively by sktime. The forecasters of skts read
the same window (`n_lags`) and have their defaults. "last" is ``baseline="last"``; "change" is
``baseline=None`` in a pipeline after a seasonal Differencer. Errors are means over seeds.

Prints one JSON object per data set: the mean absolute scaled error of each forecaster (1: the naive
forecast of the training part), and the share of true values within 80 and 90 % intervals with
``calibration_fraction=0.5`` (not for longley, which is too short). DIR stores the results, so that
the command can be resumed.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import RidgeCV
from sktime.benchmarking.forecasting import ForecastingBenchmark
from sktime.datasets import load_airline, load_longley, load_lynx
from sktime.forecasting.compose import TransformedTargetForecaster, make_reduction
from sktime.forecasting.ets import AutoETS
from sktime.forecasting.naive import NaiveForecaster
from sktime.performance_metrics.forecasting import MeanAbsoluteScaledError
from sktime.split import ExpandingWindowSplitter
from sktime.transformations.difference import Differencer

from skts.forecasting import ALSTMForecaster, LSTMALSTMForecaster, LSTMForecaster

OURS = {"LSTM": LSTMForecaster, "ALSTM": ALSTMForecaster, "LSTM-ALSTM": LSTMALSTMForecaster}


def load_longley_y():
    return load_longley()[0]


class Ozone:
    """Loads T_PK; a task of the benchmark is a function without arguments."""

    def __init__(self, path):
        self.path = path

    def __call__(self):
        days = pd.read_csv(self.path / "ozone" / "eighthr.csv", na_values="?")["T_PK"]
        return days.iloc[:1500].ffill()


def tasks(path):
    """Name, loader, season, past values read, first window, step and horizon of each data set."""
    yield "airline", load_airline, 12, 12, 84, 12, 12
    yield "longley", load_longley_y, 1, 3, 11, 1, 2
    yield "lynx", load_lynx, 1, 12, 74, 8, 8
    if path is not None:
        yield "ozone", Ozone(path), 1, 7, 1000, 50, 7


def others(season, window):
    return {
        "Naive": NaiveForecaster(strategy="last", sp=season),
        "AutoETS": AutoETS(auto=True, sp=season),
        "Ridge reduction": make_reduction(RidgeCV(np.logspace(-1, 4, 21)), window_length=window),
    }


def ours(season, window, seed):
    for name, cls in OURS.items():
        yield name, cls(n_lags=window, random_state=seed)
        yield f"{name}, last", cls(n_lags=window, baseline="last", random_state=seed)
        change = Differencer(lags=[season])
        net = cls(n_lags=window, baseline=None, random_state=seed)
        yield f"{name}, change", TransformedTargetForecaster([("change", change), ("net", net)])


def errors(load, season, window, cv, seeds, results):
    """Mean absolute scaled error by forecaster."""
    benchmark = ForecastingBenchmark()
    for name, forecaster in others(season, window).items():
        benchmark.add_estimator(forecaster, estimator_id=f"{name}/")
    for seed in range(seeds):
        for name, forecaster in ours(season, window, seed):
            benchmark.add_estimator(forecaster, estimator_id=f"{name}/{seed}")
    score = MeanAbsoluteScaledError(sp=season)
    benchmark.add_task(load, cv, [score], error_score="raise")
    table = benchmark.run(str(results)).set_index("model_id")
    of_runs = table["MeanAbsoluteScaledError_mean"].astype(float)
    names = of_runs.index.str.partition("/").get_level_values(0)
    return of_runs.groupby(names, sort=False).mean()


def coverages(y, window, cv):
    """Part of the truths within intervals, by forecaster and nominal coverage."""
    found = {}
    for name, cls in OURS.items():
        forecaster = cls(n_lags=window, calibration_fraction=0.5, random_state=0)
        covered = {c: [] for c in (0.8, 0.9)}
        for train, test in cv.split_series(y):
            intervals = forecaster.fit(train).predict_interval(cv.fh, coverage=list(covered))
            for nominal, within in covered.items():
                limits = intervals.xs(nominal, axis=1, level=1).to_numpy()
                within += list((limits[:, 0] <= test) & (test <= limits[:, 1]))
        found |= {f"{name}, {c:.0%}": round(float(np.mean(w)), 3) for c, w in covered.items()}
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("forecasters"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", help="names of data sets")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for name, load, season, window, first, step, horizon in tasks(arguments.data):
        if arguments.only and name not in arguments.only:
            continue
        fh = np.arange(1, horizon + 1)
        cv = ExpandingWindowSplitter(initial_window=first, step_length=step, fh=fh)
        results = arguments.out / f"{name}.csv"
        scores = errors(load, season, window, cv, arguments.seeds, results)
        print(json.dumps({"data": name, "scaled error": scores.round(3).to_dict()}), flush=True)
        if name != "longley":
            covered = coverages(load(), window, cv)
            print(json.dumps({"data": name, "within the interval": covered}), flush=True)


if __name__ == "__main__":
    main()
