"""The training options that all kinds of estimators share."""

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
FOLDER = Rule("a non-empty string", lambda v: isinstance(v, str) and v != "", str)


def as_python(value):
    """Convert NumPy scalars to Python numbers and sequences to tuples."""
    if is_sequence(value):
        return tuple(map(as_python, value))
    return value.item() if isinstance(value, np.generic) else value


class NetworkParams(Params):
    """The options of every estimator with a network."""

    device: str = param(
        default="auto",
        rule=DEVICE,
        group="device and speed",
        doc="'auto' uses CUDA if torch finds it, and the CPU otherwise.",
    )
    memory_limit: int | None = param(
        default=None,
        rule=integer(0),
        group="device and speed",
        doc="Maximum number of bytes of series to keep on the device. Larger data are copied to "
        "the device batch by batch. None: a third of the free memory of a CUDA device; on the "
        "CPU no limit, except for a float32 memmap, whose limit is an eighth of the machine's "
        "memory.",
    )
    random_state: int | np.random.RandomState | None = param(
        default=None,
        rule=integer(0, 2**32 - 1),
        group="bookkeeping",
        doc="Seed of all random draws, such as initial weights, kernels, the order of the batches"
        " and the validation split. An int makes a fit repeatable to the bit on the same CPU,"
        " if no other thread draws from torch's global generator during the fit.",
    )

    def _architecture(self):
        """Return the architecture options of the network, as plain Python values.

        Options that a subclass adds by a plain annotation, without `param`, are left out.
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
        """Return the option to lower if memory runs out, or None if there is none."""


class TrainingParams(NetworkParams):
    """The options of training by gradient descent."""

    _auto_target_loss: ClassVar[float]

    _divergence_remedy = ""  # end of the error message of diverged training
    _progress_label = ""  # label of the progress bar; empty for the name of the class

    #: Whether the network is faster in bfloat16 on CPUs with native instructions for it.
    #: benchmarks/precision.py measures this: wide convolutions are faster, recurrent layers not.
    _fast_in_bfloat16 = False

    max_epochs: int = param(
        default=350,
        rule=integer(1),
        group="optimisation",
        doc="Maximum number of passes over the training data.",
    )
    batch_size: int = param(
        default=16,
        rule=integer(1),
        group="optimisation",
        doc="Number of series in one optimiser step.",
        search=(8, 16, 32, 64),
    )
    lr: float = param(
        default=5e-3,
        rule=real(0, open_low=True),
        group="optimisation",
        doc="Learning rate. For a one-cycle schedule, the highest learning rate.",
        search=loguniform(1e-3, 2e-2),
    )
    optimizer: type[torch.optim.Optimizer] = param(
        default=torch.optim.AdamW, group="optimisation", doc="Class of ``torch.optim``."
    )
    weight_decay: float = param(
        default=1e-2,
        rule=real(0),
        group="optimisation",
        doc="Weight decay of the optimiser.",
        search=loguniform(1e-3, 1e-1),
    )
    lr_schedule: Literal["one_cycle", "plateau"] | None = param(
        default="one_cycle",
        group="optimisation",
        doc="'one_cycle': the learning rate rises to `lr` over 30 % of the optimiser steps, then "
        "falls to nearly zero along a cosine. 'plateau': the learning rate is multiplied by "
        "`plateau_factor` when the loss has not improved by 1e-4 for `plateau_patience` "
        "epochs. This is the loss of the validation split if there is one, and the training "
        "loss otherwise. None: the learning rate is constant. It is also constant in a one-cycle "
        "schedule of fewer than four steps.",
    )
    plateau_factor: float = param(
        default=0.7937,
        rule=real(0, 1, open_low=True),
        group="optimisation",
        doc="Factor of the learning rate in ``lr_schedule='plateau'``. The default is 2^(-1/3), "
        "rounded.",
    )
    plateau_patience: int = param(
        default=100,
        rule=integer(1),
        group="optimisation",
        doc="Number of epochs without a lower loss before ``lr_schedule='plateau'`` reduces the "
        "learning rate.",
    )
    min_lr: float = param(
        default=1e-4,
        rule=real(0),
        group="optimisation",
        doc="Lowest learning rate of the plateau schedule and of refinement rounds.",
    )
    fine_tune_rounds: int = param(
        default=0,
        rule=integer(0),
        group="optimisation",
        doc="Number of refinement rounds after training. Each round is another training. It "
        "starts from the weights with the lowest loss so far. This is the loss in `restore_best`, "
        "or the training loss if `restore_best` is None. From the second round on, the learning "
        "rate is multiplied by 2^(-1/3) and the batch size is halved. The best weights of all "
        "rounds are kept.",
    )
    target_loss: Literal["auto"] | float | None = param(
        default="auto",
        rule=real(0),
        group="stopping and validation",
        doc="With ``lr_schedule='one_cycle'``: training stops after the first cycle whose last "
        "epoch has at most this training loss. The loss of a regressor is that of the "
        "standardised target. None: one cycle of `max_epochs`. 'auto': 0.1 for classifiers, "
        "0.02 for regressors, and None with `early_stopping_patience` or `fine_tune_rounds`.",
    )
    first_cycle: int = param(
        default=50,
        rule=integer(1),
        group="stopping and validation",
        doc="With a `target_loss`: number of epochs of the first cycle. Each further cycle is "
        "twice as long, and the last one takes the rest of `max_epochs`. If `max_epochs` is "
        "less than three times `first_cycle`, there is one cycle of `max_epochs`.",
    )
    validation_fraction: float | None = param(
        default=None,
        rule=real(0, 1, open_low=True),
        group="stopping and validation",
        doc="Fraction of the training data to hold out, stratified by class. The history records "
        "its loss as ``valid_loss``.",
    )
    early_stopping_patience: int | None = param(
        default=None,
        rule=integer(1),
        group="stopping and validation",
        doc="Stop when the loss has not improved for this number of epochs. This is the loss of "
        "the validation split if there is one, and the training loss otherwise.",
    )
    restore_best: Literal["train_loss", "valid_loss"] | None = param(
        default=None,
        group="stopping and validation",
        doc="Keep the weights of the epoch in which this loss was lowest. None keeps the last "
        "weights.",
    )
    precision: Literal["float32", "bfloat16", "auto"] = param(
        default="float32",
        group="device and speed",
        doc="'bfloat16': convolutions and matrix products run in bfloat16, in training and "
        "prediction; recurrent layers run in float32. 'auto': bfloat16 on CUDA devices of "
        "compute capability 8 or higher, and on CPUs with native instructions for it, if the "
        "network is measured to be faster with it. 'float32' does not change torch's TF32 "
        "settings on CUDA.",
    )
    compile: bool = param(
        default=False,
        group="device and speed",
        doc="Compile the network with ``torch.compile`` for training. Compilation takes about a "
        "minute; on the CPU it needs a C++ compiler. Predictions are not compiled.",
    )
    callbacks: Callbacks | None = param(
        default=None,
        rule=CALLBACKS,
        group="bookkeeping",
        doc="skorch callbacks, called in addition to those of skts. As in skorch, `fit` uses the "
        "given instances, not copies; `net_.callbacks_` holds them.",
    )
    checkpoint_dir: str | os.PathLike[str] | None = param(
        default=None,
        rule=FOLDER,
        group="bookkeeping",
        doc="Folder in which `fit` stores its progress, in one file per training. If `fit` is "
        "killed or interrupted, call it again with the same options, data and versions: it "
        "continues from the file. On the CPU, with the same number of threads, the final "
        "weights are identical to those of an uninterrupted fit. Writing takes at most about a "
        "twentieth of the time. A `fit` that ends removes its files. This option requires an "
        "int as `random_state`, and no `callbacks`.",
    )
    verbose: bool | int = param(
        default=0,
        rule=integer(0),
        group="bookkeeping",
        doc="1 shows a progress bar on stderr, with the epochs of the current cycle, the loss and"
        " the remaining time. If training stops early, the reason is printed below the bar.",
    )

    def _batch_size(self):
        return int(self.batch_size)

    def _augmentations(self):
        """Return the option `augment`, or None for forecasters, which do not have it."""

    def _check_options(self):
        super()._check_options()
        if self.restore_best == "valid_loss" and self.validation_fraction is None:
            raise ValueError(
                "restore_best='valid_loss' needs a validation split: set validation_fraction to a "
                "number in (0, 1), got None"
            )
        if self.checkpoint_dir is not None and self.callbacks:
            raise ValueError(
                "checkpoint_dir cannot store the state of callbacks: callbacks must be None with "
                f"it, got {self.callbacks!r}"
            )
        if self.checkpoint_dir is not None and not isinstance(self.random_state, Integral):
            raise ValueError(
                "checkpoint_dir identifies a training by its seed: random_state must be an int, "
                f"got {self.random_state!r}"
            )
