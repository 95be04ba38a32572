"""Checkpoint files, from which a training continues after its process was killed."""

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
    """Writes the state of training to a file, and restores it when training starts again.

    It must be the last callback, because it stores the state of the others after each epoch. The
    file has the weights, the optimiser's state, the history without batches, the random state and
    the state of the callbacks.
    """

    ENTRY, FORMAT = "skts-checkpoint", 1
    SHARE = 20  # time between two files, as a multiple of the time to write one

    def __init__(self, path):
        self.path = path

    def initialize(self):
        self.found_ = self._read()
        return self

    @property
    def first_round(self):
        """The refinement round to continue with; 0 is the training before them."""
        return 0 if self.found_ is None else self.found_["round"]

    def _read(self):
        try:
            header, tensors = read_file(self.path, self.ENTRY, "a training with checkpoint_dir")
            check_digest(self.path, header, tensors)
            if header["format"] != self.FORMAT:
                raise ValueError(
                    f"{self.path} has format {header['format']!r} of another version of skts"
                )
            return from_plain(header["state"], tensors)
        except FileNotFoundError:
            return None
        except (ValueError, LookupError, TypeError) as error:
            raise ValueError(
                f"cannot continue from {self.path}: {error}. To train from the start, remove it"
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
            except OSError as error:  # training must not fail because of its checkpoint
                warnings.warn(f"no checkpoint was written: {error}", RuntimeWarning, stacklevel=2)
            self.due_ = time.monotonic() + self.SHARE * (time.monotonic() - start)

    def remove(self):
        """Remove the file when training is complete."""
        try:
            remove_file(self.path)
        except OSError as error:  # the fitted estimator does not need it
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
    """Return the epochs of a history, as dicts without their batches."""
    return [{k: v for k, v in epoch.items() if k != "batches"} for epoch in history]


def add_epochs(history, epochs):
    """Append the result of `epochs_of` to a history."""
    history.extend(epoch | {"batches": []} for epoch in epochs)


#: State of the callbacks from epoch to epoch; that of a Plateau is in its scheduler.
CALLBACK_ATTRIBUTES = {
    BestWeights: ("loss_", "weights_"),
    OneCycle: ("cycles_", "step_"),
    Patience: ("misses_", "dynamic_threshold_", "best_epoch_"),
    EpochScoring: ("best_score_",),
    PassthroughScoring: ("best_score_",),
}


def callback_state(callback):
    """Return the state of a callback of skts or of skorch's defaults, by name."""
    if isinstance(callback, Plateau):
        return callback.lr_scheduler_.state_dict()
    return {name: getattr(callback, name) for name in CALLBACK_ATTRIBUTES.get(type(callback), ())}


def restore_callback(callback, state):
    """Restore the state of a callback."""
    if isinstance(callback, Plateau):
        callback.lr_scheduler_.load_state_dict(state)
    else:
        vars(callback).update(state)
