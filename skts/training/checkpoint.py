"""What a training needs to go on after its process was killed, in a file."""

import math
import time
import warnings

import torch
from skorch.callbacks import Callback, EpochScoring, PassthroughScoring

from skts.persistence.files import (
    check_digest,
    from_plain,
    read_file,
    remove_file,
    to_plain,
    write_file,
)
from skts.training.callbacks import BestWeights, OneCycle, Patience, Plateau


class Checkpoint(Callback):
    """Writes what training goes on from to a file, and lets it go on from there.

    It comes last, so that it sees what the others made of an epoch. What it writes are weights,
    the optimiser's state, history without batches, random state, and what callbacks remember.
    """

    ENTRY, FORMAT = "skts-checkpoint", 1
    SHARE = 20  # the time from one file to the next, as a multiple of that of writing one

    def __init__(self, path):
        self.path = path

    def initialize(self):
        self.found_ = self._read()
        return self

    @property
    def first_round(self):
        """The round of refinement to go on with, 0 ahead of them."""
        return 0 if self.found_ is None else self.found_["round"]

    def _read(self):
        try:
            header, tensors = read_file(self.path, self.ENTRY, "a training with checkpoint_dir")
            check_digest(self.path, header, tensors)
            if header["format"] != self.FORMAT:
                raise ValueError(f"{self.path} has format {header['format']!r}, of another version")
            return from_plain(header["state"], tensors)
        except FileNotFoundError:
            return None
        except (ValueError, LookupError, TypeError) as error:
            raise ValueError(
                f"cannot go on from {self.path}: {error}. To train from the start, remove it"
            ) from error

    def on_train_begin(self, net, **kwargs):
        self.due_ = -math.inf
        self.n_before_ = len(net.history)
        if self.found_ is not None:
            self._restore(net, self.found_)
            self.found_ = None

    def on_epoch_end(self, net, **kwargs):
        if (start := time.monotonic()) >= self.due_:
            tensors = {}
            state = to_plain("the state of training", self._state(net), tensors)
            try:
                write_file(self.path, self.ENTRY, {"format": self.FORMAT, "state": state}, tensors)
            except OSError as error:  # what is to keep a training must not end it
                warnings.warn(f"no checkpoint was written: {error}", RuntimeWarning, stacklevel=2)
            self.due_ = time.monotonic() + self.SHARE * (time.monotonic() - start)

    def remove(self):
        """Training is done."""
        try:
            remove_file(self.path)
        except OSError as error:  # it keeps nothing from being used
            warnings.warn(f"{self.path} was not removed: {error}", RuntimeWarning, stacklevel=2)

    def _state(self, net):
        device = torch.device(net.device)
        return {
            "round": net.round_,
            "n_before": self.n_before_,
            "module": dict(net.module_.state_dict()),
            "optimizer": net.optimizer_.state_dict(),
            "history": epochs_of(net.history),
            "callbacks": {name: callback_state(callback) for name, callback in net.callbacks_},
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        }

    def _restore(self, net, state):
        net.module_.load_state_dict(state["module"])
        net.optimizer_.load_state_dict(state["optimizer"])
        net.history.clear()
        add_epochs(net.history, state["history"])
        self.n_before_ = state["n_before"]
        net.n_epochs_done_ = len(net.history) - self.n_before_
        for name, callback in net.callbacks_:
            restore_callback(callback, state["callbacks"].get(name, {}))
        torch.set_rng_state(state["random"])
        if state["random_cuda"] is not None:
            torch.cuda.set_rng_state(state["random_cuda"], torch.device(net.device))


def epochs_of(history):
    """The epochs of a history, as dicts without their single batches, which are many."""
    return [{k: v for k, v in epoch.items() if k != "batches"} for epoch in history]


def add_epochs(history, epochs):
    """Append what epochs_of gave."""
    history.extend(epoch | {"batches": []} for epoch in epochs)


#: What callbacks remember from epoch to epoch; a Plateau has its scheduler besides.
CALLBACK_ATTRIBUTES = {
    BestWeights: ("loss_", "weights_"),
    OneCycle: ("cycles_", "step_"),
    Patience: ("misses_", "dynamic_threshold_", "best_epoch_"),
    EpochScoring: ("best_score_",),
    PassthroughScoring: ("best_score_",),
}


def callback_state(callback):
    """What a callback of the package or of skorch's defaults remembers, by name."""
    if isinstance(callback, Plateau):
        return callback.lr_scheduler_.state_dict()
    return {name: getattr(callback, name) for name in CALLBACK_ATTRIBUTES.get(type(callback), ())}


def restore_callback(callback, state):
    """Let a callback remember."""
    if isinstance(callback, Plateau):
        callback.lr_scheduler_.load_state_dict(state)
    else:
        vars(callback).update(state)
