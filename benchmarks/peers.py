"""Competitors of the benchmarks: a bare torch loop, and sktime's network."""

import contextlib
import time

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import nn
from torch.nn import functional as F


class BareLSTMFCN(nn.Module):
    """LSTM-FCN from torch's own layers, (B, C, T) -> (B, n_classes)."""

    def __init__(self, n_channels, n_timepoints, n_classes):
        super().__init__()
        self.lstm = nn.LSTM(n_timepoints, 8, batch_first=True)
        self.dropout = nn.Dropout(0.8)
        layers = []
        for width, filters, kernel in ((n_channels, 128, 8), (128, 256, 5), (256, 128, 3)):
            left = (kernel - 1) // 2
            layers += [nn.ConstantPad1d((left, kernel - 1 - left), 0.0)] if kernel == 8 else []
            layers += [nn.Conv1d(width, filters, kernel, padding=0 if kernel == 8 else left)]
            layers += [nn.BatchNorm1d(filters, eps=1e-3, momentum=0.01), nn.ReLU()]
        self.conv = nn.Sequential(*layers)
        self.head = nn.Linear(8 + 128, n_classes)

    def forward(self, x):
        states, _ = self.lstm(x)
        return self.head(torch.cat([self.dropout(states[:, -1]), self.conv(x).mean(dim=2)], dim=1))


class Clock:
    """Takes the time between epochs."""

    def __init__(self):
        self.stamps = [time.perf_counter()]

    def stamp(self):
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.stamps.append(time.perf_counter())

    def seconds(self):
        """Of each epoch."""
        return np.diff(self.stamps)


class StepWatcher(Callback):
    """Does nothing, at each batch: nothing is captured in a CUDA graph then."""

    def on_batch_end(self, net, **kwargs):
        pass


def bare_epochs(X, y, *, batch_size, n_epochs, device="cpu", autocast=None):
    """Train the bare network with AdamW; it, and the seconds of each epoch."""
    x, target = torch.as_tensor(X, device=device), torch.as_tensor(y, device=device)
    network = BareLSTMFCN(*X.shape[1:], len(np.unique(y))).to(device).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-2)
    clock = Clock()
    for _ in range(n_epochs):
        for rows in torch.randperm(len(x), device=device).split(batch_size):
            optimizer.zero_grad()
            with torch.autocast(device, dtype=autocast) if autocast else contextlib.nullcontext():
                out = network(x[rows])
            F.cross_entropy(out.float(), target[rows]).backward()
            optimizer.step()
        clock.stamp()
    return network, clock.seconds()


def sktime_epochs(X, y, *, batch_size, n_epochs):
    """Train sktime's LSTM-FCN, its loop as it is; the seconds of each epoch."""
    from sktime.classification.deep_learning.lstmfcn import LSTMFCNClassifierTorch  # takes seconds

    clock = Clock()

    class Timed(LSTMFCNClassifierTorch):
        def _run_epoch(self, epoch, dataloader):
            super()._run_epoch(epoch, dataloader)
            clock.stamp()

    Timed(num_epochs=n_epochs, batch_size=batch_size).fit(X, y)
    return clock.seconds()
