"""Execution of a plan into a store: in sequence, in parallel or on a cluster."""

import contextlib
import functools
import itertools
import os
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from joblib import Parallel, cpu_count, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

from skts.benchmark.data import fingerprint
from skts.benchmark.plan import Run
from skts.benchmark.run import execute, failed
from skts.benchmark.store import Store
from skts.device import resolve_device
from skts.extras import needs
from skts.training.options import DEVICE


def run_study(
    runs: Sequence[Run],
    folder: str | os.PathLike[str],
    *,
    archive: str | os.PathLike[str] | None = None,
    device: str = "auto",
    n_jobs: int = 1,
    scheduler: str | None = None,
    keep_weights: bool = False,
    retry_failed: bool = False,
    on_row: Callable[[dict[str, Any]], object] | None = None,
) -> Store:
    """Run all runs that are not finished yet.

    Parameters
    ----------
    runs : list of skts.benchmark.plan.Run
    folder : str or path
        Folder of the results.
    archive : str or path, optional
        Like `path` in skts.datasets.load_ucr.
    device : str, default="auto"
        Device for estimators of skts. Several CUDA devices share the `n_jobs` places evenly, and
        a run takes a free place when it starts.
    n_jobs : int, default=1
        Number of parallel runs, each in its own process. The processes share the cores.
    scheduler : str, optional
        Address of a Dask scheduler. Its workers do the runs. They need the archive at the same
        path, and determine processes, threads and visible devices.
    keep_weights : bool, default=False
        Store the weights of the networks beside the predictions.
    retry_failed : bool, default=False
        Repeat failed runs.
    on_row : callable, optional
        Called with each new row.

    Returns
    -------
    skts.benchmark.store.Store

    Raises
    ------
    OSError
        If the folder cannot be written to (before any training), the disk is full, or no
        scheduler answers.
    RuntimeError
        If another process adds to the folder.
    ValueError
        If `n_jobs` is below 1, or not 1 for a cluster; if the folder has results of other data
        under the same name; or if `device` is not available.
    ModuleNotFoundError
        If `scheduler` is given, and ``distributed`` is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from skts.benchmark import plan_runs, run_study
    >>> runs = plan_runs(["ItalyPowerDemand"], ["FCN"], fixed={"max_epochs": 2})
    >>> (row,) = run_study(runs, tempfile.mkdtemp()).rows()
    >>> row["dataset"], row["status"]
    ('ItalyPowerDemand', 'done')
    """
    check_place(device, n_jobs, scheduler)
    store = Store(folder)
    with store.writing():
        rows = store.rows()
        _check_same_data(runs, rows, archive)
        left = pending_runs(runs, rows, retry_failed=retry_failed)
        if scheduler is None:
            outcomes = _on_this_machine(left, archive, device, n_jobs, keep_weights)
        else:
            outcomes = _on_cluster(left, archive, device, scheduler, keep_weights)
        for row, arrays in outcomes:
            store.add(row, arrays)
            if on_row is not None:
                on_row(row)
    return store


def check_place(device, n_jobs, scheduler):
    """Raise ValueError if the options of run_study are invalid or the device is missing."""
    if n_jobs < 1 or (scheduler is not None and n_jobs != 1):
        raise ValueError(
            f"n_jobs must be at least 1, and is for one machine: a cluster's workers are counted "
            f"where they are started; got n_jobs={n_jobs}, scheduler={scheduler!r}"
        )
    if not DEVICE.accepts(device):
        raise ValueError(f"device must be {DEVICE.text}, got {device!r}")
    if scheduler is None:
        resolve_device(device)


def _check_same_data(runs, rows, archive):
    """Raise ValueError if finished runs used other data under the same name."""
    known = {row["dataset"]: row["data"] for row in rows if row["status"] == "done"}
    names = [name for name in dict.fromkeys(run.dataset for run in runs) if name in known]
    if changed := [name for name in names if fingerprint(name, archive) != known[name]]:
        raise ValueError(
            f"the data changed since the results were made: {', '.join(changed)}. Use another "
            "folder for the results of the new data"
        )


def pending_runs(runs, rows, *, retry_failed=False):
    """Those of the runs that have no row yet."""
    done = {row["key"] for row in rows if row["status"] == "done" or not retry_failed}
    return [run for run in runs if run.key not in done]


def _on_this_machine(runs, archive, device, n_jobs, keep_weights):
    """Rows and arrays as they come, from n_jobs processes that share the cores."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        parallel_config("loky", inner_max_num_threads=max(1, cpu_count() // n_jobs)),
    ):
        places = places_on(device, n_jobs, folder)
        calls = {
            run.key: delayed(_executed)(run, archive, places, keep_weights=keep_weights)
            for run in runs
        }
        while calls and n_jobs > 1:
            side_by_side = Parallel(n_jobs, batch_size=1, return_as="generator_unordered")
            try:
                for row, arrays in side_by_side([*calls.values()]):
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
            return Parallel(n_jobs=2)([call])[0]  # of one job joblib would make no process
        except TerminatedWorkerError as error:
            killed = error
    _, (run, *_), _ = call
    return failed(run, killed), {}


def places_on(device, n_jobs, folder):
    """As many places as there are runs side by side: a file in the folder, and a device."""
    n = torch.cuda.device_count() if device in ("auto", "cuda") else 0
    devices = [f"cuda:{i}" for i in range(n)] if n > 1 else [device]
    return [(Path(folder) / str(i), devices[i % len(devices)]) for i in range(n_jobs)]


@contextlib.contextmanager
def taken(places):
    """The device of a place that no other process has, which is this one's for the block."""
    for file, device in itertools.cycle(places):  # with as many processes as places one gets free
        lock = FileLock(file)  # the system lets go of it where the process is killed
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        try:
            yield device
        finally:
            lock.release()
        return


def _executed(run, archive, places, *, keep_weights):
    with taken(places) as device:
        return execute(run, archive, device, keep_weights=keep_weights)


def _on_cluster(runs, archive, device, scheduler, keep_weights):
    """Rows and arrays as they come, from the workers of a Dask scheduler.

    Dask gives the run of a worker that died to another one, and gives it up once some have died
    that had it, be it only as their next: those are done again one by one. joblib's own way to Dask
    would then wait for ever, and cannot tell which run it was.
    """
    with needs("dask", "a Dask cluster"):
        from distributed import Client, KilledWorker
    call = functools.partial(execute, archive=archive, device=device, keep_weights=keep_weights)
    killed = []
    with Client(scheduler) as client:
        if not client.scheduler_info()["workers"]:
            warnings.warn(f"no workers at {scheduler} yet: the study waits for one", stacklevel=3)
        for run, future in _ended(client, call, runs):
            if isinstance(future.exception(), KilledWorker):
                killed.append(run)
            else:
                yield future.result()
        for suspect in killed:
            for run, future in _ended(client, call, [suspect]):
                error = future.exception()
                died = isinstance(error, KilledWorker)
                yield (failed(run, error), {}) if died else future.result()


def _ended(client, call, runs):
    """Each run with its future, as they end."""
    from distributed import as_completed

    futures = {client.submit(call, run, pure=False): run for run in runs}
    for future in as_completed(futures):
        if future.status == "cancelled":
            raise ConnectionError("the scheduler is gone: repeat the command")
        yield futures.pop(future), future
