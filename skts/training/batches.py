"""Series as tensors, and batches of them."""

import math
import mmap
import os

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from skts.device import CPU


class SeriesDataset(Dataset):
    """Series, lengths, targets and weights as tensors, indexed by the rows of a batch.

    Parameters
    ----------
    X : array of shape (n, C, T)
    y : array of shape (n,), optional
    lengths : int array of shape (n,), optional
        Number of valid time points of each series, if they differ.
    sample_weight : array of shape (n,), optional
    device : torch.device or str, default=CPU
        Device of the tensors.
    memory_limit : int, optional
        If `X` has more bytes, it stays in place and is read batch by batch. The default is a third
        of the free memory of a CUDA device. For a file that is mapped into memory, it is at most
        an eighth of the machine's memory.
    rows : int array of shape (n,) or slice, optional
        Rows of `X` in the data set. The other arrays have only these rows.
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
        # skorch expects a target with every batch: without `y`, it is 0 for each series
        self.y = self._placed(np.zeros(len(self.rows)) if y is None else y)

    def _placed(self, array):
        tensor = torch.as_tensor(np.require(array, requirements="W"))
        return tensor if self.streamed is not None else tensor.to(self.device)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, rows):
        inputs = {name: tensor[rows] for name, tensor in self.inputs.items()}
        if self.streamed is not None:
            # NumPy treats a tensor with one element as a scalar index
            rows = rows if isinstance(rows, slice) else rows.numpy()
            inputs["x"] = torch.as_tensor(np.array(self.streamed[self.rows[rows]]))
        return inputs, self.y[rows]


def _must_stream(X, device, memory_limit):
    if memory_limit is None:
        limits = [_memory_of_machine() // 8] if _is_mapped(X) else []
        if device.type == "cuda":
            kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
            # training steps need additional memory, and a CUDA graph has its own
            limits.append((torch.cuda.mem_get_info(device)[0] + kept) // 3)
        memory_limit = min(limits, default=X.nbytes)
    return X.nbytes > memory_limit


def _memory_of_machine():
    """Return the bytes of memory of this machine; 0 on Windows, where it is unknown."""
    names = "SC_PHYS_PAGES", "SC_PAGE_SIZE"
    return math.prod(map(os.sysconf, names)) if hasattr(os, "sysconf") else 0


def _is_mapped(array):
    while array is not None:
        if isinstance(array, mmap.mmap):
            return True
        array = getattr(array, "base", None)
    return False


class BatchRows:
    """The rows of each batch, in a new order for every epoch if `shuffle` is set.

    A last batch of one series is merged with the batch before, because batch normalisation needs
    several series.
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
    """Iterates over a :class:`SeriesDataset` in batches, once per epoch.

    Streamed series are loaded by torch's DataLoader.
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
                generator=torch.Generator(),  # so that the loader does not draw from the global one
            )

    def __len__(self):
        return len(self.rows)

    def __iter__(self):
        if self.loader is None:
            return map(self.dataset.__getitem__, self.rows)
        return iter(self.loader)
