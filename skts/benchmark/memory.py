"""Peak memory of a block of code."""

import contextlib
from pathlib import Path

import torch

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@contextlib.contextmanager
def peak_memory(device):
    """Yield an object whose "peak" is, after the block, the peak memory in bytes.

    On a CUDA device it is the memory on the device. Otherwise it is the resident memory of this
    process on Linux, and None on other systems.
    """
    found = {"peak": None}
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield found
        found["peak"] = torch.cuda.max_memory_allocated(device)
        return
    counts = _restart()
    yield found
    if counts:
        lines = _STATUS.read_text().splitlines()
        (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
        found["peak"] = 1024 * int(peak)


def _restart():
    try:
        _RESET.write_text("5")
    except OSError:
        return False
    return True
