"""One run of a study: a row of results, and predictions, from an entry of a plan and an archive."""

import dataclasses
import functools
import importlib.metadata
import platform
import subprocess
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss
from sklearn.model_selection import GridSearchCV, StratifiedKFold

import skts
from skts._tensors import CPU, resolve_device
from skts.benchmark.data import container, load_split, prepared
from skts.benchmark.estimators import is_own, make
from skts.benchmark.memory import peak_memory

PACKAGES = ("torch", "scikit-learn", "sktime", "skorch", "numpy")


def execute(run, archive, device="auto"):
    """Train and score.

    Parameters
    ----------
    run : skts.benchmark.plan.Run
    archive : str, path or None
    device : str, default="auto"
        For estimators of skts.

    Returns
    -------
    row : dict
        What becomes a line of results. A failure, of whatever kind, is a row with its error.
    arrays : dict
        Labels of the test series, classes and probabilities; empty after a failure.
    """
    row = _described(run, device)
    try:
        with peak_memory(_place(run, device)) as memory:
            found, arrays = _trained_and_scored(run, archive, device)
    except Exception as error:  # a study goes on, whatever one of its runs meets
        return row | failure(error), {}
    return row | found | {"status": "done", "peak_memory": memory["peak"]}, arrays


def failed(run, device, error):
    """The row of a run whose process an error ended."""
    return _described(run, device) | failure(error)


def failure(error):
    """What a row says of the error that ended its run."""
    text = "".join(traceback.format_exception(error))
    return {"status": "failed", "error": f"{type(error).__name__}: {error}", "traceback": text}


def _described(run, device):
    place = _place(run, device)
    return dataclasses.asdict(run) | {
        "key": run.key,
        "model": run.model,
        "device": torch.cuda.get_device_name(place) if place.type == "cuda" else platform.machine(),
        "threads": torch.get_num_threads(),
        "host": platform.node(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
    }


def _place(run, device):
    return resolve_device(device) if is_own(run.estimator) else CPU


@functools.cache
def versions():
    """Of what a result depends on: Python, packages, and the commit where skts is in a clone."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    command = ["git", "-C", str(Path(skts.__file__).parent), "rev-parse", "HEAD"]
    try:
        commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = None
    return found | {"python": platform.python_version(), "skts": skts.__version__, "commit": commit}


def _trained_and_scored(run, archive, device):
    own = is_own(run.estimator)
    (X, y), (X_test, y_test), facts = load_split(run.dataset, archive, run.resample)
    estimator = make(run.estimator, recipe=run.recipe, options=run.options, seed=run.seed)
    estimator, done = prepared(estimator, facts, own=own)
    if own:
        estimator.set_params(device=device)
    X, X_test = container(X, own=own), container(X_test, own=own)
    start = time.perf_counter()
    estimator, chosen = _fitted(estimator, run, X, y)
    fitted = time.perf_counter()
    y_pred, probabilities = estimator.predict(X_test), estimator.predict_proba(X_test)
    predicted = time.perf_counter()
    row = facts | {
        "fit_seconds": fitted - start,
        "predict_seconds": (predicted - fitted) / 2,  # labels and probabilities were asked for
        "epochs": len(estimator.history_) if own else None,
        "chosen": chosen,
        "prepared": done,
        "parameters": {name: repr(v) for name, v in estimator.get_params(deep=False).items()},
    }
    arrays = {
        "y_test": y_test,
        "y_pred": y_pred,
        "classes": estimator.classes_,
        "probabilities": np.asarray(probabilities),
    }
    return row | _scores(**arrays), {name: _without_objects(a) for name, a in arrays.items()}


def _fitted(estimator, run, X, y):
    """The estimator trained, and the options that cross-validation of the training part chose."""
    if not run.candidates:
        return estimator.fit(X, y), {}
    smallest = np.unique(y, return_counts=True)[1].min()
    folds = StratifiedKFold(max(2, min(3, smallest)), shuffle=True, random_state=run.seed)
    grid = {name: list(values) for name, values in run.candidates}
    search = GridSearchCV(estimator, grid, cv=folds, error_score="raise").fit(X, y)
    return search.best_estimator_, search.best_params_


def _scores(y_test, y_pred, classes, probabilities):
    known = np.isin(y_test, classes).all()  # else no probability says how surprising it is
    loss = log_loss(y_test, probabilities, labels=classes) if known else None
    return {
        "accuracy": float(accuracy_score(y_test, y_pred)),
        "balanced_accuracy": float(balanced_accuracy_score(y_test, y_pred)),
        "macro_f1": float(f1_score(y_test, y_pred, average="macro")),
        "log_loss": None if loss is None else float(loss),
    }


def _without_objects(array):
    return array.astype(str) if array.dtype == object else array
