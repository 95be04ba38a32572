"""About how long the runs of a plan take, from a moment of each."""

import time

import numpy as np

from skts.benchmark.data import container, load_split, prepared
from skts.benchmark.estimators import is_own, make

N_SERIES = 32  # of which one epoch is timed


def estimated_seconds(runs, rows, *, archive=None, device="auto"):
    """About how many seconds the runs take one after the other, and how many are not counted.

    A run like one that is done takes as long as that did; else one epoch over a few of its series
    is timed, and `max_epochs` over all of them are as many times that, however soon training may
    end. Runs of other packages that are not done yet are not counted, nor those that fail.
    """
    known, total, unknown = {}, 0.0, 0
    for row in rows:
        if row["status"] == "done":
            known[row["dataset"], row["model"]] = row["fit_seconds"] + row["predict_seconds"]
    for run in runs:
        like = run.dataset, run.model
        if like not in known:
            known[like] = _timed(run, archive, device) if is_own(run.estimator) else None
        if known[like] is None:
            unknown += 1
        else:
            total += known[like]
    return total, unknown


def _timed(run, archive, device):
    try:
        (X, y), _, facts = load_split(run.dataset, archive)
    except (OSError, ValueError):
        return None
    options = dict(run.options) | {name: values[-1] for name, values in run.candidates}
    estimator = make(run.estimator, recipe=run.recipe, options=options.items(), seed=0)
    estimator, _ = prepared(estimator, facts, own=True)
    n_epochs = estimator.max_epochs * (1 + estimator.fine_tune_rounds)
    whole = {"validation_fraction": None, "restore_best": None, "early_stopping_patience": None}
    estimator.set_params(max_epochs=1, fine_tune_rounds=0, device=device, **whole)
    rows = _of_all_classes(y)
    start = time.perf_counter()
    try:
        estimator.fit(container([X[i] for i in rows], own=True), y[rows])
    except (ValueError, TypeError):
        return None
    n_trainings = 1 + 3 * int(np.prod([len(v) for _, v in run.candidates])) if run.candidates else 1
    return (time.perf_counter() - start) * n_epochs * len(y) / len(rows) * n_trainings


def _of_all_classes(y):
    """A few rows, the classes in turn."""
    _, labels = np.unique(y, return_inverse=True)
    order = np.argsort(labels, kind="stable")
    place = np.empty(len(y), dtype=int)  # of each series within its class
    starts = np.searchsorted(labels[order], labels[order])
    place[order] = np.arange(len(y)) - starts
    return np.lexsort((labels, place))[: max(N_SERIES, 2 * labels.max() + 2)]
