"""Settings of the process that skts changes, and environment variables that prevent each change.

===========  ======================================================  ============================
Setting      When and why                                            Prevented by
===========  ======================================================  ============================
huge pages   from the import of skts: large buffers of torch cause   THP_MEM_ALLOC_ENABLE=0
             fewer page faults
kept memory  during fit: a step reuses the memory that the previous  any MALLOC_*, GLIBC_TUNABLES
             step freed
brief waits  during fit, while other processes use the processors:   any OMP_WAIT_POLICY or
             torch threads that wait for each other sleep            GOMP_SPINCOUNT
===========  ======================================================  ============================

The last two apply only on Linux.
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

# torch reads this at its first allocation. Without huge pages, page faults take a large part of
# the time of training steps on long series.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt's parameters in glibc's malloc.h
#: Seconds between two measurements: while threads spin, and while they sleep.
_LOOK_SPINNING, _LOOK_SLEEPING = 0.1, 1.0
#: Involuntary context switches per second, of all threads together. Above the first number threads
#: sleep; below the second they spin again. Sleeping threads have more switches. Measured on two
#: processors.
_LOST_SPINNING, _LOST_SLEEPING = 80, 400


@contextlib.contextmanager
def kept_memory():
    """Let the C library keep freed memory during the block.

    Every training step needs the same buffers. Buffers of up to 16 MiB stay in the heap of glibc.
    Larger buffers come from the kernel at each use, in huge pages, because they would fragment the
    heap. After the block, free memory returns to the kernel. The trim threshold of the process
    then is 64 MiB, the upper limit of glibc's own adaptation.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    are_set = any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ)
    if are_set or not hasattr(libc, "mallopt"):  # other C libraries lack mallopt
        yield
        return
    try:
        libc.mallopt(_MMAP_THRESHOLD, 2**24)
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        yield
    finally:
        libc.mallopt(_TRIM_THRESHOLD, 2**26)  # upper limit of glibc's own adaptation
        libc.malloc_trim(0)


@contextlib.contextmanager
def brief_waits_when_busy():
    """Let waiting torch threads sleep in the block while other processes use the processors.

    By default, threads of GNU OpenMP that wait for each other spin for about 3 ms. They can occupy
    the processor that the thread they wait for needs. If a process has more OpenMP threads than
    processors, they spin for only about a microsecond. This function reaches that number by
    starting idle threads. Results do not change.
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
        with contextlib.suppress(RuntimeError):  # no more threads can start: continue without
            watcher.start()
        yield
    finally:
        ended.set()
        if watcher.ident is not None:
            watcher.join()


def _crowds_needed():
    """Return how many idle teams of threads exceed the processors, or None to change nothing."""
    n_threads = torch.get_num_threads()
    are_set = any(name in os.environ for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"))
    if are_set or n_threads == 1 or not _has_gnu_openmp():
        return None
    n_processors = len(os.sched_getaffinity(0))
    if 4 * n_threads <= n_processors:  # enough other processors are available
        return None
    return max(1, math.ceil(n_processors / (n_threads - 1)) - 1)  # a team of n adds n - 1


@functools.cache
def _has_gnu_openmp():
    """Return whether torch uses GNU OpenMP; conda builds can use that of Intel or LLVM."""
    if sys.platform != "linux":
        return False
    with open("/proc/self/maps") as maps:
        loaded = maps.read()
    return "libgomp" in loaded and "libiomp" not in loaded and "libomp" not in loaded


def _watch(ended, n_crowds, n_threads):
    def as_a_team():
        # starts a team of n_threads threads, which lives as long as the calling thread
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
    """Return the number of involuntary context switches of this process so far."""
    import resource  # not available on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _can_start(n_threads):
    """Return whether `n_threads` more threads can start; if not, OpenMP would end the process."""
    try:
        with _idle_threads(n_threads, lambda: None):
            return True
    except RuntimeError:
        return False


@contextlib.contextmanager
def _idle_threads(n_threads, first):
    """Keep `n_threads` threads during the block, which call `first` and then do nothing."""
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
