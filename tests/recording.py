"""What the tests of training share: a little data, and a callback that keeps what it sees."""

import copy
import os
import subprocess
import sys

import numpy as np
from skorch.callbacks import Callback

from skts import LSTMFCNClassifier
from tests.settings import small

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 12))
X[:, 3:6] += 3 * (np.arange(40) % 2)[:, None]
Y = np.where(np.arange(40) % 2, "b", "a")
TARGET = X[:, 3:6].sum(axis=1)


class KeptBatches(Callback):
    """Keeps what is written down of the batches of each epoch."""

    def __init__(self):
        self.epochs = []

    def on_epoch_end(self, net, **kwargs):
        self.epochs.append(net.history[-1, "batches"])


class Recorder(KeptBatches):
    """Keeps what each step of training sees."""

    def __init__(self):
        super().__init__()
        self.batches, self.rates, self.losses, self.weights = [], [], [], []

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        if training:
            self.rates.append(net.optimizer_.param_groups[0]["lr"])
            self.batches.append(len(batch[1]))

    def on_epoch_end(self, net, **kwargs):
        super().on_epoch_end(net, **kwargs)
        self.losses.append(net.history[-1, "train_loss"])
        self.weights.append(copy.deepcopy(net.module_.state_dict()))


def recorded(**options):
    return recorded_on(X, Y, **options)


def recorded_on(X, y, **options):
    recorder = Recorder()
    clf = small(LSTMFCNClassifier, **({"max_epochs": 4, "callbacks": [recorder]} | options))
    return clf.fit(X, y), recorder


def run_python(source, **environment):
    command, env = [sys.executable, "-c", source], os.environ | environment
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=env)
