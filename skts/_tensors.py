"""Arrays to tensors and batches, and the only place where a device or a precision is chosen."""

import contextlib
import threading

import numpy as np
import torch
from torch.utils.data import Dataset

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


def autocast_dtype(precision, device):
    """The dtype that matrix products and convolutions run in; None leaves them in float32.

    "auto" takes bfloat16 where the processor has native instructions for it.
    """
    if precision == "float32":
        return None
    if precision == "bfloat16" or _has_native_bfloat16(device):
        return torch.bfloat16
    return None


def _has_native_bfloat16(device):
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))


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
    with _GENERATORS, torch.random.fork_rng(devices=[device] if on_cuda else []):
        # not torch.manual_seed: it would also seed the CUDA devices that are not in use
        torch.default_generator.manual_seed(seed)
        if on_cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


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


class SeriesDataset(Dataset):
    """Series with what belongs to each, as tensors that are indexed by whole batches.

    Parameters
    ----------
    X : array of shape (n, C, T)
    y : array of shape (n,), optional
    lengths : int array of shape (n,), optional
        Valid time points of each series, only where they differ.
    sample_weight : array of shape (n,), optional
    device : torch.device, optional
        Where the tensors lie.
    """

    def __init__(self, X, y=None, *, lengths=None, sample_weight=None, device=None):
        def to_tensor(array):
            return torch.as_tensor(np.asarray(array), device=device)

        inputs = {"x": X, "lengths": lengths, "sample_weight": sample_weight}
        self.inputs = {name: to_tensor(a) for name, a in inputs.items() if a is not None}
        # skorch expects a target with every batch: where there is none, a zero for each series
        self.y = to_tensor(np.zeros(len(X)) if y is None else y)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, rows):
        return {name: tensor[rows] for name, tensor in self.inputs.items()}, self.y[rows]


class Batches:
    """Iterates over a :class:`SeriesDataset` in batches, anew at every epoch.

    A last batch of one series is merged into its neighbour: batch statistics of one series tell
    nothing.
    """

    def __init__(self, dataset, batch_size, shuffle=False):
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle

    def _starts(self):
        starts = list(range(0, len(self.dataset), self.batch_size))
        if len(starts) > 1 and len(self.dataset) - starts[-1] == 1 < self.batch_size:
            starts.pop()
        return starts

    def __len__(self):
        return len(self._starts())

    def __iter__(self):
        n, starts = len(self.dataset), self._starts()
        if self.shuffle:
            order = torch.randperm(n, device=self.dataset.y.device)
        for start, stop in zip(starts, [*starts[1:], n], strict=True):
            yield self.dataset[order[start:stop] if self.shuffle else slice(start, stop)]
