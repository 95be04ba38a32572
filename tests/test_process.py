"""What a fit changes in its process ends with it, and nothing that the user has set changes."""

import sys
import threading

import pytest
import torch

from skts.process import brief_waits_when_busy
from tests.recording import run_python

linux = pytest.mark.skipif(sys.platform != "linux", reason="threads of GNU OpenMP")

#: Two threads on two processors. `sleeps` counts how often they sleep while they wait for each
#: other; `worked_until` lets them work until a condition holds.
PRELUDE = """
import os, resource, subprocess, sys, threading, time
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
import torch
from skts import process
torch.set_num_threads(2)
values = torch.zeros(2**17)

def sleeps():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    for _ in range(300):
        values.add_(1)
        sum(range(2000))  # the other thread waits
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before

def worked_until(holds):
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        values.add_(1)

def n_threads():
    return len(os.listdir("/proc/self/task"))

sleeps()
before = n_threads()
"""


def printed_by(source):
    done = run_python(PRELUDE + source)
    assert done.returncode == 0, done.stderr
    return [int(number) for number in done.stdout.split()]


@linux
@pytest.mark.full
def test_threads_sleep_as_long_as_others_want_the_processors():
    spinning, sleeping, again, after = printed_by("""
lost, each_time = 0, 0
def n_lost():
    global lost
    lost += each_time
    return lost
process._n_lost = n_lost
with process.brief_waits_when_busy():
    print(sleeps())
    within = n_threads()
    each_time = 10**6
    worked_until(lambda: n_threads() >= within + 2)
    print(sleeps())
    each_time = 0
    worked_until(lambda: n_threads() == within)
    print(sleeps())
print(sleeps())
worked_until(lambda: n_threads() == before)
""")
    assert sleeping > 200
    assert max(spinning, again, after) < sleeping / 4


@linux
@pytest.mark.full
def test_processes_that_want_the_processors_are_seen():
    numbers = printed_by("""
others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
with process.brief_waits_when_busy():
    within = n_threads()
    worked_until(lambda: n_threads() >= within + 2)
    for other in others:
        other.kill()
worked_until(lambda: n_threads() == before)
print(1)
""")
    assert numbers == [1]


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
def test_waits_that_the_user_has_set_are_left_alone(name, monkeypatch):
    monkeypatch.setenv(name, "passive" if name == "OMP_WAIT_POLICY" else "1000")
    torch.set_num_threads(2)
    before = threading.active_count()
    with brief_waits_when_busy():
        assert threading.active_count() == before


def test_one_thread_waits_for_none():
    before = threading.active_count()
    with brief_waits_when_busy():
        assert threading.active_count() == before
