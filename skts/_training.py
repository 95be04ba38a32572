"""What is done with the training options, from checked arrays to a trained net."""

import contextlib
import hashlib
import inspect
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn.model_selection import train_test_split

from skts._callbacks import DivergenceCheck, callbacks_of
from skts._checkpoint import Checkpoint
from skts._files import to_plain
from skts._options import PAPER_DECAY, as_python
from skts._tensors import (
    SeriesDataset,
    autocast_dtype,
    kept_memory,
    out_of_memory_named,
    resolve_device,
    seeded,
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

    def arrays(self):
        """All of it, as arrays."""
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
    checkpoint = None
    if one_epoch:
        kept = contextlib.nullcontext()
        check = DivergenceCheck(options._against_divergence)
        callbacks = [("divergence", check), *(options.callbacks or [])]
    else:
        kept = kept_memory()
        callbacks = callbacks_of(options, validated=valid is not None, chooses_an_epoch=chooses)
        mean = data.weight.mean()  # the loss must not depend on the scale of weights
        data, valid = (d and d._replace(weight=d.weight / mean) for d in (data, valid))
        if options.checkpoint_dir is not None:
            checkpoint = Checkpoint(
                _checkpoint_file(options, network, device, data, valid, seed, previous)
            )
            callbacks.append(("checkpoint", checkpoint))
    with out_of_memory_named(options.batch_size), seeded(seed, device), kept:
        n_epochs = 1 if one_epoch else int(options.max_epochs)
        net = made_net(options, make_net, network, device, callbacks, max_epochs=n_epochs)
        if previous is not None:
            net.continue_from(previous, with_optimizer=one_epoch)
        training = data.dataset(device, options.memory_limit)
        validation = None if valid is None else valid.dataset(device, options.memory_limit)
        first = 0 if checkpoint is None else checkpoint.round_
        for i in range(first, 1 if one_epoch else 1 + options.fine_tune_rounds):
            if i > 0:
                net.set_params(
                    lr=max(options.lr * PAPER_DECAY ** (i - 1), min(options.lr, options.min_lr)),
                    batch_size=max(1, int(options.batch_size) // 2 ** (i - 1)),
                )
                net.initialize_optimizer()  # a round is a training of its own
            net.fit_on(training, validation)
        net.release()
        if options.recompute_norms and not chooses and not one_epoch:
            net.recompute_norms(training)
        if checkpoint is not None:
            checkpoint.remove()
        return net


def _checkpoint_file(options, network, device, data, valid, seed, previous):
    """The file of this training alone, in a folder that is made where it is not there."""
    import skts

    different = {"checkpoint_dir", "random_state", "verbose", "device", "precision"}
    parameters = {
        name: repr(value) if isinstance(value, type) else to_plain(name, as_python(value))
        for name, value in options.get_params(deep=False).items()
        if name not in different
    }
    cls = type(options)
    shapes = [(name, [*shape]) for name, shape in _shapes(network).items()]
    place = [str(device), str(autocast_dtype(options.precision, device, options._fast_in_bfloat16))]
    versions = [skts.__version__, torch.__version__]
    what = [cls.__module__, cls.__qualname__, parameters, shapes, seed, *place, *versions]
    digest = hashlib.sha256(json.dumps(what).encode())
    arrays = [array for part in (data, valid) if part is not None for array in part.arrays()]
    if previous is not None:
        arrays += [tensor.cpu().numpy() for tensor in previous.module_.state_dict().values()]
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        for row in array if array.ndim else [array]:  # of what may be more than memory holds
            digest.update(np.ascontiguousarray(row))
    folder = Path(options.checkpoint_dir)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{cls.__name__}-{digest.hexdigest()[:16]}.checkpoint"


def _shapes(network):
    """Of the weights of the untrained module that `network` makes, by name, without memory."""
    with torch.device("meta"):
        return {name: weight.shape for name, weight in network().state_dict().items()}


def made_net(options, make_net, network, device, callbacks, *, max_epochs):
    """The skorch net around a new network, ready to be trained or given weights."""
    net = make_net(
        network(),
        lr=options.lr,
        max_epochs=max_epochs,
        batch_size=int(options.batch_size),
        device=str(device),
        autocast=autocast_dtype(options.precision, device, options._fast_in_bfloat16),
        compile=bool(options.compile),
        callbacks=callbacks,
        **_optimizer_arguments(options, device),
    ).initialize()
    net.architecture_ = options._architecture()  # however the options change later
    return net


def net_with_weights(options, make_net, network, weights, epochs):
    """The fitted skorch net of an estimator that was stored.

    Raises ValueError where the weights are not those of the network.
    """
    device = resolve_device(options.device)
    # ahead of memory for weights that are not there
    if _shapes(network) != {name: weight.shape for name, weight in weights.items()}:
        raise ValueError(
            "the weights are of another architecture than the options give; options that were "
            "changed since fit must be set back"
        )
    with seeded(0, device):  # what is drawn is not kept
        n_epochs = int(options.max_epochs)
        net = made_net(options, make_net, network, device, [], max_epochs=n_epochs)
    net.take_weights(weights, epochs)
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
