"""Regressors with their default options beside the mean, ridge regression and peers.

    python benchmarks/regression.py [--part train|test] [--data PATH] [--models FCN MultiView ...]
        [--sets Covid3Month ...] [--seeds 2] [--n-jobs 2] [--out FILE]

The data sets are shipped with sktime and aeon:

* Covid3Month, Tecator and CardanoSentiment;
* windows of the logarithm of airline and of lynx, with the next value as target;
* with --data, the ozone data: the next day's T_PK from seven days of six channels.

The last three tenths of the windows are the test part. Options are chosen on `train`, with two
folds of the training part. Figures of `test` are published.

Prints one JSON object per data set and model: the root mean squared error of each seed, relative to
predicting the mean of the training targets, and the shortest training and prediction times on one
thread. Rows in FILE are used again.
"""

import argparse
import functools
import json
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from rows import add_row, read_rows
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skts
from skts.discovery import all_estimators

#: Lag and transform of the series of which windows are taken.
WINDOWED = {"Airline": 12, "Lynx": 10}
OZONE_CHANNELS = ["T_PK", "T_AV", "T85", "RH85", "HT70", "WSR_AV"]


def series_of(frame):
    """sktime's nested frame as (n, C, T)."""
    return np.stack([[np.asarray(cell, dtype=float) for cell in row] for row in frame.to_numpy()])


def windows(values, n_lags):
    """The next value of channel 0 from the `n_lags` time points before, of a series (C, T)."""
    n = values.shape[1] - n_lags
    X = np.stack([values[:, i : i + n_lags] for i in range(n)])
    y, cut = values[0, n_lags:], int(0.7 * n)
    return (X[:cut], y[:cut]), (X[cut:], y[cut:])


def load(name, path):
    """Training and test part, each (n, C, T) and (n,)."""
    from aeon.datasets import load_cardano_sentiment
    from sktime import datasets

    if name == "CardanoSentiment":
        return [load_cardano_sentiment(split=split) for split in ("train", "test")]
    if name in WINDOWED:
        series = {"Airline": datasets.load_airline, "Lynx": datasets.load_lynx}[name]()
        return windows(np.log(series.to_numpy(dtype=float))[None], WINDOWED[name])
    if name == "Ozone":
        table = pd.read_csv(Path(path) / "ozone" / "eighthr.csv", na_values="?")
        return windows(table[OZONE_CHANNELS].ffill().bfill().to_numpy(dtype=float).T, 7)
    loader = {"Covid3Month": datasets.load_covid_3month, "Tecator": datasets.load_tecator}[name]
    parts = [loader(split=split, return_X_y=True) for split in ("train", "test")]
    return [(series_of(X), np.asarray(y, dtype=float)) for X, y in parts]


PEERS = ["ridge", "ROCKET (aeon)", "MultiRocket-Hydra (aeon)", "DrCIF (aeon)"]


def flat(X):
    return X.reshape(len(X), -1)


def peers():
    """Makers of the regressors of others, by name."""
    from aeon.regression.convolution_based import MultiRocketHydraRegressor, RocketRegressor
    from aeon.regression.interval_based import DrCIFRegressor

    ridge = make_pipeline(
        FunctionTransformer(flat), StandardScaler(), RidgeCV(np.logspace(-3, 6, 19))
    )
    return {
        "ridge": lambda seed: ridge,
        "ROCKET (aeon)": lambda seed: RocketRegressor(random_state=seed),
        "MultiRocket-Hydra (aeon)": lambda seed: MultiRocketHydraRegressor(random_state=seed),
        "DrCIF (aeon)": lambda seed: DrCIFRegressor(random_state=seed),
    }


def of_name(name):
    if hasattr(skts, f"{name}Regressor"):
        return functools.partial(_own, f"{name}Regressor")
    return peers()[name]


def _own(name, seed):
    return getattr(skts, name)(random_state=seed, device="cpu")


def scored(name, make, parts, seed):
    """Of each part the error, relative to the mean's; seconds of training and prediction."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # of the peers
    squared, of_mean, times = [], [], np.zeros(2)
    for (X, y), (held_out, truth) in parts:
        began = time.perf_counter()
        fitted = make(seed).fit(X, y)
        done = time.perf_counter()
        predictions = fitted.predict(held_out)
        times += done - began, time.perf_counter() - done
        squared.append((predictions - truth) ** 2)
        of_mean.append((y.mean() - truth) ** 2)
    error = np.sqrt(np.concatenate(squared).mean() / np.concatenate(of_mean).mean())
    return float(error), *times.tolist()


def parts_of(name, part, path):
    train, test = load(name, path)
    if part == "test":
        return [(train, test)]
    X, y = train
    folds = KFold(2, shuffle=True, random_state=0).split(X)
    return [((X[a], y[a]), (X[b], y[b])) for a, b in folds]


def main():
    own = [
        name.removesuffix("Regressor")
        for name, cls in all_estimators("regressor")
        if not {"estimator", "estimators"} & cls.__dataclass_fields__.keys()
    ]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--part", choices=["train", "test"], default="train")
    parser.add_argument("--data", default=None, help="folder that holds ozone/eighthr.csv")
    parser.add_argument("--models", nargs="+", default=[*PEERS, *own])
    parser.add_argument("--sets", nargs="+", default=None)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--out", default=None)
    args = parser.parse_args()
    names = ["Covid3Month", "Tecator", "CardanoSentiment", *WINDOWED]
    names = args.sets or names + (["Ozone"] if args.data else [])
    made = {
        (row["set"], row["model"], row["part"], len(row["errors"])): row
        for row in read_rows(args.out)
    }
    for name in names:
        parts = parts_of(name, args.part, args.data)
        for model in args.models:
            row = made.get((name, model, args.part, args.seeds))
            if row is None:
                found = Parallel(n_jobs=args.n_jobs)(
                    delayed(scored)(model, of_name(model), parts, seed)
                    for seed in range(args.seeds)
                )
                errors, fit, predict = (np.round(of, 3).tolist() for of in zip(*found, strict=True))
                row = {"set": name, "model": model, "part": args.part, "errors": errors}
                row |= {"fit_s": min(fit), "predict_s": min(predict)}  # the first may be slow
                add_row(args.out, row)
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
