"""One run of a study: from an entry of a plan to a row of results and predictions."""

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
from joblib import parallel_config
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, StratifiedKFold

import skts
from skts.base import GradientTrained
from skts.benchmark.data import container, load_split, prepared
from skts.benchmark.estimators import is_own, make, space_of
from skts.benchmark.memory import peak_memory
from skts.device import CPU, resolve_device
from skts.ensemble import Ensemble

WEIGHT = "weights"  # begins the name of an array of weights
PACKAGES = ("torch", "scikit-learn", "sktime", "skorch", "numpy")


def execute(run, archive, device="auto", *, keep_weights=False):
    """Train and score.

    Parameters
    ----------
    run : skts.benchmark.plan.Run
    archive : str, path or None
    device : str, default="auto"
        For estimators of skts.
    keep_weights : bool, default=False
        Of estimators of skts.

    Returns
    -------
    row : dict
        A row of results. Every failure is a row with its error.
    arrays : dict
        Labels of the test series, classes, probabilities, losses of each epoch and, if requested,
        weights ("weights NAME"). Empty after a failure.
    """
    described = _described(run)
    try:
        place = resolve_device(device) if is_own(run.estimator) else CPU
        name = torch.cuda.get_device_name(place) if place.type == "cuda" else platform.machine()
        # a run is one process's work, also where what runs it would spread its parts
        with peak_memory(place) as memory, parallel_config("sequential"):
            found, arrays = _trained_and_scored(run, archive, device, keep_weights)
    except Exception as error:  # a study goes on, whatever one of its runs meets
        return described | _failure(error), {}
    found |= {"status": "done", "device": name, "peak_memory": memory["peak"]}
    return described | found, arrays


def failed(run, error):
    """Return the row of a run whose process ended with an error."""
    return _described(run) | _failure(error)


def _failure(error):
    text = "".join(traceback.format_exception(error))
    return {"status": "failed", "error": f"{type(error).__name__}: {error}", "traceback": text}


def _described(run):
    return run.described | {
        "key": run.key,
        "model": run.model,
        "threads": torch.get_num_threads(),
        "host": platform.node(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
    }


@functools.cache
def versions():
    """Return versions of Python and packages, and the commit if skts is in a clone."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    own = {"python": platform.python_version(), "skts": skts.__version__, "commit": _commit()}
    return found | own


def _commit():
    """Return the commit of the clone of skts, with "-dirty" if files changed."""
    clone = Path(skts.__file__).parents[1]
    if not (clone / ".git").exists():
        return None  # a repository around it tells nothing of skts
    command = ["git", "-C", str(clone), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run([*command, "--exclude=*"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _trained_and_scored(run, archive, device, keep_weights):
    own = is_own(run.estimator)
    (X, y), (X_test, y_test), facts = load_split(run.dataset, archive, run.resample)
    estimator = make(run.estimator, recipe=run.recipe, options=run.options, seed=run.seed)
    estimator, done = prepared(estimator, facts, own=own)
    if own:
        estimator.set_params(device=device)
    X, X_test = container(X, own=own), container(X_test, own=own)
    start = time.perf_counter()
    estimator, choice = _fitted(estimator, run, X, y)
    fitted = time.perf_counter()
    y_pred = estimator.predict(X_test)
    predicted = time.perf_counter()
    has_epochs = isinstance(estimator, GradientTrained)
    row = facts | {
        "fit_seconds": fitted - start,
        "predict_seconds": predicted - fitted,
        "epochs": len(estimator.history_) if has_epochs else None,
        "prepared": done,
        "parameters": {name: repr(v) for name, v in estimator.get_params(deep=False).items()},
    }
    arrays = {
        "y_test": y_test,
        "y_pred": y_pred,
        "classes": estimator.classes_,
        "probabilities": np.asarray(estimator.predict_proba(X_test)),
    }
    row |= choice | _scores(**arrays)
    if has_epochs:
        arrays |= _losses(estimator.history_)
    if own and keep_weights:
        arrays |= _weights(estimator)
    return row, {name: _without_objects(a) for name, a in arrays.items()}


def _fitted(estimator, run, X, y):
    """Return the trained estimator, and the choice of the cross-validation with its scores."""
    if not run.candidates and run.search is None:
        return estimator.fit(X, y), {"chosen": {}}
    smallest = np.unique(y, return_counts=True)[1].min()
    folds = StratifiedKFold(max(2, min(3, smallest)), shuffle=True, random_state=run.seed)
    how = {"cv": folds, "error_score": "raise"}
    if run.search is None:
        grid = {name: list(values) for name, values in run.candidates}
        search = GridSearchCV(estimator, grid, **how)
    else:
        space = space_of(estimator, recipe=run.recipe, options=run.options)
        search = RandomizedSearchCV(
            estimator, space, n_iter=run.search, random_state=run.seed, **how
        )
    search.fit(X, y)
    scores = search.cv_results_["mean_test_score"].tolist()
    tried = list(zip(search.cv_results_["params"], scores, strict=True))
    return search.best_estimator_, {"chosen": search.best_params_, "tried": tried}


def _scores(y_test, y_pred, classes, probabilities):
    # a class that training did not see has no probability, and 0 and 1 are none
    tells = np.isin(y_test, classes).all() and not np.isin(probabilities, (0, 1)).all()
    loss = log_loss(y_test, probabilities, labels=classes) if tells else None
    return {
        "accuracy": float(accuracy_score(y_test, y_pred)),
        "balanced_accuracy": float(balanced_accuracy_score(y_test, y_pred)),
        "macro_f1": float(f1_score(y_test, y_pred, average="macro")),
        "log_loss": None if loss is None else float(loss),
    }


def _losses(history):
    """Return the training loss and, if recorded, the validation loss of each epoch."""
    names = [name for name in ("train_loss", "valid_loss") if name in history[0]]
    return {name: np.array(history[:, name], dtype=np.float32) for name in names}


def _weights(estimator):
    """Return the tensors of the network, or of the members' networks, by name."""
    if isinstance(estimator, Ensemble):
        return {
            name.replace(WEIGHT, f"{WEIGHT} {i}", 1): values
            for i, member in enumerate(estimator.estimators_)
            for name, values in _weights(member).items()
        }
    weights = estimator.net_.module_.state_dict()
    return {f"{WEIGHT} {name}": tensor.cpu().numpy() for name, tensor in weights.items()}


def _without_objects(array):
    return array.astype(str) if array.dtype == object else array
