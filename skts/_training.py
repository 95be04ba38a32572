"""The training options and what is done with them, from checked arrays to a trained net."""

import contextlib
import dataclasses
import inspect
import re
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from sklearn.model_selection import train_test_split

from skts._callbacks import DivergenceCheck, callbacks_of, is_callback
from skts._params import BOOLEAN, NONE, Params, Rule, choice, integer, param, real
from skts._tensors import (
    SeriesDataset,
    autocast_dtype,
    kept_memory,
    out_of_memory_named,
    resolve_device,
    seeded,
)

PAPER_DECAY = 2 ** (-1 / 3)  # Karim et al.: each reduction of the learning rate

OPTIMIZER = Rule(
    "a subclass of torch.optim.Optimizer",
    lambda v: isinstance(v, type) and issubclass(v, torch.optim.Optimizer),
)
DEVICE = Rule(
    "'auto', 'cpu', 'cuda' or 'cuda:N'",
    lambda v: isinstance(v, str) and re.fullmatch(r"auto|cpu|cuda(:(0|[1-9]\d*))?", v) is not None,
)
CALLBACKS = Rule(
    "a list of skorch callbacks (instances, classes or (name, callback) pairs)",
    lambda v: isinstance(v, (list, tuple)) and all(map(is_callback, v)),
)
RANDOM_STATE = Rule("a numpy.random.RandomState", lambda v: isinstance(v, np.random.RandomState))


def _as_python(value):
    if isinstance(value, (tuple, list)):
        return tuple(map(_as_python, value))
    return value.item() if isinstance(value, np.generic) else value


def _are_weights(v):
    weight = real(0)
    return isinstance(v, dict) and all(map(weight.accepts, v.values())) and any(v.values())


class TrainingParams(Params):
    """The training options, the same on every estimator."""

    _auto_target_loss: ClassVar[float]

    #: Whether the network is faster in bfloat16 on a CPU that has native instructions for it, as
    #: benchmarks/precision.py measures it: wide convolutions are, recurrent layers are not.
    _fast_in_bfloat16 = False

    max_epochs: int = param(
        default=350, rule=integer(1), doc="Passes over the training data, at most."
    )
    batch_size: int = param(default=16, rule=integer(1), doc="Series in one optimiser step.")
    lr: float = param(
        default=5e-3,
        rule=real(0, open_low=True),
        doc="Learning rate; the highest one of a one-cycle schedule.",
    )
    optimizer: type = param(
        default=torch.optim.AdamW, rule=OPTIMIZER, doc="Optimiser class of ``torch.optim``."
    )
    weight_decay: float = param(
        default=1e-2, rule=real(0), doc="Weight decay handed to the optimiser."
    )
    lr_schedule: str | None = param(
        default="one_cycle",
        rule=choice("one_cycle", "plateau", None),
        doc="'one_cycle': up to `lr` over 30 % of the optimiser steps, then down to zero along a "
        "cosine. 'plateau': multiplied by `plateau_factor` whenever the loss (of the validation "
        "split where there is one, else of training) has not improved for `plateau_patience` "
        "epochs (improved: by 1e-4). None: constant, as are trainings of fewer than four steps.",
    )
    target_loss: str | float | None = param(
        default="auto",
        rule=choice("auto", None) | real(0),
        doc="With ``lr_schedule='one_cycle'``: training ends with the first cycle in whose last "
        "epoch the training loss (of a regressor: of the standardised target) is at most this. "
        "None: one cycle of `max_epochs`. 'auto': 0.1 for classifiers, 0.02 for regressors; None "
        "with `early_stopping_patience` or `fine_tune_rounds`.",
    )
    first_cycle: int = param(
        default=50,
        rule=integer(1),
        doc="With a `target_loss`: epochs of the first cycle. Each further one is twice as long as "
        "the one before, the last takes what is left of `max_epochs`; where that is less than "
        "three times `first_cycle`, there is one cycle of `max_epochs`.",
    )
    plateau_factor: float = param(
        default=PAPER_DECAY,
        rule=real(0, 1, open_low=True),
        doc="Used by ``lr_schedule='plateau'`` alone.",
    )
    plateau_patience: int = param(
        default=100, rule=integer(1), doc="Epochs; used by ``lr_schedule='plateau'`` alone."
    )
    min_lr: float = param(
        default=1e-4,
        rule=real(0),
        doc="The learning rate below which neither a plateau nor a refinement round goes.",
    )
    fine_tune_rounds: int = param(
        default=0,
        rule=integer(0),
        doc="Refinement rounds after training, trained like it. A round starts from the weights "
        "of the lowest loss so far (`restore_best`, or the training loss where that is None); "
        "from the second on, the learning rate is 2^(-1/3) of the last round's and the batch "
        "size half of it. The best weights of all are kept.",
    )
    validation_fraction: float | None = param(
        default=None,
        rule=NONE | real(0, 1, open_low=True),
        doc="Part of the training data set aside to record ``valid_loss``; stratified by class.",
    )
    early_stopping_patience: int | None = param(
        default=None,
        rule=NONE | integer(1),
        doc="Stop once the loss (of the validation split where there is one, else of training) "
        "has not improved for so many epochs.",
    )
    restore_best: str | None = param(
        default=None,
        rule=choice(None, "train_loss", "valid_loss"),
        doc="Keep the weights of the epoch where this loss was lowest; None keeps the last.",
    )
    recompute_norms: bool = param(
        default=True,
        rule=BOOLEAN,
        doc="Replace the running averages of batch normalisation, once training has ended, by "
        "those over all training series (Wu and Johnson, 2021). Not done in `partial_fit`, nor "
        "where `restore_best` or `fine_tune_rounds` chose the weights of an epoch, which were "
        "judged with the averages of that epoch.",
    )
    normalize: str | None = param(
        default=None,
        rule=choice(None, "series"),
        doc="'series': each channel of each series to mean 0 and standard deviation 1, in `fit` "
        "and in `predict`.",
    )
    missing: str = param(
        default="raise",
        rule=choice("raise", "interpolate"),
        doc="What to do with NaN: an error, or linear interpolation in time (the nearest value "
        "beyond the ends).",
    )
    device: str = param(
        default="auto", rule=DEVICE, doc="'auto' takes CUDA where torch sees it, else the CPU."
    )
    precision: str = param(
        default="float32",
        rule=choice("float32", "bfloat16", "auto"),
        doc="'bfloat16': convolutions and matrix products run in bfloat16, in training and "
        "prediction. 'auto': that on CUDA devices of compute capability 8 and above, and on CPUs "
        "with native instructions for it where the network is measured to be faster so. 'float32' "
        "leaves torch's own switches of TF32 on CUDA as they are.",
    )
    memory_limit: int | None = param(
        default=None,
        rule=NONE | integer(0),
        doc="Bytes of series that are put on the device at once. More than that stay where they "
        "are and go there batch by batch, as do those of a float32 memmap. None: half of what a "
        "CUDA device has free; without limit on the CPU.",
    )
    compile: bool = param(
        default=False,
        rule=BOOLEAN,
        doc="Compile the network with ``torch.compile`` for training, which takes a minute or so "
        "and, on the CPU, needs a C++ compiler. Predictions run without.",
    )
    callbacks: list | None = param(
        default=None,
        rule=NONE | CALLBACKS,
        doc="skorch callbacks, called beside the package's own. As in skorch the instances "
        "themselves are used; `net_.callbacks_` holds them.",
    )
    warm_start: bool = param(
        default=False,
        rule=BOOLEAN,
        doc="Let `fit` start from the weights of the last fit instead of new ones.",
    )
    verbose: int = param(
        default=0,
        rule=BOOLEAN | integer(0),
        doc="1 shows a progress bar with loss and remaining time, at most, on stderr.",
    )
    random_state: int | None = param(
        default=None,
        rule=NONE | integer(0, 2**32 - 1) | RANDOM_STATE,
        doc="Seed of the weights, the order of the batches, dropout and the validation split. An "
        "int makes a fit repeatable to the bit on the same CPU.",
    )

    def _architecture(self):
        """The options that are not of training, as a network takes them: plain Python numbers."""
        training = {field.name for field in dataclasses.fields(ClassifierTrainingParams)}
        names = [field.name for field in dataclasses.fields(self) if field.name not in training]
        return {name: _as_python(getattr(self, name)) for name in names}

    def _check_options(self):
        super()._check_options()
        if self.restore_best == "valid_loss" and self.validation_fraction is None:
            raise ValueError(
                "restore_best='valid_loss' needs a validation split: validation_fraction must be a "
                "number in (0, 1), got None"
            )

    def _check_partial_fit_options(self):
        needs_all = {
            "validation_fraction": None,
            "early_stopping_patience": None,
            "restore_best": None,
            "fine_tune_rounds": 0,
        }
        self._check_options()
        for name, unset in needs_all.items():
            if getattr(self, name) != unset:
                raise ValueError(
                    f"{name} must be {unset} in partial_fit, which trains for one epoch, got "
                    f"{getattr(self, name)!r}. Use fit, or set it to {unset}."
                )


class ClassifierTrainingParams(TrainingParams):
    """The training options that only make sense for classes."""

    class_weight: str | dict | None = param(
        default=None,
        rule=choice("balanced", None)
        | Rule("a dict of class label to weight, finite and not negative", _are_weights),
        doc="Weight of each class in the loss. 'balanced': n / (n_classes * n_in_class).",
    )
    oversample: bool = param(
        default=False,
        rule=BOOLEAN,
        doc="Repeat series of the smaller classes at random until all classes are as large as the "
        "largest (imbalanced-learn's RandomOverSampler); never in the validation split.",
    )


class TrainingData(NamedTuple):
    """Checked arrays: series (n, C, T), and lengths or None, targets, weights of those in `chosen`.

    The series stay as they are when rows are chosen: they may be more than memory holds.
    """

    values: np.ndarray
    lengths: np.ndarray | None
    target: np.ndarray
    weight: np.ndarray
    chosen: np.ndarray | slice = slice(None)

    def rows(self, rows):
        """Those rows of it, in this order."""
        of_each = (None if a is None else a[rows] for a in self[1:4])
        return TrainingData(self.values, *of_each, np.arange(len(self.values))[self.chosen][rows])

    def dataset(self, device, memory_limit):
        return SeriesDataset(
            self.values,
            self.target,
            lengths=self.lengths,
            sample_weight=self.weight.astype(np.float32),
            device=device,
            memory_limit=memory_limit,
            rows=self.chosen,
        )


def draw_seed(random_state):
    """An int seed; without a random state from fresh entropy, numpy's global state untouched."""
    if random_state is None:
        return int(np.random.default_rng().integers(2**31))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    return int(random_state)


def hold_out(data, fraction, *, stratify, seed):
    """`data` in two, the second about `fraction` of it; None for the second without a fraction."""
    if fraction is None:
        return data, None
    n, n_valid = len(data.target), int(np.ceil(fraction * len(data.target)))
    if n - n_valid < 1:
        raise ValueError(
            f"validation_fraction={fraction} leaves none of {n} series to train on: lower it."
        )
    if stratify:
        _, counts = np.unique(data.target, return_counts=True)
        if counts.min() < 2 or min(n_valid, n - n_valid) < len(counts):
            raise ValueError(
                f"validation_fraction={fraction} of {n} series cannot be stratified over "
                f"{len(counts)} classes, the smallest with {counts.min()} series: both parts need "
                "every class. Use another validation_fraction or None."
            )
    train, valid = train_test_split(
        np.arange(n),
        test_size=n_valid,
        stratify=data.target if stratify else None,
        random_state=seed,
    )
    return data.rows(train), data.rows(valid)


def oversampled(data, seed):
    """`data` with rows of the smaller classes repeated until all classes are equally large."""
    from imblearn.over_sampling import RandomOverSampler  # only where it is asked for

    if (data.target == data.target[0]).all():
        return data
    rows = np.arange(len(data.target))[:, None]
    rows, _ = RandomOverSampler(random_state=seed).fit_resample(rows, data.target)
    return data.rows(rows[:, 0])


def train(options, network, data, valid, *, make_net, seed, previous=None, one_epoch=False):
    """Train `network` as the estimator `options` says and return the fitted skorch net.

    Parameters
    ----------
    options : TrainingParams
    network : callable
        Makes the untrained torch module.
    data : TrainingData
    valid : TrainingData or None
    make_net : callable
        Puts a skts._net.SeriesNet around the network.
    seed : int
    previous : skorch net, optional
        Where to go on from: its weights and, in `one_epoch`, its optimiser's state and history.
    one_epoch : bool
        One pass at the constant `lr`, as `partial_fit` does it.
    """
    device = resolve_device(options.device)
    chooses = options.restore_best is not None or options.fine_tune_rounds > 0
    if one_epoch:
        kept = contextlib.nullcontext()
        callbacks = [("divergence", DivergenceCheck()), *(options.callbacks or [])]
    else:
        kept = kept_memory()
        callbacks = callbacks_of(options, validated=valid is not None, chooses_an_epoch=chooses)
        mean = data.weight.mean()  # the loss must not depend on the scale of weights
        data, valid = (d and d._replace(weight=d.weight / mean) for d in (data, valid))
    with out_of_memory_named(options.batch_size), seeded(seed, device), kept:
        net = make_net(
            network(),
            lr=options.lr,
            max_epochs=1 if one_epoch else int(options.max_epochs),
            batch_size=int(options.batch_size),
            device=str(device),
            autocast=autocast_dtype(options.precision, device, options._fast_in_bfloat16),
            compile=bool(options.compile),
            callbacks=callbacks,
            **_optimizer_arguments(options, device),
        ).initialize()
        if previous is not None:
            net.continue_from(previous, with_optimizer=one_epoch)
        training = data.dataset(device, options.memory_limit)
        validation = None if valid is None else valid.dataset(device, options.memory_limit)
        net.fit_on(training, validation)
        for i in range(0 if one_epoch else options.fine_tune_rounds):
            net.set_params(
                lr=max(options.lr * PAPER_DECAY**i, min(options.lr, options.min_lr)),
                batch_size=max(1, int(options.batch_size) // 2**i),
            )
            net.initialize_optimizer()  # a round is a training of its own
            net.fit_on(training, validation)
        net.release()
        if options.recompute_norms and not chooses and not one_epoch:
            net.recompute_norms(training)
        return net


def _optimizer_arguments(options, device):
    accepted = inspect.signature(options.optimizer).parameters
    arguments = {"optimizer": options.optimizer}
    if "fused" in accepted:
        arguments["optimizer__fused"] = True
    if "capturable" in accepted and device.type == "cuda":
        arguments["optimizer__capturable"] = True
    if "weight_decay" in accepted:
        arguments["optimizer__weight_decay"] = options.weight_decay
    elif options.weight_decay:
        raise ValueError(
            f"{options.optimizer.__name__} takes no weight decay: weight_decay must be 0, "
            f"got {options.weight_decay}"
        )
    return arguments
