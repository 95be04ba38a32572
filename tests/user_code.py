"""What users write: mypy passes it, but for the lines that end in an error which it must find.

Nothing here runs; tests/test_typing.py reads what mypy tells.
"""

from pathlib import Path
from typing import assert_type

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skts
from skts import LSTMFCNClassifier, LSTMFCNRegressor, SeedEnsembleClassifier, recipes
from skts.adapters import to_sktime
from skts.benchmark import Run, Store, plan_runs, run_study
from skts.datasets import load_ucr
from skts.discovery import all_estimators
from skts.explain import attention_times, class_activation_maps, integrated_gradients
from skts.export import exported_program
from skts.forecasting import LSTMForecaster
from skts.models import CNN, LSTMFCN
from skts.plotting import plot_class_activation, plot_learning_curves


class Small(LSTMFCNClassifier):
    """With other defaults, and an option of its own."""

    n_cells = 4
    max_epochs: int = 7
    depth: int = 1


def training(y: np.ndarray) -> None:
    X, labels = load_ucr("GunPoint", split="train")
    classifier = LSTMFCNClassifier(
        n_cells=4, filters=(8, 16, 8), max_epochs=2, cell="gru", optimizer=torch.optim.Adam
    )
    assert_type(classifier.fit(X, y), LSTMFCNClassifier)
    assert_type(classifier.partial_fit(X, y, classes=[0, 1]).predict(X), np.ndarray)
    assert_type(classifier.fit(X, labels).predict_proba(X), np.ndarray)
    assert_type(classifier.classes_, np.ndarray)
    assert_type(classifier.n_timepoints_in_, int)
    assert_type(Small(depth=2, n_cells=8, lr=1e-3).fit(X, y), Small)
    LSTMFCNClassifier(**recipes.karim2017).fit(X, y).score(X, y)
    LSTMFCNRegressor().set_params(lr=1e-3).fit(X, y, sample_weight=np.ones(len(y)))
    SeedEnsembleClassifier(classifier, n_estimators=2).fit(X, y).predict_log_proba(X)
    search = GridSearchCV(make_pipeline(StandardScaler(), classifier), {"lr": [1e-3]})
    search.fit(X, y).predict(X)

    LSTMFCNClassifier(augment=["jitter", ("time_warp", 0.3)]).set_params(augment="scaling")

    LSTMFCNClassifier(augment="noise")  # error: arg-type
    LSTMFCNClassifier(augment=["jitter", ("time_warp", "much")])  # error: list-item
    LSTMFCNClassifier(n_cels=4)  # error: call-arg
    LSTMFCNClassifier("balanced")  # error: call-arg
    LSTMFCNClassifier(n_cells="4")  # error: arg-type
    LSTMFCNClassifier(filters=(8, 16, "8"))  # error: arg-type
    LSTMFCNClassifier(lr_schedule="cosine")  # error: arg-type
    LSTMFCNClassifier(optimizer=torch.nn.Linear)  # error: arg-type
    LSTMFCNClassifier(random_state=np.random.default_rng(0))  # error: arg-type
    LSTMFCNClassifier(class_weight=[1.0])  # error: arg-type
    LSTMForecaster(missing="interpolate")  # error: arg-type
    LSTMFCNClassifier().fit(X)  # error: call-arg
    LSTMFCNClassifier().fit(X, y).predictions(X)  # error: attr-defined
    LSTMFCNRegressor(oversample=True)  # error: call-arg
    LSTMFCNRegressor().predict_proba(X)  # error: attr-defined
    Small(breadth=2)  # error: call-arg
    Small(depth="2")  # error: arg-type
    SeedEnsembleClassifier()  # error: call-arg
    load_ucr("GunPoint", split="all")  # error: arg-type


def inputs(y: list[str], series: pd.DataFrame, tensor: torch.Tensor) -> None:
    classifier = LSTMFCNClassifier()
    classifier.fit(series, y)
    classifier.fit(tensor, y)
    classifier.fit([series, series], y)
    classifier.fit([np.zeros((2, 9)), np.zeros((2, 7))], y)
    classifier.fit(((1, 2, 3), (1, 2, 4)), y)

    classifier.fit({"a": [1, 2, 3]}, y)  # error: arg-type
    classifier.fit((row for row in ([1, 2], [3, 4])), y)  # error: arg-type


def files(X: np.ndarray, y: np.ndarray) -> None:
    classifier = LSTMFCNClassifier().fit(X, y)
    skts.save(classifier, "model.skts")
    classifier.save(Path("model.skts"))
    skts.load("model.skts", device="cpu").predict(X)
    assert_type(LSTMFCNClassifier.load(Path("model.skts")), LSTMFCNClassifier)
    skts.export_onnx(classifier, "model.onnx", dynamic_time=True)
    exported_program(classifier).module()

    skts.save(GridSearchCV(classifier, {}), "model.skts")  # error: arg-type
    skts.save(classifier)  # error: call-arg
    skts.load(3)  # error: arg-type


def forecasts(y: pd.Series, X: pd.DataFrame) -> None:
    forecaster = LSTMForecaster(n_lags=12, max_epochs=5, exogenous="lagged")
    assert_type(forecaster.fit(y, X, fh=[1, 2]), LSTMForecaster)
    assert_type(forecaster.fit_predict(y, fh=3), pd.Series)
    assert_type(forecaster.fit(y).update(y, update_params=False), LSTMForecaster)
    forecaster.fit(y).predict(fh=[1, 2, 3])

    LSTMForecaster(n_lag=12)  # error: call-arg
    LSTMForecaster(window_length="12")  # error: arg-type
    forecaster.fit(y, fh="3")  # error: arg-type


def explanations(classifier: LSTMFCNClassifier, X: np.ndarray, y: np.ndarray) -> None:
    class_activation_maps(classifier, X, "1")[0].max()
    integrated_gradients(classifier, X, baseline="mean").shape[0].bit_length()
    assert_type(plot_class_activation(classifier, X[0], label="1"), Axes)
    plot_learning_curves(classifier, ax=plot_learning_curves(classifier)).set_title("training")

    integrated_gradients(classifier, X, steps=10)  # error: call-arg
    integrated_gradients(classifier, X, n_steps=1.5)  # error: arg-type
    class_activation_maps(SeedEnsembleClassifier(classifier), X)  # error: arg-type
    plot_class_activation(classifier, X[0], axes=None)  # error: call-arg
    attention_times(classifier, X).max()  # error: union-attr


def networks(x: torch.Tensor) -> None:
    LSTMFCN(3, 24, 2, attention="additive")(x)

    CNN(3, 24, 2, pooling="max")  # error: arg-type
    LSTMFCN(3, 24, 2, cell="lstmm")  # error: arg-type


def studies(X: np.ndarray, y: np.ndarray) -> None:
    runs = plan_runs(["GunPoint"], ["FCN"], grid={"lr": [1e-3, 5e-3]}, resamples=range(3))
    assert_type(runs, list[Run])
    assert_type(run_study(runs, Path("study"), on_row=print), Store)
    to_sktime(LSTMFCNClassifier()).fit(X, y)
    dict(all_estimators("classifier"))["LSTMFCNClassifier"]()

    plan_runs("FCN", estimator=["GunPoint"])  # error: call-arg
    Run(dataset="GunPoint", estimator="FCN", seed="0")  # error: arg-type
    run_study(["GunPoint"], "study")  # error: list-item
    to_sktime(GridSearchCV(LSTMFCNClassifier(), {}))  # error: arg-type
    all_estimators("clusterer")  # error: arg-type
