"""
In sktime's benchmarking harness
================================

This script compares networks of skts with classical methods of sktime, and takes some minutes::

    python docs/examples/sktime_benchmark.py --out results [--epochs 100] [--folds 3]

It cross-validates seven classifiers on four data sets that sktime ships. OUT stores every finished
pair of classifier and data set. If you repeat the command, it runs only the missing pairs. The
script prints accuracies and average ranks, and draws the critical-difference diagram OUT/ranks.svg.
It needs the extra ``bench``, for numba (MiniRocket) and matplotlib (the diagram).
"""

import argparse
from pathlib import Path

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sktime.benchmarking.analysis import AverageRank, CriticalDifferenceDiagram
from sktime.benchmarking.classification import ClassificationBenchmark
from sktime.classification.compose import SklearnClassifierPipeline
from sktime.classification.distance_based import KNeighborsTimeSeriesClassifier
from sktime.classification.interval_based import TimeSeriesForestClassifier
from sktime.classification.kernel_based import RocketClassifier
from sktime.datasets import (
    load_arrow_head,
    load_gunpoint,
    load_italy_power_demand,
    load_unit_test,
)
from sktime.transformations.summarize import SummaryTransformer

from skts import FCNClassifier, LSTMFCNClassifier, MLSTMFCNClassifier
from skts.adapters import to_sktime

LOADERS = (
    load_arrow_head,
    load_gunpoint,
    load_italy_power_demand,
    load_unit_test,
)


def classifiers(epochs):
    options = {"max_epochs": epochs, "random_state": 0}
    return {
        "LSTM-FCN": to_sktime(LSTMFCNClassifier(**options)),
        "MLSTM-FCN": to_sktime(MLSTMFCNClassifier(**options)),
        "FCN": to_sktime(FCNClassifier(**options)),
        "1-NN DTW": KNeighborsTimeSeriesClassifier(n_neighbors=1, distance="dtw"),
        "MiniRocket": RocketClassifier(rocket_transform="minirocket", random_state=0),
        "TimeSeriesForest": TimeSeriesForestClassifier(n_estimators=50, random_state=0),
        # scikit-learn sees a table: mean, standard deviation, quantiles of each series
        "Summary, logistic": SklearnClassifierPipeline(
            make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
            [SummaryTransformer()],
        ),
    }


def run(out, *, epochs=100, folds=3, loaders=LOADERS):
    """Return a frame of accuracies, with one row per data set, and the average ranks."""
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    benchmark = ClassificationBenchmark()
    benchmark.add_estimator(classifiers(epochs))
    splitter = KFold(folds, shuffle=True, random_state=0)
    for loader in loaders:
        name = loader.__name__.removeprefix("load_")
        benchmark.add_task(loader, splitter, [accuracy_score], task_id=name)
    results = benchmark.run(str(out / f"{epochs}_epochs_{folds}_folds.csv"))
    if len(results) < len(loaders) * len(
        benchmark.estimators.entities
    ):  # sktime goes on and logs it
        raise RuntimeError("some classifiers failed, see the log above; repeat the command")
    metric = {"metric": "accuracy_score", "lower_is_better": False}
    ranks = AverageRank(**metric).evaluate(results)
    # the diagram keeps the order of the classifiers and needs the best first
    best_first = pd.Categorical(results["model_id"], categories=ranks["model_id"], ordered=True)
    figure, _ = CriticalDifferenceDiagram(**metric).plot(results.assign(model_id=best_first))
    figure.savefig(out / "ranks.svg", bbox_inches="tight")
    table = results.pivot(columns="model_id", index="validation_id", values="accuracy_score_mean")
    return table, ranks


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--out", required=True, help="folder for results and diagram")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--folds", type=int, default=3)
    args = parser.parse_args()
    table, ranks = run(args.out, epochs=args.epochs, folds=args.folds)
    with pd.option_context("display.width", 120, "display.max_columns", None):
        print(table.round(3), ranks.round(2).to_string(index=False), sep="\n\n")


if __name__ == "__main__":
    main()
