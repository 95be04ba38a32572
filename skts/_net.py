"""The skorch nets behind the estimators, and their callbacks. The only import of skorch."""

import contextlib
import copy
import math
import sys
from collections.abc import Mapping

import numpy as np
import torch
from skorch import NeuralNet, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from skorch.dataset import get_len
from skorch.helper import predefined_split
from skorch.utils import noop
from torch.optim.lr_scheduler import ReduceLROnPlateau
from tqdm.auto import tqdm

from skts._tensors import Batches, CapturedStep, SeriesDataset

LOSSES = ("train_loss", "valid_loss")
#: Values in one batch of prediction, where batch_size series have fewer: on the CPU as many as let
#: a layer's output stay near the processor.
EVALUATION_VALUES = {"cpu": 2**14, "cuda": 2**20}
RECOMPUTED_VALUES = 2**16  # in one batch, likewise, of which batch normalisation takes averages


def is_callback(item):
    """Whether skorch would take `item` as a callback: an instance, a class or a named pair."""
    named = isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)
    callback = item[1] if named else item
    return isinstance(callback, Callback) or (
        isinstance(callback, type) and issubclass(callback, Callback)
    )


def _overrides(callback, *hooks):
    return any(getattr(type(callback), hook) is not getattr(Callback, hook) for hook in hooks)


class EarlyStop(Exception):
    """Raised inside a net when a callback asks for the end of training."""


class SeriesNet(NeuralNet):
    """What the nets below add to skorch: weighted loss, autocast, interruptible training, speed.

    Batches come as ``({"x", "lengths", "sample_weight"}, y)``; the module sees the first two.
    Losses are read from the device once in an epoch, unless a callback of the user's has a hook
    that runs within one. On CUDA the whole step is captured in a graph, where the optimiser can be
    and no callback is the user's: it could change what the graph would repeat.
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
        self.captured_step_ = None  # of the training that runs

    def torch_compile(self, module, name):
        if self.compile and name == "module":
            module.compile(**self.get_params_for("compile"))  # in place: the weights' names stay
        return module

    def initialize_optimizer(self, *args, **kwargs):
        super().initialize_optimizer(*args, **kwargs)
        if self.optimizer_.defaults.get("capturable"):
            for group in self.optimizer_.param_groups:  # a number would be frozen in the graph
                group["lr"] = torch.as_tensor(group["lr"], device=self.device)
        return self

    def _users_callbacks(self):
        own = {type(callback) for _, callback in self._default_callbacks} | OWN_CALLBACKS
        return [callback for _, callback in self.callbacks_ if type(callback) not in own]

    def _is_watched(self):
        """Whether a callback of the user's looks into the epochs."""
        hooks = "on_batch_begin", "on_batch_end", "on_grad_computed"
        return any(_overrides(callback, *hooks) for callback in self._users_callbacks())

    def fit_loop(self, *args, **kwargs):
        on_cuda = torch.device(self.device).type == "cuda"
        can_capture = on_cuda and self.optimizer_.defaults.get("capturable")
        if can_capture and self.max_epochs > 1 and not self._users_callbacks():
            self.captured_step_ = CapturedStep(super().train_step)
        try:
            return super().fit_loop(*args, **kwargs)
        finally:
            self.captured_step_ = None

    def train_step(self, batch, **fit_params):
        if self.captured_step_ is None:
            return super().train_step(batch, **fit_params)
        return self.captured_step_(batch)

    def _zero_grad_optimizer(self, set_to_none=True):
        super()._zero_grad_optimizer(set_to_none)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        if iterator is None or self._is_watched():
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            return
        losses = []
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            losses.append(step["loss"].detach())
            self.history.record_batch(f"{prefix}_batch_size", get_len(batch[0]))
            self.notify("on_batch_end", batch=batch, training=training, **step)
        batches = self.history[-1]["batches"][-len(losses) :]
        for batch, loss in zip(batches, torch.stack(losses).tolist(), strict=True):
            batch[f"{prefix}_loss"] = loss
        self.history.record(f"{prefix}_batch_count", len(losses))

    def get_iterator(self, dataset, training=False):
        if training:
            return super().get_iterator(dataset, training=True)
        at_once = EVALUATION_VALUES[dataset.device.type] // dataset.values_in_each
        options = {"batch_size": max(self.batch_size, at_once)}
        return self.iterator_valid(dataset, **(options | self.get_params_for("iterator_valid")))

    def initialize_module(self):
        # skorch would train the instance that it was given; this way `module` stays the untrained
        # network on the CPU, which unpickles on machines without the device trained on
        self.module_ = copy.deepcopy(self.module)
        return self

    def infer(self, x, **fit_params):
        if isinstance(x, Mapping):
            given = (name for name in ("x", "lengths") if name in x)
            x = {name: x[name].to(self.device, non_blocking=True) for name in given}
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

    @torch.no_grad()
    def recompute_norms(self, training):
        """Batch normalisation's averages anew, over all training series, for the final weights."""
        modules = self.module_.modules()
        norms = [module for module in modules if isinstance(module, torch.nn.BatchNorm1d)]
        before = [(norm.momentum, norm.num_batches_tracked.clone()) for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # all batches count alike
            norm.train()  # dropout stays off
        if norms:
            size = max(self.batch_size, RECOMPUTED_VALUES // training.values_in_each)
            n_batches = math.ceil(len(training) / size)
            # equal ones of all kinds of series, since they count alike
            for inputs, _ in Batches(training, math.ceil(len(training) / n_batches), shuffle=True):
                self.infer(inputs)
        for norm, (momentum, n_batches) in zip(norms, before, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked.copy_(n_batches)
            norm.eval()

    def release(self):
        """Let go of what only training needs: gradients, copies of weights, compiled code."""
        self._zero_grad_optimizer()
        self.module_._compiled_call_impl = None
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


class OneCycle(Callback):
    """One-cycle learning rate over all steps of a training call, `net.lr` at its highest.

    Up from lr / 25 over the first 30 % of the steps, then down to lr / 250,000, along cosines
    (Smith, 2018, in the form of fast.ai). Fewer than four steps are taken at `net.lr`.
    """

    def on_train_begin(self, net, X=None, **kwargs):
        batches = net.get_iterator(net.get_dataset(X), training=True)
        self.n_steps_ = net.max_epochs * len(batches)
        self.step_ = 0

    def on_batch_begin(self, net, training=False, **kwargs):
        if not training:
            return
        rate = net.lr * one_cycle(self.step_, self.n_steps_)
        self.step_ += 1
        net.history.record_batch("event_lr", rate)
        for group in net.optimizer_.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate


def one_cycle(step, n_steps):
    """The learning rate of a step, as a part of the highest."""
    if n_steps < 4:  # no room for a cycle: its first and last steps are next to nothing
        return 1.0
    peak, last = 0.3 * n_steps - 1, n_steps - 1
    if step < peak:
        start, done = 1 / 25, step / peak
    else:
        start, done = 1 / 250_000, (last - step) / (last - peak)
    return start + (1 - start) * (1 - math.cos(math.pi * done)) / 2


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


class Plateau(LRScheduler):
    """A scheduler that records numbers; on CUDA the learning rate is a tensor."""

    def on_epoch_end(self, net, **kwargs):
        super().on_epoch_end(net, **kwargs)
        net.history.record("event_lr", float(net.history[-1, "event_lr"]))


def plateau(options, monitor):
    """Reduces the learning rate as the plateau options of `options` say."""
    return Plateau(
        policy=ReduceLROnPlateau,
        monitor=monitor,
        factor=options.plateau_factor,
        patience=options.plateau_patience - 1,  # torch cuts an epoch later than Keras
        min_lr=options.min_lr,
        threshold=1e-4,
        threshold_mode="abs",
    )


#: What the package puts beside skorch's default callbacks.
OWN_CALLBACKS = {DivergenceCheck, BestWeights, OneCycle, Plateau, EarlyStopping, Progress}


def early_stopping(monitor, patience):
    """Ends training after `patience` epochs without a lower `monitor`."""
    return EarlyStopping(monitor=monitor, patience=patience, threshold=0, sink=noop)
