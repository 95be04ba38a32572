"""What the tests of studies share: small ones, commands that do them, and their processes."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from skts.benchmark import plan_runs

SKTS_BENCH = [sys.executable, "-m", "skts.cli", "bench"]
BENCH = [*SKTS_BENCH, "run"]
QUIET = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)
SMALL = {"max_epochs": 1, "filters": (8,), "kernel_sizes": (3,)}
STUDY = ["--datasets", "ItalyPowerDemand,UnitTest", "--estimators", "FCN", "--seeds", "20"]
STUDY += ["--set", "max_epochs=2", "--set", "filters=(8,)", "--set", "kernel_sizes=(3,)"]


def bench(out, *options, command="run", **kwargs):
    command = [*SKTS_BENCH, command, "--out", str(out), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, **kwargs)


def small_runs(n_seeds=2):
    return plan_runs(["ItalyPowerDemand"], ["FCN"], fixed=SMALL, seeds=n_seeds)


def write_archive(folder, kind, *, swapped=False):
    rng = np.random.default_rng(0)
    (folder / "Odd").mkdir()
    for split, n_series in (("TRAIN", 24), ("TEST", 30)):
        lines = []
        for i in range(n_series):
            values = [f"{v:.3f}" for v in rng.normal(size=20) + 3 * (i % 2)]
            if kind == "missing":
                values[3] = "NaN"
            else:
                values[10 + i % 7 :] = ["NaN"] * (10 - i % 7)
            label = 1 - i % 2 if swapped and split == "TEST" else i % 2
            lines.append("\t".join([str(label), *values]))
        (folder / "Odd" / f"Odd_{split}.tsv").write_text("\n".join(lines))


@contextlib.contextmanager
def started(command, **options):
    """A process that is killed at the end, with all that it started."""
    process = subprocess.Popen(command, start_new_session=True, **options)
    try:
        yield process
    finally:
        kill_all_of(process)
        process.wait()


def kill_all_of(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def wait_for(condition, process):
    """Until the condition holds, or the process has ended."""
    while not condition() and process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.01)


def children_of(process):
    """Process numbers."""
    children = []
    for thread in Path(f"/proc/{process.pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            children += map(int, (thread / "children").read_text().split())
    return children


def busy_child_of(process, *, seconds, besides=()):
    """One that has worked for some seconds of processor time, or None."""
    for child in set(children_of(process)) - set(besides):
        with contextlib.suppress(FileNotFoundError):
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            if int(fields[11]) / os.sysconf("SC_CLK_TCK") > seconds:
                return child
    return None


def kill_busy_children_of(process, number, study):
    """So many, one after the other, each once it is in training; ends where the study does."""
    killed = []
    while len(killed) < number:
        wait_for(lambda: busy_child_of(process, seconds=12, besides=killed), study)
        child = busy_child_of(process, seconds=12, besides=killed)
        assert child is not None, f"the study ended with {study.poll()}"
        killed.append(child)
        os.kill(child, signal.SIGKILL)
