"""The runs of a plan, one after the other, side by side or on a cluster, into a store."""

import functools
import itertools
import warnings

import torch
from joblib import Parallel, cpu_count, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

from skts._tensors import resolve_device
from skts.benchmark.data import fingerprint
from skts.benchmark.run import execute, failed
from skts.benchmark.store import Store


def run_study(
    runs,
    folder,
    *,
    archive=None,
    device="auto",
    n_jobs=1,
    scheduler=None,
    keep_weights=False,
    retry_failed=False,
    on_row=None,
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
        Runs side by side, each in a process of its own, which share the cores.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers then do the runs. They need the archive at the
        same place, and decide about processes, threads and visible devices.
    keep_weights : bool, default=False
        Keep the weights of the networks of skts beside the predictions.
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
        Where the folder cannot be written to, before any training; or once the disk is full; or
        where no scheduler answers.
    RuntimeError
        Where another process adds to the folder.
    ValueError
        Where `n_jobs` is below 1, or other than 1 for a cluster; the folder has results of other
        data under the same name; or `device` is not there.
    ModuleNotFoundError
        Where `scheduler` is given, and ``distributed`` is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from skts.benchmark import plan_runs, run_study
    >>> runs = plan_runs(["ItalyPowerDemand"], ["FCN"], fixed={"max_epochs": 2})
    >>> (row,) = run_study(runs, tempfile.mkdtemp()).rows()
    >>> row["dataset"], row["status"]
    ('ItalyPowerDemand', 'done')
    """
    if n_jobs < 1 or (scheduler is not None and n_jobs != 1):
        raise ValueError(
            f"n_jobs must be at least 1, and is for one machine: a cluster's workers are counted "
            f"where they are started; got n_jobs={n_jobs}, scheduler={scheduler!r}"
        )
    if scheduler is None:
        resolve_device(device)
    store = Store(folder)
    with store.writing():
        rows = store.rows()
        _check_same_data(runs, rows, archive)
        left = undone(runs, rows, retry_failed=retry_failed)
        if scheduler is None:
            outcomes = _on_this_machine(left, archive, device, n_jobs, keep_weights)
        else:
            outcomes = _on_cluster(left, archive, device, scheduler, keep_weights)
        for row, arrays in outcomes:
            store.add(row, arrays)
            if on_row is not None:
                on_row(row)
    return store


def _check_same_data(runs, rows, archive):
    """Raises ValueError where what is done of the plan's data sets was done with other data."""
    known = {row["dataset"]: row["data"] for row in rows if row["status"] == "done"}
    names = [name for name in dict.fromkeys(run.dataset for run in runs) if name in known]
    if changed := [name for name in names if fingerprint(name, archive) != known[name]]:
        raise ValueError(
            f"the results are of other data than what is now {', '.join(changed)}: use another "
            "folder for the results of this data"
        )


def undone(runs, rows, *, retry_failed=False):
    """Those of the runs that have no row yet."""
    done = {row["key"] for row in rows if row["status"] == "done" or not retry_failed}
    return [run for run in runs if run.key not in done]


def _on_this_machine(runs, archive, device, n_jobs, keep_weights):
    """Rows and arrays as they come, from n_jobs processes that share the cores."""
    places = itertools.cycle(_devices(device))
    calls = {
        run.key: delayed(execute)(run, archive, next(places), keep_weights=keep_weights)
        for run in runs
    }
    with parallel_config("loky", inner_max_num_threads=max(1, cpu_count() // n_jobs)):
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


def _devices(device):
    """The devices that runs are dealt to, in turn."""
    n = torch.cuda.device_count() if device in ("auto", "cuda") else 0
    return [f"cuda:{i}" for i in range(n)] if n > 1 else [device]


def _on_cluster(runs, archive, device, scheduler, keep_weights):
    """Rows and arrays as they come, from the workers of a Dask scheduler.

    Dask gives the run of a worker that died to another one, and gives it up once some have died
    that had it, be it only as their next: those are done again one by one. joblib's own way to Dask
    would then wait for ever, and cannot tell which run it was.
    """
    try:
        from distributed import Client, KilledWorker
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'a cluster needs {error.name}, which is not installed: pip install "skts[dask]"',
            name=error.name,
        ) from error
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
