"""The training options, declared once for every kind of estimator."""

import dataclasses
import os
import re
from numbers import Integral
from typing import ClassVar, Literal

import numpy as np
import torch
from scipy.stats import loguniform  # type: ignore[attr-defined]  # scipy names it at run time

from skts.params import Params, Rule, group_of, integer, is_sequence, param, real
from skts.training.callbacks import Callbacks, is_callback

DEVICE = Rule(
    "'auto', 'cpu', 'cuda' or 'cuda:N'",
    lambda v: isinstance(v, str) and re.fullmatch(r"auto|cpu|cuda(:(0|[1-9]\d*))?", v) is not None,
    str,
)
CALLBACKS = Rule(
    "a sequence of skorch callbacks (instances, classes or (name, callback) pairs)",
    lambda v: is_sequence(v) and all(map(is_callback, v)),
    Callbacks,
)
FOLDER = Rule("a string that is not empty", lambda v: isinstance(v, str) and v != "", str)


def as_python(value):
    if is_sequence(value):
        return tuple(map(as_python, value))
    return value.item() if isinstance(value, np.generic) else value


class NetworkParams(Params):
    """The options of every estimator that has a network, however it is trained."""

    device: str = param(
        default="auto",
        rule=DEVICE,
        group="device and speed",
        doc="'auto' takes CUDA where torch sees it, else the CPU.",
    )
    memory_limit: int | None = param(
        default=None,
        rule=integer(0),
        group="device and speed",
        doc="Bytes of series that are put on the device at once. More than that stay where they "
        "are and go there batch by batch. None: a third of what a CUDA device has free; on the CPU "
        "without limit, but for a float32 memmap, of which an eighth of this machine's memory.",
    )
    random_state: int | np.random.RandomState | None = param(
        default=None,
        rule=integer(0, 2**32 - 1),
        group="bookkeeping",
        doc="Seed of all random draws, such as weights, kernels, the order of the batches and the "
        "validation split. An int makes a fit repeatable to the bit on the same CPU, as long as no "
        "other thread draws from torch's global generator meanwhile.",
    )

    def _architecture(self):
        """The options of the architecture, as a network takes them: plain Python numbers.

        A plain annotation that a subclass adds to an estimator with a network is its own affair.
        """
        makers = {"_network", "_sequence_network"}
        maker = next(cls for cls in type(self).__mro__ if makers & vars(cls).keys())
        known = {field.name for field in dataclasses.fields(maker)}
        names = [
            field.name
            for field in dataclasses.fields(self)
            if group_of(field) == "architecture"
            and (field.name in known or "rule" in field.metadata)
        ]
        return {name: as_python(getattr(self, name)) for name in names}

    def _batch_size(self):
        """The option that can be lowered where memory runs out, None where there is none."""


class TrainingParams(NetworkParams):
    """The options of training by gradient."""

    _auto_target_loss: ClassVar[float]

    _divergence_remedy = ""  # what helps besides a lower learning rate
    _progress_label = ""  # else the name of the class

    #: Whether the network is faster in bfloat16 on a CPU that has native instructions for it, as
    #: benchmarks/precision.py measures it: wide convolutions are, recurrent layers are not.
    _fast_in_bfloat16 = False

    max_epochs: int = param(
        default=350,
        rule=integer(1),
        group="optimisation",
        doc="Passes over the training data, at most.",
    )
    batch_size: int = param(
        default=16,
        rule=integer(1),
        group="optimisation",
        doc="Series in one optimiser step.",
        search=(8, 16, 32, 64),
    )
    lr: float = param(
        default=5e-3,
        rule=real(0, open_low=True),
        group="optimisation",
        doc="Learning rate; the highest one of a one-cycle schedule.",
        search=loguniform(1e-3, 2e-2),
    )
    optimizer: type[torch.optim.Optimizer] = param(
        default=torch.optim.AdamW, group="optimisation", doc="Optimiser class of ``torch.optim``."
    )
    weight_decay: float = param(
        default=1e-2,
        rule=real(0),
        group="optimisation",
        doc="Weight decay handed to the optimiser.",
        search=loguniform(1e-3, 1e-1),
    )
    lr_schedule: Literal["one_cycle", "plateau"] | None = param(
        default="one_cycle",
        group="optimisation",
        doc="'one_cycle': up to `lr` over 30 % of the optimiser steps, then down to zero along a "
        "cosine. 'plateau': multiplied by `plateau_factor` whenever the loss (of the validation "
        "split where there is one, else of training) has not improved for `plateau_patience` "
        "epochs (improved: by 1e-4). None: constant, as are trainings of fewer than four steps.",
    )
    plateau_factor: float = param(
        default=0.7937,
        rule=real(0, 1, open_low=True),
        group="optimisation",
        doc="Used by ``lr_schedule='plateau'`` alone. Default: 2^(-1/3), rounded.",
    )
    plateau_patience: int = param(
        default=100,
        rule=integer(1),
        group="optimisation",
        doc="Epochs; used by ``lr_schedule='plateau'`` alone.",
    )
    min_lr: float = param(
        default=1e-4,
        rule=real(0),
        group="optimisation",
        doc="The learning rate below which neither a plateau nor a refinement round goes.",
    )
    fine_tune_rounds: int = param(
        default=0,
        rule=integer(0),
        group="optimisation",
        doc="Refinement rounds after training, trained like it. A round starts from the weights "
        "of the lowest loss so far (`restore_best`, or the training loss where that is None); "
        "from the second on, the learning rate is 2^(-1/3) of the last round's and the batch "
        "size half of it. The best weights of all are kept.",
    )
    target_loss: Literal["auto"] | float | None = param(
        default="auto",
        rule=real(0),
        group="stopping and validation",
        doc="With ``lr_schedule='one_cycle'``: training ends with the first cycle in whose last "
        "epoch the training loss (of a regressor: of the standardised target) is at most this. "
        "None: one cycle of `max_epochs`. 'auto': 0.1 for classifiers, 0.02 for regressors; None "
        "with `early_stopping_patience` or `fine_tune_rounds`.",
    )
    first_cycle: int = param(
        default=50,
        rule=integer(1),
        group="stopping and validation",
        doc="With a `target_loss`: epochs of the first cycle. Each further one is twice as long as "
        "the one before, the last takes what is left of `max_epochs`; where that is less than "
        "three times `first_cycle`, there is one cycle of `max_epochs`.",
    )
    validation_fraction: float | None = param(
        default=None,
        rule=real(0, 1, open_low=True),
        group="stopping and validation",
        doc="Part of the training data set aside to record ``valid_loss``; stratified by class.",
    )
    early_stopping_patience: int | None = param(
        default=None,
        rule=integer(1),
        group="stopping and validation",
        doc="Stop once the loss (of the validation split where there is one, else of training) "
        "has not improved for so many epochs.",
    )
    restore_best: Literal["train_loss", "valid_loss"] | None = param(
        default=None,
        group="stopping and validation",
        doc="Keep the weights of the epoch where this loss was lowest; None keeps the last.",
    )
    precision: Literal["float32", "bfloat16", "auto"] = param(
        default="float32",
        group="device and speed",
        doc="'bfloat16': convolutions and matrix products run in bfloat16, in training and "
        "prediction; recurrent layers in float32. 'auto': that on CUDA devices of compute "
        "capability 8 and above, and on CPUs with native instructions for it where the network is "
        "measured to be faster so. 'float32' leaves torch's own switches of TF32 on CUDA as they "
        "are.",
    )
    compile: bool = param(
        default=False,
        group="device and speed",
        doc="Compile the network with ``torch.compile`` for training, which takes a minute or so "
        "and, on the CPU, needs a C++ compiler. Predictions run without.",
    )
    callbacks: Callbacks | None = param(
        default=None,
        rule=CALLBACKS,
        group="bookkeeping",
        doc="skorch callbacks, called beside the package's own. As in skorch the instances "
        "themselves are used; `net_.callbacks_` holds them.",
    )
    checkpoint_dir: str | os.PathLike[str] | None = param(
        default=None,
        rule=FOLDER,
        group="bookkeeping",
        doc="A folder where `fit` keeps what it needs to go on, in a file for each training. "
        "Called again with the same options, data and versions after it was killed or "
        "interrupted, `fit` goes on from there and ends with the weights it would have had, on the "
        "CPU with as many threads to the bit; `history_` has no single batches of the epochs "
        "before. Writing takes at most a twentieth of the time; a `fit` that has ended removes its "
        "files. Needs an int as `random_state`, and no `callbacks`.",
    )
    verbose: bool | int = param(
        default=0,
        rule=integer(0),
        group="bookkeeping",
        doc="1 shows a progress bar on stderr: epochs of those up to the end of the cycle, loss, "
        "remaining time; and behind it why training ended ahead of its last epoch.",
    )

    def _batch_size(self):
        return int(self.batch_size)

    def _augmentations(self):
        """The option `augment`, which those of single sequences do not have."""

    def _check_options(self):
        super()._check_options()
        if self.restore_best == "valid_loss" and self.validation_fraction is None:
            raise ValueError(
                "restore_best='valid_loss' needs a validation split: validation_fraction must be a "
                "number in (0, 1), got None"
            )
        if self.checkpoint_dir is not None and self.callbacks:
            raise ValueError(
                "checkpoint_dir cannot keep what callbacks remember: callbacks must be None with "
                f"it, got {self.callbacks!r}"
            )
        if self.checkpoint_dir is not None and not isinstance(self.random_state, Integral):
            raise ValueError(
                "checkpoint_dir needs a training that can be told when it is started again: "
                f"random_state must be an int, got {self.random_state!r}"
            )
