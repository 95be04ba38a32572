"""What skts changes in the process that trains, and how to turn each of it off.

===========  ======================================================  ============================
What         When and why                                            Off, in the environment
===========  ======================================================  ============================
huge pages   from the import of skts: large buffers of torch have    THP_MEM_ALLOC_ENABLE=0
             few page faults
kept memory  during fit: what one step frees serves the next         any MALLOC_*, GLIBC_TUNABLES
brief waits  during fit, while other processes want the processors:  any OMP_WAIT_POLICY or
             threads of torch that wait for each other sleep         GOMP_SPINCOUNT
===========  ======================================================  ============================

The last two are on Linux alone.
"""

import contextlib
import ctypes
import functools
import math
import os
import sys
import threading
import time

import torch

# torch reads this at its first allocation; without huge pages the faults take a good part of the
# time of steps on long series
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt's parameters in glibc's malloc.h
#: How often the watcher looks, in seconds: while threads spin, and while they sleep.
_LOOK_SPINNING, _LOOK_SLEEPING = 0.1, 1.0
#: Losses of a processor in a second, by all threads together: above the first they are to sleep,
#: below the second to spin again. Threads that sleep lose it more often. Measured on two
#: processors.
_LOST_SPINNING, _LOST_SLEEPING = 80, 400


@contextlib.contextmanager
def kept_memory():
    """Let the C library keep freed memory for the block, instead of asking the kernel for it anew.

    Every step of training needs the same buffers. Those of up to 16 MiB then stay, as long as glibc
    keeps any; larger ones it takes from the kernel at each use, in huge pages: kept, they would
    break its heap into pieces. Afterwards what is free goes back, and the thresholds stay, for the
    process, where glibc's own adaption of them ends.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    are_set = any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ)
    if are_set or not hasattr(libc, "mallopt"):  # which other C libraries do not have
        yield
        return
    try:
        libc.mallopt(_MMAP_THRESHOLD, 2**24)
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        yield
    finally:
        libc.mallopt(_TRIM_THRESHOLD, 2**26)  # what glibc's own adaption ends at
        libc.malloc_trim(0)


@contextlib.contextmanager
def brief_waits_when_busy():
    """Let torch's threads sleep early in the block, as long as other processes use the processors.

    Threads of GNU OpenMP that wait for each other spin for 3 ms by default. So they keep the thread
    that they wait for from the only processor that is free. Where a process has more of them than
    there are processors, they spin for a microsecond alone. This starts as many more, which do
    nothing. No result changes.
    """
    n_crowds = _crowds_needed()
    if n_crowds is None:
        yield
        return
    ended = threading.Event()
    watcher = threading.Thread(
        target=_watch, args=(ended, n_crowds, torch.get_num_threads()), daemon=True
    )
    try:
        with contextlib.suppress(RuntimeError):  # there can be no more threads: go on without
            watcher.start()
        yield
    finally:
        ended.set()
        if watcher.ident is not None:
            watcher.join()


def _crowds_needed():
    """How many more teams of threads make them more than the processors; None: leave it."""
    n_threads = torch.get_num_threads()
    are_set = any(name in os.environ for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"))
    if are_set or n_threads == 1 or not _has_gnu_openmp():
        return None
    n_processors = len(os.sched_getaffinity(0))
    if 4 * n_threads <= n_processors:  # there are others to go to
        return None
    return max(1, math.ceil(n_processors / (n_threads - 1)) - 1)  # a team of n adds n - 1


@functools.cache
def _has_gnu_openmp():
    """Whether torch's threads are GNU OpenMP's; builds for conda may have Intel's or LLVM's."""
    if sys.platform != "linux":
        return False
    with open("/proc/self/maps") as maps:
        loaded = maps.read()
    return "libgomp" in loaded and "libiomp" not in loaded and "libomp" not in loaded


def _watch(ended, n_crowds, n_threads):
    def as_a_team():
        # on n_threads threads, which stay as long as the one that has called them
        torch.zeros(n_threads * 2**15, dtype=torch.float32, device="cpu").add_(1)

    with contextlib.ExitStack() as crowds:
        sleeping = False
        before, lost = time.monotonic(), _n_lost()
        while not ended.wait(_LOOK_SLEEPING if sleeping else _LOOK_SPINNING):
            now, lost_now = time.monotonic(), _n_lost()
            rate = (lost_now - lost) / (now - before)
            before, lost = now, lost_now
            if sleeping and rate < _LOST_SLEEPING:
                crowds.close()
                sleeping = False
            elif not sleeping and rate > _LOST_SPINNING and _can_start(n_crowds * n_threads):
                crowds.enter_context(_idle_threads(n_crowds, as_a_team))
                sleeping = True


def _n_lost():
    """How often threads of this process had to leave a processor to others, so far."""
    import resource  # which Windows has not

    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _can_start(n_threads):
    """Whether there can be so many more threads; OpenMP ends the process where there cannot."""
    try:
        with _idle_threads(n_threads, lambda: None):
            return True
    except RuntimeError:
        return False


@contextlib.contextmanager
def _idle_threads(n_threads, first):
    """So many threads that call `first` and then do nothing in the block."""
    dismissed, threads = threading.Event(), []

    def stay():
        first()
        dismissed.wait()

    try:
        for _ in range(n_threads):
            thread = threading.Thread(target=stay, daemon=True)
            thread.start()
            threads.append(thread)
        yield
    finally:
        dismissed.set()
        for thread in threads:
            thread.join()
