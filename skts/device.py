"""Where training runs: device, precision, seeds, out-of-memory errors."""

import contextlib
import os
import threading
from collections.abc import Iterator

import torch

CPU = torch.device("cpu")
_GENERATORS = threading.RLock()  # held while torch's generators, one for a process, are seeded
_DTYPE = threading.Lock()  # held while torch's default type of numbers, one for a process, changes
_in_float32: list[int] = []  # the threads that need it to be float32, as often as they do
_users_dtype = torch.float32  # what it is otherwise


def _start_child():
    """In a forked process, whose other threads are gone, no lock is held for them."""
    global _GENERATORS, _DTYPE
    _GENERATORS, _DTYPE = threading.RLock(), threading.Lock()
    for thread in set(_in_float32) - {threading.get_ident()}:
        while thread in _in_float32:
            _end_float32(thread)


if hasattr(os, "register_at_fork"):  # which Windows has not
    os.register_at_fork(after_in_child=_start_child)


def resolve_device(device: str) -> torch.device:
    """The torch device of that name; "auto" takes CUDA where torch sees it, else the CPU.

    A CUDA device has its index: a name without one means another device once the current one has
    changed.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = torch.device(device)
    if chosen.type == "cuda":
        present = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (chosen.index or 0) >= present:
            raise ValueError(
                f"device={device!r} was asked for, but torch sees {present} CUDA device(s) here. "
                "Use device='auto' or device='cpu', or install a CUDA build of torch."
            )
        if chosen.index is None:  # asking torch would take memory on a device that is not in use
            index = torch.cuda.current_device() if torch.cuda.is_initialized() else 0
            chosen = torch.device("cuda", index)
    return chosen


def on_device(device):
    """A context in which a CUDA device is the current one."""
    return torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()


def autocast_dtype(precision, device, fast_on_cpu):
    """The dtype that matrix products and convolutions run in; None leaves them in float32.

    "auto" takes bfloat16 where the processor has native instructions for it; on the CPU, if the
    network is `fast_on_cpu` in it besides.
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
    """Run the block as torch is by default, whatever the user's modes and defaults around it.

    With gradients, without autocast, on the CPU, in float32. What torch keeps for a thread changes
    in this one alone; the default type of numbers is one for the process.
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
        _in_float32.append(thread)  # first: torch_defaults looks without the lock
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
    """Run the block from `seed`; torch's global generators are afterwards what they were before.

    They belong to the process, and torch draws dropout from nothing else. So blocks in several
    threads take turns, and what another thread draws from them meanwhile comes from `seed`, and
    changes what the block draws.
    """
    on_cuda = device.type == "cuda"
    with (
        _GENERATORS,
        torch.random.fork_rng(devices=[device] if on_cuda else []),
        on_device(device),
    ):
        # not torch.manual_seed: it would also seed the CUDA devices that are not in use
        torch.default_generator.manual_seed(seed)
        if on_cuda:
            torch.cuda.manual_seed(seed)
        yield


@contextlib.contextmanager
def out_of_memory_named(batch_size=None):
    """Turn torch's out-of-memory errors into a MemoryError that names the remedy.

    `batch_size` is that option, where there is one to lower.
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
    """Whether an error says that memory ran out, on a device or on this machine."""
    exhausted = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    return exhausted or "can't allocate memory" in str(error)
