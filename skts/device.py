"""Device, precision, seeds and out-of-memory errors."""

import contextlib
import os
import threading
from collections.abc import Iterator

import torch

CPU = torch.device("cpu")
_GENERATORS = threading.RLock()  # held while torch's process-wide generators are seeded
_DTYPE = threading.Lock()  # held while torch's process-wide default dtype changes
_in_float32: list[int] = []  # threads in a block that needs float32, once per block
_users_dtype = torch.float32  # default dtype outside such blocks


def _start_child():
    """Reset the locks in a forked process, where the threads that held them do not exist."""
    global _GENERATORS, _DTYPE
    _GENERATORS, _DTYPE = threading.RLock(), threading.Lock()
    for thread in set(_in_float32) - {threading.get_ident()}:
        while thread in _in_float32:
            _end_float32(thread)


if hasattr(os, "register_at_fork"):  # not available on Windows
    os.register_at_fork(after_in_child=_start_child)


def resolve_device(device: str) -> torch.device:
    """Return the torch device of a name; "auto" is CUDA if torch finds it, or else the CPU.

    A CUDA device gets an index. Without an index, the name means the current device, which can
    change.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = torch.device(device)
    if chosen.type == "cuda":
        present = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (chosen.index or 0) >= present:
            raise ValueError(
                f"device={device!r} is not available: torch sees {present} CUDA device(s) here. "
                "Use device='auto' or device='cpu', or install a CUDA build of torch."
            )
        if chosen.index is None:  # do not initialise CUDA, which takes memory on the device
            index = torch.cuda.current_device() if torch.cuda.is_initialized() else 0
            chosen = torch.device("cuda", index)
    return chosen


def on_device(device):
    """Return a context in which `device` is the current CUDA device, if it is one."""
    return torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()


def autocast_dtype(precision, device, fast_on_cpu):
    """Return the dtype of matrix products and convolutions, or None for float32.

    "auto" is bfloat16 on devices with native instructions for it; on the CPU, only if the network
    is also `fast_on_cpu`.
    """
    if precision != "auto":
        return torch.bfloat16 if precision == "bfloat16" else None
    if device.type == "cuda":
        wanted = torch.cuda.get_device_capability(device)[0] >= 8
    else:
        wanted = fast_on_cpu and torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.bfloat16 if wanted else None


@contextlib.contextmanager
def torch_defaults() -> Iterator[None]:
    """Run the block with torch's defaults instead of the user's modes and defaults.

    The defaults are gradients, no autocast, the CPU and float32. The default dtype changes for the
    whole process; the other settings change only for this thread.
    """
    with contextlib.ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        if not torch.is_grad_enabled():
            stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device() != CPU:
            stack.enter_context(CPU)
        if _in_float32 or torch.get_default_dtype() != torch.float32:
            stack.enter_context(_float32())
        yield


@contextlib.contextmanager
def _float32():
    global _users_dtype
    thread = threading.get_ident()
    with _DTYPE:
        if not _in_float32:
            _users_dtype = torch.get_default_dtype()
        _in_float32.append(thread)  # before the change: torch_defaults reads it without the lock
        torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        with _DTYPE:
            _end_float32(thread)


def _end_float32(thread):
    if len(_in_float32) == 1:
        torch.set_default_dtype(_users_dtype)
    _in_float32.remove(thread)


@contextlib.contextmanager
def seeded(seed, device):
    """Run the block from `seed`, then restore the state of torch's global generators.

    The generators belong to the process, and torch draws dropout only from them. So the blocks of
    several threads take turns. If another thread draws from the generators during the block, its
    numbers depend on `seed`, and the numbers of the block change.
    """
    on_cuda = device.type == "cuda"
    with (
        _GENERATORS,
        torch.random.fork_rng(devices=[device] if on_cuda else []),
        on_device(device),
    ):
        # torch.manual_seed would also seed CUDA devices that are not in use
        torch.default_generator.manual_seed(seed)
        if on_cuda:
            torch.cuda.manual_seed(seed)
        yield


@contextlib.contextmanager
def out_of_memory_named(batch_size=None):
    """Turn torch's out-of-memory errors into a MemoryError that names the remedy.

    `batch_size` is the value of that option, or None if the estimator does not have it.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        where, lower = "", ""
        if batch_size is not None:
            where, lower = f" with batch_size={batch_size}", "lower batch_size, "
        raise MemoryError(
            f"memory ran out{where}: {lower}use a smaller network, or shorten the series."
        ) from error


def is_out_of_memory(error):
    """Return whether an error means that memory ran out, on a device or on this machine."""
    exhausted = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    return exhausted or "can't allocate memory" in str(error)
