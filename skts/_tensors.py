"""Arrays to tensors and batches, and the only place where a device or a precision is chosen."""

import contextlib
import ctypes
import mmap
import os
import sys
import threading
import warnings

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

# torch reads this at its first allocation: large buffers in huge pages, with few page faults, which
# otherwise take a good part of the time of steps on long series
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

CPU = torch.device("cpu")
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt's parameters in glibc's malloc.h
_GENERATORS = threading.RLock()


def resolve_device(device):
    """The torch device of that name; "auto" takes CUDA where torch sees it, else the CPU."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    chosen = torch.device(device)
    if chosen.type == "cuda":
        present = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (chosen.index or 0) >= present:
            raise ValueError(
                f"device={device!r} was asked for, but torch sees {present} CUDA device(s) here. "
                "Use device='auto' or device='cpu', or install a CUDA build of torch."
            )
    return chosen


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


def padding_mask(lengths, n_timepoints):
    """True at the valid time points.

    Shape:
        lengths (B,) -> (B, 1, T)
    """
    return torch.arange(n_timepoints, device=lengths.device) < lengths[:, None, None]


@contextlib.contextmanager
def seeded(seed, device):
    """Run the block from `seed`; torch's global generators are afterwards what they were before."""
    on_cuda = device.type == "cuda"
    # the generators belong to the process: fits in several threads take turns
    with (
        _GENERATORS,
        torch.random.fork_rng(devices=[device] if on_cuda else []),
        torch.cuda.device(device) if on_cuda else contextlib.nullcontext(),
    ):
        # not torch.manual_seed: it would also seed the CUDA devices that are not in use
        torch.default_generator.manual_seed(seed)
        if on_cuda:
            torch.cuda.manual_seed(seed)
        yield


@contextlib.contextmanager
def kept_memory():
    """Let the C library keep freed memory for the block, instead of asking the kernel for it anew.

    Every step of training needs the same buffers. Those of up to 16 MiB then stay, as long as glibc
    keeps any; larger ones it takes from the kernel at each use, in the huge pages that torch asks
    for (see the top of this module): kept, they would break its heap into pieces. Afterwards what
    is free goes back, and the thresholds stay, for the process, where glibc's own adaption of them
    ends. Thresholds that the environment sets are left alone.
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
def out_of_memory_named(batch_size):
    """Turn torch's out-of-memory errors into a MemoryError that names the remedy."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        exhausted = isinstance(error, (MemoryError, torch.OutOfMemoryError))
        if not exhausted and "can't allocate memory" not in str(error):
            raise
        raise MemoryError(
            f"memory ran out with batch_size={batch_size}: lower batch_size, use smaller filters, "
            "or shorten the series."
        ) from error


class CapturedStep:
    """A training step that CUDA replays from a graph, once it has run a few times.

    A graph repeats the same kernels on the same memory, without Python between them. It holds for
    batches of the first one's shapes; others are stepped through as they come. So are all, with a
    warning, where the step cannot be captured.

    Parameters
    ----------
    step : callable
        Takes a batch ``(dict of tensors, targets)``; returns a dict of tensors.
    """

    warm_up = 3  # steps before the capture, on a stream of their own, as torch asks for

    def __init__(self, step):
        self.step = step
        self.shapes = self.graph = None
        self.stream = torch.cuda.Stream()
        self.steps_to_capture = self.warm_up

    def __call__(self, batch):
        shapes = [tensor.shape for tensor in _tensors_of(batch)]
        self.shapes = self.shapes or shapes
        if shapes == self.shapes and self.steps_to_capture == 0:
            self._capture(batch)
        if shapes != self.shapes or self.graph is None:
            self.steps_to_capture -= shapes == self.shapes
            return self._aside(batch)
        for held, tensor in zip(_tensors_of(self.batch), _tensors_of(batch), strict=True):
            held.copy_(tensor, non_blocking=True)
        self.graph.replay()
        return {name: tensor.clone() for name, tensor in self.outputs.items()}

    def _aside(self, batch):
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            outputs = _detached(self.step(batch))
        torch.cuda.current_stream().wait_stream(self.stream)
        return outputs

    def _capture(self, batch):
        self.steps_to_capture = -1  # this is tried once
        inputs, target = batch  # on the device, or streamed from elsewhere
        self.batch = (
            {name: torch.empty_like(tensor, device="cuda") for name, tensor in inputs.items()},
            torch.empty_like(target, device="cuda"),
        )
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"):
                self.outputs = _detached(self.step(self.batch))
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            warnings.warn(
                f"training goes on without a CUDA graph, which the step does not allow: {error}",
                stacklevel=2,
            )
        else:
            self.graph = graph


def _detached(outputs):
    return {name: tensor.detach() for name, tensor in outputs.items()}


def _tensors_of(batch):
    inputs, target = batch
    return [*inputs.values(), target]


class SeriesDataset(Dataset):
    """Series with what belongs to each, as tensors that are indexed by whole batches.

    Parameters
    ----------
    X : array of shape (n, C, T)
    y : array of shape (n,), optional
    lengths : int array of shape (n,), optional
        Valid time points of each series, only where they differ.
    sample_weight : array of shape (n,), optional
    device : torch.device or str, default=CPU
        Where the tensors lie.
    memory_limit : int, optional
        If `X` has more bytes, it stays where it is and is read from batch by batch, as is a file
        that is mapped into memory. By default that is half of what a CUDA device has free.
    rows : int array of shape (n,) or slice, optional
        The rows of `X` that are meant; the other arrays have those alone.
    """

    def __init__(
        self,
        X,
        y=None,
        *,
        lengths=None,
        sample_weight=None,
        device=CPU,
        memory_limit=None,
        rows=slice(None),
    ):
        self.values_in_each = X[0].size
        self.device = torch.device(device)
        self.streamed, self.rows = None, np.arange(len(X))[rows]
        if _must_stream(X, self.device, memory_limit):
            self.streamed = X
        inputs = {
            "x": X[rows] if self.streamed is None else None,
            "lengths": lengths,
            "sample_weight": sample_weight,
        }
        self.inputs = {name: self._placed(a) for name, a in inputs.items() if a is not None}
        # skorch expects a target with every batch: where there is none, a zero for each series
        self.y = self._placed(np.zeros(len(self.rows)) if y is None else y)

    def _placed(self, array):
        tensor = torch.as_tensor(np.require(array, requirements="W"))
        return tensor if self.streamed is not None else tensor.to(self.device)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, rows):
        inputs = {name: tensor[rows] for name, tensor in self.inputs.items()}
        if self.streamed is not None:
            # an index of one row as a tensor would be taken for a number
            rows = rows if isinstance(rows, slice) else rows.numpy()
            inputs["x"] = torch.as_tensor(np.array(self.streamed[self.rows[rows]]))
        return inputs, self.y[rows]


def _must_stream(X, device, memory_limit):
    if _is_mapped(X):
        return True
    if memory_limit is None:
        if device.type == "cpu":
            return False
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        memory_limit = (torch.cuda.mem_get_info(device)[0] + kept) // 2
    return X.nbytes > memory_limit


def _is_mapped(array):
    while array is not None:
        if isinstance(array, mmap.mmap):
            return True
        array = getattr(array, "base", None)
    return False


class BatchRows:
    """The rows of each batch of an epoch, anew at every epoch.

    A last batch of one series is merged into its neighbour: batch statistics of one series tell
    nothing.
    """

    def __init__(self, n, batch_size, *, shuffle, device=CPU):
        self.n = n
        self.shuffle = shuffle
        self.device = device
        self.starts = list(range(0, n, batch_size))
        if len(self.starts) > 1 and n - self.starts[-1] == 1 < batch_size:
            self.starts.pop()

    def __len__(self):
        return len(self.starts)

    def __iter__(self):
        if self.shuffle:
            order = torch.randperm(self.n, device=self.device)
        for start, stop in zip(self.starts, [*self.starts[1:], self.n], strict=True):
            yield order[start:stop] if self.shuffle else slice(start, stop)


class Batches:
    """Iterates over a :class:`SeriesDataset` in batches, anew at every epoch.

    Series that stream come through torch's DataLoader.
    """

    def __init__(self, dataset, batch_size, shuffle=False):
        streams = dataset.streamed is not None
        self.dataset = dataset
        self.rows = BatchRows(
            len(dataset), batch_size, shuffle=shuffle, device=CPU if streams else dataset.device
        )
        self.loader = None
        if streams:
            self.loader = DataLoader(
                dataset,
                batch_size=None,  # the sampler gives whole batches
                sampler=self.rows,
                pin_memory=dataset.device.type == "cuda",
                generator=torch.Generator(),  # the loader's own; the global one is the training's
            )

    def __len__(self):
        return len(self.rows)

    def __iter__(self):
        if self.loader is None:
            return map(self.dataset.__getitem__, self.rows)
        return iter(self.loader)
