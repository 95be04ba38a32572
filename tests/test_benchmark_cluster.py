"""Studies on a Dask cluster: a real scheduler and real workers, some of which are killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys

import pytest

from skts.benchmark import Store
from tests.studies import (
    BENCH,
    QUIET,
    busy_child_of,
    kill_all_of,
    kill_busy_children_of,
    started,
    wait_for,
)

pytest.importorskip("distributed", reason="needs the extra dask")
pytestmark = pytest.mark.full

STUDY = ["--datasets", "ItalyPowerDemand", "--estimators", "FCN", "--seeds", "8"]
STUDY += ["--set", "max_epochs=10", "--set", "filters=(8,)", "--set", "kernel_sizes=(3,)"]
STUDY += ["--set", "target_loss=0.0"]
LONG = ["--datasets", "ItalyPowerDemand", "--estimators", "FCN,sktime:DummyClassifier"]
LONG += ["--set", "max_epochs=1000000", "--set", "target_loss=0.0"]


@contextlib.contextmanager
def cluster(folder, n_workers, **settings):
    """The scheduler's address, its process, and that of the program whose children are workers."""
    settings = {f"DASK_DISTRIBUTED__{name}": value for name, value in settings.items()}
    told = folder / "scheduler.json"
    quiet = ["--no-dashboard", "--scheduler-file", str(told)]
    scheduler_command = ["scheduler", "--host", "127.0.0.1", "--port", "0", *quiet]
    worker_command = ["worker", *quiet, "--nworkers", str(n_workers), "--nthreads", "1"]
    with contextlib.ExitStack() as stack:
        processes = []
        for words in (scheduler_command, worker_command):
            command, env = [sys.executable, "-m", "dask", *words], os.environ | settings
            process = stack.enter_context(started(command, env=env, cwd=folder, **QUIET))
            wait_for(told.exists, process)
            processes.append(process)
        yield json.loads(told.read_text())["address"], *processes


def scores(folder):
    return {row["key"]: (row["accuracy"], row["log_loss"]) for row in Store(folder).rows()}


def test_a_killed_worker_costs_no_row_and_changes_none(tmp_path):
    serial, spread = tmp_path / "serial", tmp_path / "spread"
    command = [*BENCH, *STUDY, "--out", str(serial)]
    one_thread = os.environ | {"LOKY_MAX_CPU_COUNT": "1"}  # as Dask's workers
    subprocess.run(command, env=one_thread, check=True, timeout=600, **QUIET)
    with cluster(tmp_path, 2) as (address, _, workers):
        command = [*BENCH, *STUDY, "--out", str(spread), "--scheduler", address]
        with started(command, **QUIET) as study:
            wait_for(lambda: len(Store(spread).rows()) >= 2, study)
            assert len(Store(spread).rows()) < 6  # so that both workers have runs to do
            os.kill(busy_child_of(workers, seconds=1), signal.SIGKILL)
            assert study.wait(timeout=600) == 0
    assert len(scores(serial)) == 8
    assert scores(spread) == scores(serial)
    assert len((spread / "rows.jsonl").read_bytes().splitlines()) == 8


def test_a_run_that_kills_its_workers_has_failed_and_the_study_goes_on(tmp_path):
    out = tmp_path / "out"
    with (
        cluster(tmp_path, 1, SCHEDULER__ALLOWED_FAILURES="0") as (address, _, workers),
        started([*BENCH, *LONG, "--out", str(out), "--scheduler", address]) as study,
    ):
        kill_busy_children_of(workers, 2, study)  # the second time it is done alone
        assert study.wait(timeout=600) == 1
    rows = {row["estimator"]: row for row in Store(out).rows()}
    assert rows["FCNClassifier"]["status"] == "failed"
    assert rows["FCNClassifier"]["error"].startswith("KilledWorker")
    assert rows["sktime:DummyClassifier"]["status"] == "done"


def test_without_a_scheduler_a_line_says_so(tmp_path):
    out = tmp_path / "out"
    with cluster(tmp_path, 1) as (address, scheduler, workers):
        command = [*BENCH, *LONG, "--out", str(out), "--scheduler", address]
        with started(command, stderr=subprocess.PIPE, text=True) as study:
            wait_for(lambda: busy_child_of(workers, seconds=12), study)
            kill_all_of(scheduler)
            _, said = study.communicate(timeout=600)
        assert study.returncode == 2
        assert "the scheduler is gone: repeat the command" in said
    short = os.environ | {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s"}
    done = subprocess.run(command, capture_output=True, text=True, env=short, timeout=600)
    assert done.returncode == 2
    assert "Timed out trying to connect" in done.stderr
