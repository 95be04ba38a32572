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

#: Values in one batch where nothing is differentiated and batch_size series have fewer: on the CPU
#: as many as let a layer's output stay near the processor, and take no more memory than training.
EVALUATION_VALUES = {"cpu": 2**13, "cuda": 2**20}
#: Series in such a batch at most, as a multiple of batch_size: a lower one then takes less memory.
EVALUATION_BATCHES = 64
#: Hooks within an epoch: only callbacks that have one are called.
BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")


class EarlyStop(Exception):
    """Raised inside a net when a callback asks for the end of training; it may say why."""


class SeriesNet(NeuralNet):
    """What the nets below add to skorch: weighted loss, autocast, interruptible training, speed.

    Batches come as ``({"x", "lengths", "sample_weight"}, y)``; the module sees the first two.
    Losses are read from the device once in an epoch, unless a callback of the user's has a hook
    that runs within one. On CUDA the whole step is captured in a graph, where the optimiser can be
    and no callback is the user's: it could change what the graph would repeat.
    """

    #: A series must not be predicted differently alone than among others.
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
        self.captured_step_ = self.interrupts_ = None  # of the training that runs
        self.hooked_ = {}  # within an epoch, the callbacks that have each of BATCH_HOOKS
        self.n_epochs_done_ = 0  # of it, before it was taken up again
        self.round_ = 0  # 1 and more: of the refinement rounds
        self.stopped_ = None  # why the last training ended ahead of its last epoch, in words

    def torch_compile(self, module, name):
        if self.compile and name == "module":
            module.compile(**self.get_params_for("compile"))  # in place: the weights' names stay
        return module

    def initialize_optimizer(self, *args, **kwargs):
        super().initialize_optimizer(*args, **kwargs)
        for group in self.optimizer_.param_groups:  # schedulers that go on behind a history need it
            group["initial_lr"] = group["lr"]
        return self

    def _users_callbacks(self):
        own = {type(callback) for _, callback in self._default_callbacks}
        own |= OWN_CALLBACKS | {Checkpoint}
        return [callback for _, callback in self.callbacks_ if type(callback) not in own]

    def _is_watched(self):
        """Whether a callback of the user's looks into the epochs."""
        return any(overrides(callback, *BATCH_HOOKS) for callback in self._users_callbacks())

    def fit_loop(self, X, y=None, epochs=None, **kwargs):
        epochs = (self.max_epochs if epochs is None else epochs) - self.n_epochs_done_
        try:
            with self._capturing() if self._can_capture(epochs) else contextlib.nullcontext():
                return super().fit_loop(X, y, epochs, **kwargs)
        finally:
            self.n_epochs_done_ = 0

    def _can_capture(self, epochs):
        """Whether so many epochs are worth a graph, and nothing but the step would have to be."""
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
            self.history[-2]["batches"] = []  # nothing reads them any more
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
        # skorch would train the instance that it was given; this way `module` stays the untrained
        # network on the CPU, which unpickles on machines without the device trained on
        self.module_ = copy.deepcopy(self.module)
        return self

    def infer(self, x, **fit_params):
        """What the module gives for a batch; in evaluation by halves where memory runs out."""
        return self.by_halves(lambda part: self.infer_at_once(part, **fit_params), x)

    def by_halves(self, call, x):
        """`call` of a batch; in evaluation by halves where memory runs out."""
        try:
            return call(x)
        except (RuntimeError, MemoryError) as error:
            n = get_len(x)
            if self.module_.training or n == 1 or not is_out_of_memory(error):
                raise
        # out here nothing holds on to what the failed call has made
        halves = slice(0, n // 2), slice(n // 2, n)
        parts = [{name: tensor[half] for name, tensor in x.items()} for half in halves]
        return torch.cat([self.by_halves(call, part) for part in parts])

    def read_of(self, x):
        """What the module reads of a batch, on the device."""
        given = (name for name in ("x", "lengths") if name in x)
        return {name: x[name].to(self.device, non_blocking=True) for name in given}

    def infer_at_once(self, x, **fit_params):
        """What the module gives, in one call of it."""
        if isinstance(x, Mapping):
            x = self.read_of(x)
            if self._is_alike_alone and len(x["x"]) == 1 and not self.module_.training:
                # torch's CPU convolutions round otherwise for a batch of one than for all others
                twice = {name: tensor.repeat_interleave(2, dim=0) for name, tensor in x.items()}
                return self.infer_at_once(twice, **fit_params)[:1]
        with self._autocast():
            return super().infer(x, **fit_params).float()

    @contextlib.contextmanager
    def _autocast(self):
        device, dtype = torch.device(self.device).type, self.autocast
        with torch.autocast(device, dtype=dtype or torch.bfloat16, enabled=dtype is not None):
            yield
        if dtype is not None:  # torch itself keeps rounded weights if a user's autocast is around
            torch.clear_autocast_cache()

    def get_loss(self, y_pred, y_true, X=None, training=False):
        y_true = y_true.to(y_pred.device, non_blocking=True)
        losses = super().get_loss(y_pred, y_true, X=X, training=training)
        if isinstance(X, Mapping) and "sample_weight" in X:
            losses = losses * X["sample_weight"].to(losses.device, non_blocking=True)
        return losses.mean()

    def _set_training(self, training=True):
        # skorch asks at every step; a callback of the user's may have set a part of the module
        if self.module_.training is not training or self._users_callbacks():
            super()._set_training(training)
            for norm in batch_norms(self.module_, frozen=True):
                norm.eval()

    def on_epoch_begin(self, *args, **kwargs):
        super().on_epoch_begin(*args, **kwargs)
        self.history.record("round", self.round_)

    def on_epoch_end(self, *args, **kwargs):
        # on CUDA it is a tensor; schedulers of the user's record what they make of it themselves
        self.history.record("event_lr", float(self.optimizer_.param_groups[0]["lr"]))

    def notify(self, method_name, **kwargs):
        # skorch callbacks end training with KeyboardInterrupt; the user's ends the program
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
        with contextlib.suppress(EarlyStop):  # it has ended
            self.notify("on_train_end", X=X, y=y)
        self._set_training(False)
        if self.history:
            self.history[-1]["batches"] = []

    def fit_on(self, training, validation):
        """Train on one SeriesDataset, beside another or None, for `max_epochs` more epochs."""
        self.train_split = None if validation is None else predefined_split(validation)
        self.partial_fit(training)
        self.train_split = None  # the net must not carry the validation data away

    def release(self):
        """Let go of what only training needs: gradients, copies of weights, compiled code."""
        self._zero_grad_optimizer()
        self.module_._compiled_call_impl = None
        for _, callback in self.callbacks_:
            if isinstance(callback, BestWeights):
                callback.initialize()
            elif isinstance(callback, LRScheduler):
                callback.lr_scheduler_ = None

    def copied_for_hooks(self):
        """The same trained net around a copy of its module, for hooks and modes of one's own."""
        net = object.__new__(type(self))  # skorch's own copying pickles, the optimiser too
        vars(net).update(vars(self), module_=copy.deepcopy(self.module_))
        flatten_recurrent(net.module_)
        return net

    def without_head(self):
        """The same trained net around a copy of its module that gives what the output layer reads.

        Its outputs are not turned into probabilities.
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
                f"the net lay on {device}, torch sees {n_present} CUDA device(s) here: it goes to "
                "cuda:0",
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
    """The skorch net behind a forecaster: an output and a target at every time point.

    Targets are standardised, NaN where there is none. The module may be called in parts:
    ``module(x, state=state)`` gives outputs and the next state.
    """

    _is_alike_alone = False  # it has a few long sequences, not many series

    def get_loss(self, y_pred, y_true, X=None, training=False):
        y_true = y_true.to(y_pred.device, non_blocking=True)
        is_known = ~torch.isnan(y_true)
        losses = self.criterion_(y_pred, torch.where(is_known, y_true, y_pred.detach()))
        return losses.sum() / is_known.sum()

    @torch.no_grad()
    def outputs(self, x, state=None):
        """What the trained module gives for one sequence, float64 arrays (C, T) -> (n_outputs, T).

        Also the state to go on from; `state` is what it gave for the time points before.
        """
        x = torch.as_tensor(x, dtype=torch.float32, device=self.device)
        with self._autocast():
            outputs, state = self.module_.forward_with_state(x[None], state)
        return outputs[0].double().cpu().numpy(), state


def probabilities(logits):
    """Softmax in double precision, so that rows sum to one as scikit-learn expects."""
    return torch.softmax(logits.double(), dim=-1)
