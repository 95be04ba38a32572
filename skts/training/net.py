"""The skorch nets behind the estimators."""

import contextlib
import copy
import warnings
from collections.abc import Mapping

import torch
from skorch import NeuralNet, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import LRScheduler
from skorch.dataset import get_len
from skorch.helper import predefined_split
from skorch.history import History as History

from skts.augment import augmented
from skts.device import is_out_of_memory, on_device
from skts.layers import batch_norms, flatten_recurrent, output_layer
from skts.training.batches import Batches, SeriesDataset
from skts.training.callbacks import OWN_CALLBACKS, BestWeights, Progress, overrides
from skts.training.checkpoint import Checkpoint
from skts.training.cuda_graph import CapturedStep, capturable
from skts.training.interrupts import Interrupts

#: Values in a batch without gradients, if batch_size series have fewer. On the CPU, the output of a
#: layer then fits into the processor's cache, and needs no more memory than training.
EVALUATION_VALUES = {"cpu": 2**13, "cuda": 2**20}
#: Largest number of series in such a batch, as a multiple of batch_size. So a lower batch_size also
#: takes less memory in prediction.
EVALUATION_BATCHES = 64
#: Hooks within an epoch. Only callbacks that override one of them are called.
BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")


class EarlyStop(Exception):
    """Raised inside a net when a callback ends training; its argument can be the reason."""


class SeriesNet(NeuralNet):
    """Base of the nets below: weighted loss, autocast, interruptible and faster training.

    Batches are ``({"x", "lengths", "sample_weight"}, y)``; the module gets the first two. Losses
    are read from the device once per epoch, unless a callback of the user has a hook within the
    epoch. On CUDA, the whole step is captured in a graph if the optimiser is capturable and there
    are no callbacks of the user, which could change the step.
    """

    #: Whether a series must have the same prediction alone as in a batch.
    _is_alike_alone = True

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
        augment=None,
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
        self.augment = augment
        self.captured_step_ = self.interrupts_ = None  # only set while training runs
        self.hooked_ = {}  # within an epoch: the callbacks that override each of BATCH_HOOKS
        self.n_epochs_done_ = 0  # epochs of this training in the checkpoint that it continues
        self.round_ = 0  # refinement round, from 1 on
        self.stopped_ = None  # reason why the last training stopped early

    def torch_compile(self, module, name):
        if self.compile and name == "module":
            module.compile(**self.get_params_for("compile"))  # in place, so that weight names stay
        return module

    def initialize_optimizer(self, *args, **kwargs):
        super().initialize_optimizer(*args, **kwargs)
        for group in self.optimizer_.param_groups:  # schedulers that resume a history need it
            group["initial_lr"] = group["lr"]
        return self

    def _users_callbacks(self):
        own = {type(callback) for _, callback in self._default_callbacks}
        own |= OWN_CALLBACKS | {Checkpoint}
        return [callback for _, callback in self.callbacks_ if type(callback) not in own]

    def _is_watched(self):
        """Return whether a callback of the user has a hook within an epoch."""
        return any(overrides(callback, *BATCH_HOOKS) for callback in self._users_callbacks())

    def fit_loop(self, X, y=None, epochs=None, **kwargs):
        epochs = (self.max_epochs if epochs is None else epochs) - self.n_epochs_done_
        try:
            with self._capturing() if self._can_capture(epochs) else contextlib.nullcontext():
                return super().fit_loop(X, y, epochs, **kwargs)
        finally:
            self.n_epochs_done_ = 0

    def _can_capture(self, epochs):
        """Return whether to capture the training step in a CUDA graph."""
        on_cuda = torch.device(self.device).type == "cuda"
        takes_graphs = "capturable" in self.optimizer_.defaults
        return on_cuda and takes_graphs and epochs > 1 and not self._users_callbacks()

    @contextlib.contextmanager
    def _capturing(self):
        device = torch.device(self.device)
        with capturable(self.optimizer_, device):
            self.captured_step_ = CapturedStep(super().train_step, device)
            try:
                yield
            finally:
                self.captured_step_ = None

    def train_step(self, batch, **fit_params):
        if self.captured_step_ is None:
            return super().train_step(batch, **fit_params)
        return self.captured_step_(batch)

    def train_step_single(self, batch, **fit_params):
        inputs, target = batch
        if self.augment is not None:
            inputs = inputs | {"x": augmented(augment=self.augment, **self.read_of(inputs))}
        return super().train_step_single((inputs, target), **fit_params)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        if training and len(self.history) > 1:
            self.history[-2]["batches"] = []  # no longer read
        callbacks = [callback for _, callback in self.callbacks_]
        self.hooked_ = {hook: [c for c in callbacks if overrides(c, hook)] for hook in BATCH_HOOKS}
        try:
            if iterator is None or self._is_watched():
                super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            else:
                self._run_unwatched_epoch(iterator, training, prefix, step_fn, **fit_params)
        finally:
            self.hooked_ = {}

    def _run_unwatched_epoch(self, iterator, training, prefix, step_fn, **fit_params):
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
        options = {"batch_size": self.n_at_once(dataset)}
        return self.iterator_valid(dataset, **(options | self.get_params_for("iterator_valid")))

    def n_at_once(self, dataset):
        at_once = EVALUATION_VALUES[dataset.device.type] // dataset.values_in_each
        return max(self.batch_size, min(at_once, EVALUATION_BATCHES * self.batch_size))

    def initialize_module(self):
        # skorch would train the given instance. With a copy, `module` stays untrained on the CPU,
        # and can be unpickled on machines without the training device.
        self.module_ = copy.deepcopy(self.module)
        return self

    def infer(self, x, **fit_params):
        """Return the output for a batch. If memory runs out in evaluation, halve the batch."""
        return self.by_halves(lambda part: self.infer_at_once(part, **fit_params), x)

    def by_halves(self, call, x):
        """Return `call` of a batch. If memory runs out in evaluation, call it for each half."""
        try:
            return call(x)
        except (RuntimeError, MemoryError) as error:
            n = get_len(x)
            if self.module_.training or n == 1 or not is_out_of_memory(error):
                raise
        # outside the except block, so that the tensors of the failed call are freed
        halves = slice(0, n // 2), slice(n // 2, n)
        parts = [{name: tensor[half] for name, tensor in x.items()} for half in halves]
        return torch.cat([self.by_halves(call, part) for part in parts])

    def read_of(self, x):
        """Return the part of a batch that the module reads, on the device."""
        given = (name for name in ("x", "lengths") if name in x)
        return {name: x[name].to(self.device, non_blocking=True) for name in given}

    def infer_at_once(self, x, **fit_params):
        """Return the output for a batch, from a single call of the module."""
        if isinstance(x, Mapping):
            x = self.read_of(x)
            if self._is_alike_alone and len(x["x"]) == 1 and not self.module_.training:
                # torch's CPU convolutions round differently for a batch of one series
                twice = {name: tensor.repeat_interleave(2, dim=0) for name, tensor in x.items()}
                return self.infer_at_once(twice, **fit_params)[:1]
        with self._autocast():
            return super().infer(x, **fit_params).float()

    @contextlib.contextmanager
    def _autocast(self):
        device, dtype = torch.device(self.device).type, self.autocast
        with torch.autocast(device, dtype=dtype or torch.bfloat16, enabled=dtype is not None):
            yield
        if dtype is not None:  # inside a user's autocast, torch would keep the rounded weights
            torch.clear_autocast_cache()

    def get_loss(self, y_pred, y_true, X=None, training=False):
        y_true = y_true.to(y_pred.device, non_blocking=True)
        losses = super().get_loss(y_pred, y_true, X=X, training=training)
        if isinstance(X, Mapping) and "sample_weight" in X:
            losses = losses * X["sample_weight"].to(losses.device, non_blocking=True)
        return losses.mean()

    def _set_training(self, training=True):
        # skorch calls this at every step. Callbacks of the user can change the mode of a submodule.
        if self.module_.training is not training or self._users_callbacks():
            super()._set_training(training)
            for norm in batch_norms(self.module_, frozen=True):
                norm.eval()

    def on_epoch_begin(self, *args, **kwargs):
        super().on_epoch_begin(*args, **kwargs)
        self.history.record("round", self.round_)

    def on_epoch_end(self, *args, **kwargs):
        # it is a tensor on CUDA; schedulers of the user record their own values
        self.history.record("event_lr", float(self.optimizer_.param_groups[0]["lr"]))

    def notify(self, method_name, **kwargs):
        # a KeyboardInterrupt by a skorch callback ends training; one by the user ends the program
        try:
            if method_name in self.hooked_:
                for target in (self, *self.hooked_[method_name]):
                    getattr(target, method_name)(self, **kwargs)
            else:
                super().notify(method_name, **kwargs)
        except KeyboardInterrupt as error:
            if self.interrupts_ is None:
                raise
            self.interrupts_.check()
            raise EarlyStop(*error.args) from error
        if self.interrupts_ is not None:
            self.interrupts_.check()

    def partial_fit(self, X, y=None, classes=None, **fit_params):
        if not self.initialized_:
            self.initialize()
        try:
            with Interrupts() as self.interrupts_, on_device(torch.device(self.device)):
                self._run(X, y, **fit_params)
        except BaseException:
            for _, callback in self.callbacks_:
                if isinstance(callback, Progress):
                    callback.close()
            raise
        finally:
            self.interrupts_ = None
        return self

    def _run(self, X, y, **fit_params):
        self.stopped_ = None
        try:
            self.notify("on_train_begin", X=X, y=y)
            self.fit_loop(X, y, **fit_params)
        except EarlyStop as stop:
            self.stopped_ = f"stopped: {stop}" if stop.args else "stopped by a callback"
        with contextlib.suppress(EarlyStop):  # training has already ended
            self.notify("on_train_end", X=X, y=y)
        self._set_training(False)
        if self.history:
            self.history[-1]["batches"] = []

    def fit_on(self, training, validation):
        """Train for `max_epochs` more epochs; `validation` is a SeriesDataset or None."""
        self.train_split = None if validation is None else predefined_split(validation)
        self.partial_fit(training)
        self.train_split = None  # do not keep the validation data

    def release(self):
        """Free gradients, copies of weights and compiled code, which only training needs."""
        self._zero_grad_optimizer()
        self.module_._compiled_call_impl = None
        for _, callback in self.callbacks_:
            if isinstance(callback, BestWeights):
                callback.initialize()
            elif isinstance(callback, LRScheduler):
                callback.lr_scheduler_ = None

    def copied_for_hooks(self):
        """Return this trained net with a copy of its module, to which hooks can be added."""
        net = object.__new__(type(self))  # skorch's own copy would pickle the optimiser too
        vars(net).update(vars(self), module_=copy.deepcopy(self.module_))
        flatten_recurrent(net.module_)
        return net

    def without_head(self):
        """Return this trained net with a copy of its module that lacks the output layer.

        Its outputs are not converted to probabilities.
        """
        net = self.copied_for_hooks()
        name, _ = output_layer(net.module_)
        if name is None:
            raise TypeError(
                "transform needs a network whose last layer is linear, but "
                f"{type(net.module_).__name__} has no torch.nn.Linear"
            )

        net.module_.set_submodule(name, torch.nn.Identity())
        net.predict_nonlinearity = None
        return net

    def __setstate__(self, state):
        device = torch.device(state["device"])
        n_present = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if device.type == "cuda" and 0 < n_present <= (device.index or 0):
            warnings.warn(
                f"the net was on {device}, but torch sees {n_present} CUDA device(s) here: it is "
                "loaded to cuda:0",
                RuntimeWarning,
                stacklevel=2,
            )
            state = state | {"device": "cuda:0"}
        super().__setstate__(state)
        if "module_" in vars(self):
            flatten_recurrent(self.module_)


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


class ForecasterNet(SeriesNet, NeuralNetRegressor):
    """The skorch net behind a forecaster, with an output and a target at every time point.

    Targets are standardised, and NaN if they are missing. ``module.forward_with_state(x, state)``
    returns outputs and the next state, so a sequence can be processed in parts.
    """

    _is_alike_alone = False  # for a few long sequences, not many series

    def get_loss(self, y_pred, y_true, X=None, training=False):
        y_true = y_true.to(y_pred.device, non_blocking=True)
        is_known = ~torch.isnan(y_true)
        losses = self.criterion_(y_pred, torch.where(is_known, y_true, y_pred.detach()))
        return losses.sum() / is_known.sum()

    @torch.no_grad()
    def outputs(self, x, state=None):
        """Return the output for one sequence, float64 (C, T) -> (n_outputs, T), and the next state.

        `state` is the state after the time points before.
        """
        x = torch.as_tensor(x, dtype=torch.float32, device=self.device)
        with self._autocast():
            outputs, state = self.module_.forward_with_state(x[None], state)
        return outputs[0].double().cpu().numpy(), state


def probabilities(logits):
    """Return the softmax in double precision, because scikit-learn expects rows to sum to 1."""
    return torch.softmax(logits.double(), dim=-1)
