"""Estimates of the duration of a plan, from short trainings."""

import dataclasses
import itertools
import time

import numpy as np
from joblib import Parallel, cpu_count, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

from skts.base import GradientTrained
from skts.benchmark.data import load_split, prepared
from skts.benchmark.estimators import is_own, make
from skts.datasets.load import size_of
from skts.training.callbacks import cycle_lengths, target_loss_of

N_BATCHES = 4  # of which some epochs are timed
N_SOLVED = 64  # series of a part that is timed where there are no epochs
BUDGET = 20.0  # seconds after which each model is timed on no more than one data set


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimate:
    """Seconds of runs in sequence.

    Attributes
    ----------
    low, high : float
        Seconds if every training stops as early as its options allow, and if it reaches the last of
        its `max_epochs`.
    foreign : list of Run
        New runs of other packages, which are not counted.
    failing : list of (Run, str)
        Runs that would fail, with their errors.
    """

    low: float
    high: float
    foreign: list
    failing: list


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timing:
    """Measured seconds of a model on a data set, outside and inside its epochs."""

    size: int
    fixed: float
    low: float
    high: float

    def seconds(self, size):
        """Scale the seconds to a data set whose training split has the given size."""
        return np.array([self.low, self.high]) * size / self.size + self.fixed


def estimate_of(runs, rows, *, archive=None, device="auto", n_jobs=1, on_timed=None):
    """Estimate the seconds of the runs.

    A run takes as long as a finished run of the same kind. All other models train for some epochs
    on some data sets, beginning with medium sizes, in the same kind of process as a run. When
    BUDGET is spent, the times on other data sets follow from the sizes of their files.

    Parameters
    ----------
    runs : list of skts.benchmark.plan.Run
    rows : list of dict
        Finished runs, from skts.benchmark.Store.
    archive, device, n_jobs
        As in skts.benchmark.run_study.
    on_timed : callable, optional
        Called with each timed run, the maximum number of timings, and the result.

    Returns
    -------
    Estimate
    """
    known = {
        (row["dataset"], row["model"]): np.full(2, row["fit_seconds"] + row["predict_seconds"])
        for row in rows
        if row["status"] == "done"
    }
    to_time = {(r.dataset, r.model): r for r in runs if is_own(r.estimator)}
    to_time = [run for like, run in to_time.items() if like not in known]
    sizes = {run.dataset: size_of(run.dataset, archive) for run in to_time}
    with parallel_config("loky", inner_max_num_threads=max(1, cpu_count() // n_jobs)):
        found = _timings(to_time, sizes, (archive, device), on_timed)
    timings = {like: timing for like, timing in found.items() if isinstance(timing, Timing)}
    for run in to_time:
        like, size = (run.dataset, run.model), sizes[run.dataset]
        if like in timings or like not in found:
            near = [timing for (_, model), timing in timings.items() if model == run.model]
            known[like] = min(near, key=lambda t, size=size: abs(t.size - size)).seconds(size)
    likes = [(run, (run.dataset, run.model)) for run in runs]
    low, high = sum((known[like] for _, like in likes if like in known), np.zeros(2))
    return Estimate(
        low=float(low),
        high=float(high),
        foreign=[r for r, like in likes if like not in known and not is_own(r.estimator)],
        failing=[(r, found[like]) for r, like in likes if isinstance(found.get(like), str)],
    )


def _timings(runs, sizes, where, on_timed):
    """Return, by data set and model, the measurement or the error."""
    found, began = {}, time.perf_counter()
    for run in _middle_first(runs, sizes):
        models = {model for (_, model), timing in found.items() if isinstance(timing, Timing)}
        if time.perf_counter() - began > BUDGET and run.model in models:
            continue
        try:
            # of one job joblib would make no process
            (timing,) = Parallel(n_jobs=2)([delayed(timed)(run, sizes[run.dataset], *where)])
        except TerminatedWorkerError as error:
            timing = f"{type(error).__name__}: its process was killed"
        found[run.dataset, run.model] = timing
        if on_timed is not None:
            on_timed(run, len(runs), timing)
    return found


def _middle_first(runs, sizes):
    """Return models in turn, each with data sets of medium size first."""
    of_model = {}
    for run in sorted(runs, key=lambda run: sizes[run.dataset]):
        of_model.setdefault(run.model, []).append(run)
    for group in of_model.values():
        middle = sizes[group[len(group) // 2].dataset]
        group.sort(key=lambda run, middle=middle: abs(sizes[run.dataset] - middle))
    in_turn = itertools.chain.from_iterable(itertools.zip_longest(*of_model.values()))
    return [run for run in in_turn if run is not None]


def timed(run, size, archive, device):
    try:
        return _measured(run, size, archive, device)
    except Exception as error:  # as in `execute`: the run fails, whatever it meets
        return f"{type(error).__name__}: {error}"


def _measured(run, size, archive, device):
    load_split(run.dataset, archive)  # what is done once in a process is not of every run
    began = time.perf_counter()
    (X, y), (X_test, _), facts = load_split(run.dataset, archive)
    loading = time.perf_counter() - began
    options = dict(run.options) | {name: values[-1] for name, values in run.candidates}
    estimator = make(run.estimator, recipe=run.recipe, options=options.items(), seed=0)
    estimator, _ = prepared(estimator, facts, own=True)
    estimator.set_params(device=device)
    is_trained = isinstance(estimator, GradientTrained)
    rows = _rows_of_every_class(y, N_BATCHES * estimator.batch_size if is_trained else N_SOLVED)
    part = [X[i] for i in rows], y[rows]
    once, low, high = (_of_epochs if is_trained else _of_one_solution)(estimator, part)
    began = time.perf_counter()
    estimator.predict(part[0])
    estimator.predict_proba(part[0])
    predicting = (time.perf_counter() - began) * len(X_test) / len(rows)
    n_tried = run.search or int(np.prod([len(values) for _, values in run.candidates]))
    n_trainings = 1 + 3 * n_tried if run.candidates or run.search else 1
    times = n_trainings * _n_trained_on(estimator, y) / len(rows)
    return Timing(
        size=size,
        fixed=loading + once * n_trainings + predicting,
        low=low * times,
        high=high * times,
    )


def _of_epochs(estimator, part):
    """Return the seconds outside epochs, and of the fewest and the most epochs."""
    least, most = epoch_bounds(estimator)
    whole = {"validation_fraction": None, "restore_best": None, "early_stopping_patience": None}
    estimator.set_params(fine_tune_rounds=0, checkpoint_dir=None, **whole)
    _fit_seconds(estimator.set_params(max_epochs=1), part)  # as above
    one, three = (_fit_seconds(estimator.set_params(max_epochs=n), part) for n in (1, 3))
    epoch = (three - one) / 2 if three > one else three / 3
    return max(0.0, one - epoch), epoch * least, epoch * most


def _of_one_solution(estimator, part):
    """Return the same for estimators without epochs. Time grows faster than the series."""
    _fit_seconds(estimator, part)  # as above
    seconds = _fit_seconds(estimator, part)
    return 0.0, seconds, seconds


def _fit_seconds(estimator, part):
    began = time.perf_counter()
    estimator.fit(*part)
    return time.perf_counter() - began


def epoch_bounds(estimator):
    """Return the smallest and largest number of epochs for these options."""
    least = most = estimator.max_epochs
    if estimator.early_stopping_patience is not None:
        least = min(most, estimator.early_stopping_patience + 1)
    elif estimator.lr_schedule == "one_cycle" and target_loss_of(estimator):
        least = cycle_lengths(most, estimator.first_cycle)[0]
    rounds = 1 + estimator.fine_tune_rounds
    return least * rounds, most * rounds


def _n_trained_on(estimator, y):
    _, counts = np.unique(y, return_counts=True)
    return counts.max() * len(counts) if estimator.oversample else len(y)


def _rows_of_every_class(y, n):
    """Return the indices of `n` series or all, at least two per class, classes in turn."""
    _, labels = np.unique(y, return_inverse=True)
    order = np.argsort(labels, kind="stable")
    place = np.empty(len(y), dtype=int)  # of each series within its class
    starts = np.searchsorted(labels[order], labels[order])
    place[order] = np.arange(len(y)) - starts
    return np.lexsort((labels, place))[: max(n, 2 * labels.max() + 2)]
