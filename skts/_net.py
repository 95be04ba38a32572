"""The skorch nets behind the estimators, and their callbacks. The only import of skorch."""

import contextlib
import copy
import sys
from collections.abc import Mapping

import numpy as np
import torch
from skorch import NeuralNet, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from skorch.helper import predefined_split
from skorch.utils import noop
from torch.optim.lr_scheduler import ConstantLR, OneCycleLR, ReduceLROnPlateau
from tqdm.auto import tqdm

from skts._tensors import Batches, SeriesDataset

LOSSES = ("train_loss", "valid_loss")
EVALUATION_VALUES = 2**16  # in one batch of prediction, where batch_size series have fewer


def is_callback(item):
    """Whether skorch would take `item` as a callback: an instance, a class or a named pair."""
    named = isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)
    callback = item[1] if named else item
    return isinstance(callback, Callback) or (
        isinstance(callback, type) and issubclass(callback, Callback)
    )


class EarlyStop(Exception):
    """Raised inside a net when a callback asks for the end of training."""


class SeriesNet(NeuralNet):
    """What the nets below add to skorch: weighted loss, autocast, interruptible training.

    Batches come as ``({"x", "lengths", "sample_weight"}, y)``; the module sees the first two.
    """

    def __init__(
        self,
        *args,
        criterion__reduction="none",
        iterator_train=Batches,
        iterator_train__shuffle=True,
        iterator_valid=Batches,
        dataset=SeriesDataset,
        train_split=None,
        verbose=0,
        autocast=None,
        **kwargs,
    ):
        super().__init__(
            *args,
            criterion__reduction=criterion__reduction,
            iterator_train=iterator_train,
            iterator_train__shuffle=iterator_train__shuffle,
            iterator_valid=iterator_valid,
            dataset=dataset,
            train_split=train_split,
            verbose=verbose,
            **kwargs,
        )
        self.autocast = autocast

    def get_iterator(self, dataset, training=False):
        if training:
            return super().get_iterator(dataset, training=True)
        n_values = dataset.inputs["x"][0].numel()
        return self.iterator_valid(dataset, max(self.batch_size, EVALUATION_VALUES // n_values))

    def initialize_module(self):
        # skorch would train the instance that it was given; this way `module` stays the untrained
        # network on the CPU, which unpickles on machines without the device trained on
        self.module_ = copy.deepcopy(self.module)
        return self

    def infer(self, x, **fit_params):
        if isinstance(x, Mapping):
            x = {name: x[name] for name in ("x", "lengths") if name in x}
            if len(x["x"]) == 1 and not self.module_.training:
                # torch's CPU convolutions round otherwise for a batch of one than for all others:
                # a series must not be predicted differently alone than among others
                twice = {name: tensor.repeat_interleave(2, dim=0) for name, tensor in x.items()}
                return self.infer(twice, **fit_params)[:1]
        with torch.autocast(
            torch.device(self.device).type,
            dtype=self.autocast or torch.bfloat16,
            enabled=self.autocast is not None,
        ):
            return super().infer(x, **fit_params).float()

    def get_loss(self, y_pred, y_true, X=None, training=False):
        losses = super().get_loss(y_pred, y_true, X=X, training=training)
        if isinstance(X, Mapping) and "sample_weight" in X:
            losses = losses * X["sample_weight"].to(losses.device)
        return losses.mean()

    def notify(self, method_name, **kwargs):
        # skorch callbacks end training with KeyboardInterrupt; a user's Ctrl-C between callbacks
        # must instead end the program
        try:
            super().notify(method_name, **kwargs)
        except KeyboardInterrupt as error:
            raise EarlyStop from error

    def partial_fit(self, X, y=None, classes=None, **fit_params):
        if not self.initialized_:
            self.initialize()
        with contextlib.suppress(EarlyStop):
            self.notify("on_train_begin", X=X, y=y)
            self.fit_loop(X, y, **fit_params)
        self.notify("on_train_end", X=X, y=y)
        self._set_training(False)
        return self

    def fit_on(self, training, validation):
        """Train on one SeriesDataset, beside another or None, for `max_epochs` more epochs."""
        self.train_split = None if validation is None else predefined_split(validation)
        self.partial_fit(training)
        self.train_split = None  # the net must not carry the validation data away

    def release(self):
        """Let go of what only training needs: copies of the weights and of the optimiser."""
        for _, callback in self.callbacks_:
            if isinstance(callback, BestWeights):
                callback.initialize()
            elif isinstance(callback, LRScheduler):
                callback.lr_scheduler_ = None

    def continue_from(self, previous, *, with_optimizer):
        """Take over the weights of another net; the optimiser's state and history on demand."""
        try:
            self.module_.load_state_dict(previous.module_.state_dict())
        except RuntimeError as error:
            raise ValueError(
                "training can only go on in the same architecture: the fitted network has other "
                "weights than the present options give. Undo the change, or fit anew "
                "(warm_start=False)."
            ) from error
        if with_optimizer:
            if type(self.optimizer_) is type(previous.optimizer_):
                state = copy.deepcopy(previous.optimizer_.state_dict()["state"])
                self.optimizer_.load_state_dict(self.optimizer_.state_dict() | {"state": state})
            self.history.extend(previous.history)


class ClassifierNet(SeriesNet, NeuralNetClassifier):
    """The skorch net behind a classifier; its labels are class indices."""

    def __init__(
        self, *args, criterion=torch.nn.CrossEntropyLoss, predict_nonlinearity=None, **kwargs
    ):
        nonlinearity = predict_nonlinearity or probabilities
        super().__init__(*args, criterion=criterion, predict_nonlinearity=nonlinearity, **kwargs)


class RegressorNet(SeriesNet, NeuralNetRegressor):
    """The skorch net behind a regressor; its targets are standardised."""

    def get_loss(self, y_pred, y_true, X=None, training=False):
        return super().get_loss(y_pred.squeeze(1), y_true, X=X, training=training)


def probabilities(logits):
    """Softmax in double precision, so that rows sum to one as scikit-learn expects."""
    return torch.softmax(logits.double(), dim=-1)


class DivergenceCheck(Callback):
    """Ends training with a ValueError once the loss is no number any more."""

    def on_epoch_end(self, net, **kwargs):
        last = net.history[-1]
        for name in LOSSES:
            if name in last and not np.isfinite(last[name]):
                raise ValueError(
                    f"training diverged: the {name} of epoch {len(net.history)} is {last[name]}. "
                    f"Lower lr (now {net.lr:g}) or bring the series to a common scale "
                    "(normalize='series')."
                )


class BestWeights(Callback):
    """Keeps the weights of the lowest `monitor` and puts them back when training ends."""

    def __init__(self, monitor):
        self.monitor = monitor

    def initialize(self):
        self.loss_, self.weights_ = np.inf, None
        return self

    def on_epoch_end(self, net, **kwargs):
        loss = net.history[-1, self.monitor]
        if loss < self.loss_:
            self.loss_, self.weights_ = loss, copy.deepcopy(net.module_.state_dict())

    def on_train_end(self, net, **kwargs):
        if self.weights_ is not None:  # where training ended within its first epoch there is none
            net.module_.load_state_dict(self.weights_)


class OneCycle(LRScheduler):
    """One-cycle learning rate over all steps of a training call, `net.lr` at its highest."""

    def __init__(self):
        super().__init__(policy=OneCycleLR, step_every="batch")

    def on_train_begin(self, net, X=None, **kwargs):
        n_steps = net.max_epochs * len(net.get_iterator(X, training=True))
        if n_steps < 4:  # no room for a cycle: its first and last steps are next to nothing
            self.lr_scheduler_ = ConstantLR(net.optimizer_, factor=1.0)
        else:
            self.lr_scheduler_ = OneCycleLR(
                net.optimizer_, max_lr=net.lr, total_steps=n_steps, cycle_momentum=False
            )


class Progress(Callback):
    """A bar on stderr: epochs done, loss, remaining time."""

    def __init__(self, label):
        self.label = label

    def on_train_begin(self, net, **kwargs):
        self.bar_ = tqdm(total=net.max_epochs, desc=self.label, unit="epoch", file=sys.stderr)

    def on_epoch_end(self, net, **kwargs):
        last = net.history[-1]
        self.bar_.set_postfix({n: last[n] for n in LOSSES if n in last}, refresh=False)
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        self.bar_.close()
        self.bar_ = None


def plateau(options, monitor):
    """Reduces the learning rate as the plateau options of `options` say."""
    return LRScheduler(
        policy=ReduceLROnPlateau,
        monitor=monitor,
        factor=options.plateau_factor,
        patience=options.plateau_patience - 1,  # torch cuts an epoch later than Keras
        min_lr=options.min_lr,
        threshold=1e-4,
        threshold_mode="abs",
    )


def early_stopping(monitor, patience):
    """Ends training after `patience` epochs without a lower `monitor`."""
    return EarlyStopping(monitor=monitor, patience=patience, threshold=0, sink=noop)
