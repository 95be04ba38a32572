"""The runs of a plan, one after the other or side by side, into a store."""

import itertools

import torch
from joblib import Parallel, cpu_count, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

from skts.benchmark.run import execute, failed
from skts.benchmark.store import Store


def run_study(
    runs, folder, *, archive=None, device="auto", n_jobs=1, retry_failed=False, on_row=None
):
    """Do what of a plan is not done yet.

    Parameters
    ----------
    runs : list of skts.benchmark.plan.Run
    folder : str or path
        Where results are, and go to.
    archive : str or path, optional
        As `path` of skts.datasets.load_ucr.
    device : str, default="auto"
        For estimators of skts; runs are dealt to the CUDA devices in turn, where there are several.
    n_jobs : int, default=1
        Runs side by side, each in a process of its own.
    retry_failed : bool, default=False
        Do those again that failed.
    on_row : callable, optional
        Is given each row as it is added.

    Returns
    -------
    skts.benchmark.store.Store

    Raises
    ------
    OSError
        Where the folder cannot be written to, before any training; or once the disk is full.
    RuntimeError
        Where another process adds to the folder.
    """
    store = Store(folder)
    with store.writing(), parallel_config("loky", inner_max_num_threads=_threads(n_jobs)):
        left = undone(runs, store.rows(), retry_failed=retry_failed)
        for row, arrays in _outcomes(left, archive, device, n_jobs):
            store.add(row, arrays)
            if on_row is not None:
                on_row(row)
    return store


def undone(runs, rows, *, retry_failed=False):
    """Those of the runs that have no row yet."""
    done = {row["key"] for row in rows if row["status"] == "done" or not retry_failed}
    return [run for run in runs if run.key not in done]


def _threads(n_jobs):
    return max(1, cpu_count() // n_jobs)


def _outcomes(runs, archive, device, n_jobs):
    """Rows and predictions as they come."""
    places = itertools.cycle(_devices(device))
    calls = {run.key: (run, archive, next(places)) for run in runs}
    while calls and n_jobs > 1:
        side_by_side = Parallel(n_jobs, batch_size=1, return_as="generator_unordered")
        try:
            for row, arrays in side_by_side(delayed(execute)(*call) for call in [*calls.values()]):
                del calls[row["key"]]
                yield row, arrays
        except TerminatedWorkerError:
            # calls are dealt out in their order: one of the first had its process killed
            for key in list(calls)[:n_jobs]:
                yield _alone(calls.pop(key))
    for call in calls.values():
        yield _alone(call)


def _alone(call):
    """The outcome of a run in a process of its own; it has failed where that is killed twice."""
    for _ in range(2):
        try:
            # of one job joblib would make no process
            return Parallel(n_jobs=2)([delayed(execute)(*call)])[0]
        except TerminatedWorkerError as error:
            killed = error
    run, _, device = call
    return failed(run, device, killed), {}


def _devices(device):
    """The devices that runs are dealt to, in turn."""
    n = torch.cuda.device_count() if device in ("auto", "cuda") else 0
    return [f"cuda:{i}" for i in range(n)] if n > 1 else [device]
