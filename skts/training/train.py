"""Training of a net on validated arrays, according to the training options."""

import contextlib
import hashlib
import inspect
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from sklearn.utils.class_weight import compute_class_weight

from skts.device import (
    autocast_dtype,
    out_of_memory_named,
    resolve_device,
    seeded,
    torch_defaults,
)
from skts.persistence.files import to_plain
from skts.process import brief_waits_when_busy, kept_memory
from skts.training.batches import SeriesDataset
from skts.training.callbacks import DivergenceCheck, callbacks_of
from skts.training.checkpoint import Checkpoint
from skts.training.interrupts import call_after_fit
from skts.training.norms import recompute_norms
from skts.training.options import TrainingParams, as_python
from skts.training.weights import AFRESH, continue_from, start_from, unfreeze
from skts.version import __version__

BATCH_OF_SOLVED = 4  # least batch size of networks with a ridge head; short series have more
SCALED_AT_ONCE = 2**20  # values scaled at a time
PAPER_DECAY = 2 ** (-1 / 3)  # factor of the learning rate in Karim et al.


class TrainingData(NamedTuple):
    """Validated series (n, C, T), and lengths or None, targets and weights of the `chosen` rows.

    Choosing rows does not copy the series, which can be larger than memory.
    """

    values: np.ndarray
    lengths: np.ndarray | None
    target: np.ndarray
    weight: np.ndarray
    chosen: np.ndarray | slice = slice(None)

    def rows(self, rows):
        """Return the data of these rows, in this order."""
        of_each = (None if a is None else a[rows] for a in self[1:4])
        return TrainingData(self.values, *of_each, np.arange(len(self.values))[self.chosen][rows])

    def arrays(self):
        """Return all data as a list of arrays."""
        chosen = np.arange(len(self.values))[self.chosen]
        return [self.values, chosen, *(a for a in self[1:4] if a is not None)]

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


def channel_scaling(data):
    """Return the weighted mean and standard deviation of each channel, (C,) each."""
    chosen = np.arange(len(data.values))[data.chosen]
    n_timepoints = data.values.shape[2]
    lengths = np.full(len(chosen), n_timepoints) if data.lengths is None else data.lengths
    total = (data.weight * lengths).sum()
    at_once = max(1, SCALED_AT_ONCE // data.values[0].size)

    def mean_of(function):
        found = np.zeros(data.values.shape[1])
        for start in range(0, len(chosen), at_once):
            rows = slice(start, start + at_once)
            part = function(data.values[chosen[rows]].astype(np.float64))  # (n, C, T)
            weight = data.weight[rows, None] * (np.arange(n_timepoints) < lengths[rows, None])
            found += np.einsum("nt,nct->c", weight / total, part)
        return found

    mean = mean_of(lambda series: series)
    deviation = np.sqrt(mean_of(lambda series: (series - mean[:, None]) ** 2))
    varies = deviation > 1e-6 * np.abs(mean)  # about the relative precision of float32
    return mean, np.where(varies, deviation, 1.0)


def draw_seed(random_state):
    """Return an int seed. Without a random state, it does not use NumPy's global state."""
    if random_state is None:
        return int(np.random.default_rng().integers(2**31))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    return int(random_state)


def hold_out(data, fraction, *, stratify, seed):
    """Return the training part and the held-out `fraction` of `data`, or `data` and None."""
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
                "series of every class. Use another validation_fraction or None."
            )
    train, valid = train_test_split(
        np.arange(n),
        test_size=n_valid,
        stratify=data.target if stratify else None,
        random_state=seed,
    )
    return data.rows(train), data.rows(valid)


def oversampled(data, seed):
    """Return `data` with rows of smaller classes repeated until all classes have equal size."""
    from imblearn.over_sampling import RandomOverSampler  # imported only if needed

    if (data.target == data.target[0]).all():
        return data
    rows = np.arange(len(data.target))[:, None]
    rows, _ = RandomOverSampler(random_state=seed).fit_resample(rows, data.target)
    return data.rows(rows[:, 0])


def weight_of_each_class(class_weight, classes, target):
    """Return the weight of each of `classes` according to the option `class_weight`.

    `target` has the class indices of the series.
    """
    labels, present = classes.tolist(), np.unique(target)
    if class_weight == "balanced":
        weights = np.ones(len(classes))
        weights[present] = compute_class_weight("balanced", classes=present, y=target)
        return weights
    # scikit-learn's function would not distinguish the label "1" from the number 1
    unknown = [label for label in class_weight if label not in labels]
    unnamed = [label for label in labels if label not in class_weight]
    if unknown and unnamed:
        raise ValueError(
            f"the keys of class_weight must be among the classes {labels}, got "
            f"{list(class_weight)}. If a fold can lack a class, give a weight to every class, here "
            f"also to {unnamed}."
        )
    weights = np.array([class_weight.get(label, 1.0) for label in labels], dtype=float)
    if not weights[present].any():
        raise ValueError(
            "class_weight must have a weight above 0 for at least one class in y, got "
            f"{class_weight} for {classes[present].tolist()}"
        )
    return weights


@torch_defaults()
def train(
    options,
    network,
    data,
    valid,
    *,
    make_net,
    seed,
    previous=None,
    one_epoch=False,
    n_epochs=None,
    start=AFRESH,
):
    """Train `network` as the estimator `options` says and return the fitted skorch net.

    Parameters
    ----------
    options : TrainingParams
    network : callable
        Makes the untrained torch module.
    data : TrainingData
    valid : TrainingData or None
    make_net : callable
        Returns a skts.training.net.SeriesNet around the network.
    seed : int
    previous : skorch net, optional
        Net to continue from. Training starts from its weights and, with `one_epoch`, from its
        optimiser's state and history.
    one_epoch : bool
        Train for one epoch with the constant `lr`, as in `partial_fit`.
    n_epochs : int, optional
        Replaces `max_epochs`.
    start : Start
        Weights from another network, and the frozen ones.
    """
    device = resolve_device(options.device)
    chooses = options.restore_best is not None or options.fine_tune_rounds > 0
    checkpoint = None
    if one_epoch:
        switched = contextlib.nullcontext()
        check = DivergenceCheck(options._divergence_remedy)
        callbacks = [("divergence", check), *(options.callbacks or [])]
    else:
        switched = _process_switched(device)
        callbacks = callbacks_of(options, validated=valid is not None, chooses_an_epoch=chooses)
        mean = data.weight.mean()  # the loss must not depend on the scale of the weights
        data, valid = (d and d._replace(weight=d.weight / mean) for d in (data, valid))
        if options.checkpoint_dir is not None:
            begins_with = network, data, valid, seed, previous, n_epochs, start
            checkpoint = Checkpoint(_checkpoint_file(options, device, *begins_with))
            callbacks.append(("checkpoint", checkpoint))
    with out_of_memory_named(options.batch_size), seeded(seed, device), switched:
        n_epochs = 1 if one_epoch else int(n_epochs or options.max_epochs)
        net = made_net(options, make_net, network, device, callbacks, max_epochs=n_epochs)
        if previous is not None:
            continue_from(net, previous, with_optimizer=one_epoch)
        start_from(net, start)
        training = data.dataset(device, options.memory_limit)
        validation = None if valid is None else valid.dataset(device, options.memory_limit)
        net.round_ = 0 if checkpoint is None else checkpoint.first_round
        for i in range(net.round_, 1 if one_epoch else 1 + options.fine_tune_rounds):
            net.round_ = i
            if i > 0:
                _prepare_refinement(net, options)
            net.fit_on(training, validation)
        net.release()
        if options.recompute_norms and not chooses and not one_epoch:
            recompute_norms(net, training)
        unfreeze(net, start)
        if checkpoint is not None:
            call_after_fit(checkpoint.remove)
        return net


def _prepare_refinement(net, options):
    """Set the learning rate and batch size of the net's refinement round, and a new optimiser."""
    i = net.round_ - 1
    net.set_params(
        lr=max(options.lr * PAPER_DECAY**i, min(options.lr, options.min_lr)),
        batch_size=max(1, int(options.batch_size) // 2**i),
    )
    net.initialize_optimizer()  # each round is a separate training


@contextlib.contextmanager
def _process_switched(device):
    waits = brief_waits_when_busy() if device.type == "cpu" else contextlib.nullcontext()
    with kept_memory(), waits:
        yield


def _checkpoint_file(options, device, network, data, valid, seed, previous, n_epochs, start):
    """Return the checkpoint file of this training, and create its folder.

    The name of the file has a digest of everything that determines the training.
    """
    different = {"checkpoint_dir", "random_state", "verbose", "device", "precision", "init_from"}
    different.add("callbacks")  # the user has none; callbacks of skts depend on other options
    parameters = {
        name: repr(value) if isinstance(value, type) else to_plain(name, as_python(value))
        for name, value in options.get_params(deep=False).items()
        if name not in different
    }
    cls = type(options)
    shapes = [(name, [*shape]) for name, shape in shapes_of(network).items()]
    place = [device.type, str(autocast_dtype(options.precision, device, options._fast_in_bfloat16))]
    versions = [__version__, torch.__version__]
    what = [cls.__module__, cls.__qualname__, parameters, shapes, seed, n_epochs, *place, *versions]
    arrays = [array for part in (data, valid) if part is not None for array in part.arrays()]
    if previous is not None:
        arrays += [tensor.cpu().numpy() for tensor in previous.module_.state_dict().values()]
    what.append([*start.weights])
    arrays += [tensor.cpu().numpy() for tensor in start.weights.values()]
    digest = hashlib.sha256(json.dumps(what).encode())
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        for row in array if array.ndim else [array]:  # by rows, as it can be larger than memory
            digest.update(np.ascontiguousarray(row))
    folder = Path(options.checkpoint_dir)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{cls.__name__}-{digest.hexdigest()[:16]}.checkpoint"


def shapes_of(network):
    """Return the shapes of the weights that `network` makes, by name, without allocating memory."""
    with torch.device("meta"):
        return {name: weight.shape for name, weight in network().state_dict().items()}


def made_net(options, make_net, network, device, callbacks=(), *, max_epochs=None):
    """Return an initialised skorch net around a new network."""
    arguments = {"batch_size": BATCH_OF_SOLVED}
    if isinstance(options, TrainingParams):
        arguments = {
            "lr": options.lr,
            "max_epochs": int(options.max_epochs) if max_epochs is None else max_epochs,
            "batch_size": int(options.batch_size),
            "autocast": autocast_dtype(options.precision, device, options._fast_in_bfloat16),
            "compile": bool(options.compile),
            "augment": options._augmentations(),
            **_optimizer_arguments(options, device),
        }
    net = make_net(network(), device=str(device), callbacks=callbacks, **arguments).initialize()
    net.architecture_ = options._architecture()  # the options can change later
    return net


def _optimizer_arguments(options, device):
    accepted = inspect.signature(options.optimizer).parameters
    arguments = {"optimizer": options.optimizer}
    if runs_fused(options.optimizer, device):
        arguments["optimizer__fused"] = True
    if "weight_decay" in accepted:
        arguments["optimizer__weight_decay"] = options.weight_decay
    elif options.weight_decay:
        raise ValueError(
            f"{options.optimizer.__name__} takes no weight decay: weight_decay must be 0, "
            f"got {options.weight_decay}"
        )
    return arguments


def runs_fused(optimizer, device):
    """Return whether the optimiser has a fused implementation for the device."""
    if "fused" not in inspect.signature(optimizer).parameters:
        return False
    weight = torch.zeros(1, device=device, requires_grad=True)
    weight.grad = torch.zeros_like(weight)
    try:
        optimizer([weight], lr=1e-3, fused=True).step()
    except (NotImplementedError, RuntimeError, TypeError, ValueError):
        return False
    return True
