"""The skorch nets behind the estimators."""

import contextlib
import copy
import math
from collections.abc import Mapping

import torch
from skorch import NeuralNet, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import LRScheduler
from skorch.dataset import get_len
from skorch.helper import predefined_split

from skts._callbacks import OWN_CALLBACKS, BestWeights, overrides
from skts._checkpoint import Checkpoint, add_epochs
from skts._tensors import Batches, CapturedStep, SeriesDataset

#: Values in one batch where nothing is differentiated and batch_size series have fewer: on the CPU
#: as many as let a layer's output stay near the processor, and take no more memory than training.
EVALUATION_VALUES = {"cpu": 2**13, "cuda": 2**20}


class EarlyStop(Exception):
    """Raised inside a net when a callback asks for the end of training."""


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
        self.n_epochs_done_ = 0  # of it, before it was taken up again

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
        own = {type(callback) for _, callback in self._default_callbacks}
        own |= OWN_CALLBACKS | {Checkpoint}
        return [callback for _, callback in self.callbacks_ if type(callback) not in own]

    def _is_watched(self):
        """Whether a callback of the user's looks into the epochs."""
        hooks = "on_batch_begin", "on_batch_end", "on_grad_computed"
        return any(overrides(callback, *hooks) for callback in self._users_callbacks())

    def fit_loop(self, X, y=None, epochs=None, **kwargs):
        on_cuda = torch.device(self.device).type == "cuda"
        can_capture = on_cuda and self.optimizer_.defaults.get("capturable")
        if can_capture and self.max_epochs > 1 and not self._users_callbacks():
            self.captured_step_ = CapturedStep(super().train_step)
        try:
            epochs = (self.max_epochs if epochs is None else epochs) - self.n_epochs_done_
            return super().fit_loop(X, y, epochs, **kwargs)
        finally:
            self.captured_step_, self.n_epochs_done_ = None, 0

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
        options = {"batch_size": self._n_at_once(dataset)}
        return self.iterator_valid(dataset, **(options | self.get_params_for("iterator_valid")))

    def _n_at_once(self, dataset):
        at_once = EVALUATION_VALUES[dataset.device.type] // dataset.values_in_each
        return max(self.batch_size, at_once)

    def initialize_module(self):
        # skorch would train the instance that it was given; this way `module` stays the untrained
        # network on the CPU, which unpickles on machines without the device trained on
        self.module_ = copy.deepcopy(self.module)
        return self

    def infer(self, x, **fit_params):
        if isinstance(x, Mapping):
            given = (name for name in ("x", "lengths") if name in x)
            x = {name: x[name].to(self.device, non_blocking=True) for name in given}
            if self._is_alike_alone and len(x["x"]) == 1 and not self.module_.training:
                # torch's CPU convolutions round otherwise for a batch of one than for all others
                twice = {name: tensor.repeat_interleave(2, dim=0) for name, tensor in x.items()}
                return self.infer(twice, **fit_params)[:1]
        with self._autocast():
            return super().infer(x, **fit_params).float()

    def _autocast(self):
        return torch.autocast(
            torch.device(self.device).type,
            dtype=self.autocast or torch.bfloat16,
            enabled=self.autocast is not None,
        )

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
        if not norms:
            return
        before = [(norm.momentum, norm.num_batches_tracked.clone()) for norm in norms]
        for norm in norms:
            norm.momentum = 1.0  # the last batch alone
            norm.train()  # dropout stays off
        n_batches = math.ceil(len(training) / self._n_at_once(training))
        # equal ones of all kinds of series: deeper layers see them normalised batch by batch
        batches = Batches(training, math.ceil(len(training) / n_batches), shuffle=True)
        totals = dict.fromkeys(norms, 0.0)  # of the means and of the mean squares
        n_all = 0
        for inputs, _ in batches:
            self.infer(inputs)
            n_values = inputs["lengths"].sum() if "lengths" in inputs else inputs["x"][:, 0].numel()
            n_all += n_values
            for norm in norms:
                mean, var = norm.running_mean.double(), norm.running_var.double()
                totals[norm] += n_values * torch.stack([mean, var + mean**2])
        for norm, (momentum, n_seen) in zip(norms, before, strict=True):
            mean, square = totals[norm] / n_all
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(square - mean**2)
            norm.momentum = momentum
            norm.num_batches_tracked.copy_(n_seen)
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

    def aside(self):
        """The same trained net around a copy of its module, for hooks and modes of one's own."""
        net = object.__new__(type(self))  # skorch's own copying pickles, the optimiser too
        vars(net).update(vars(self), module_=copy.deepcopy(self.module_))
        for module in net.module_.modules():
            if isinstance(module, torch.nn.RNNBase):
                module.flatten_parameters()  # cuDNN wants them side by side
        return net

    def take_weights(self, weights, epochs):
        """Be the net that was trained to these weights in these epochs, dicts."""
        self.module_.load_state_dict(weights)
        add_epochs(self.history, epochs)
        self._set_training(False)
        self.release()

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


class ForecasterNet(SeriesNet, NeuralNetRegressor):
    """The skorch net behind a forecaster: an output and a target at every time point.

    Targets are standardised, NaN where there is none. The module may be called in parts:
    ``module(x, state=state)`` gives outputs and the next state.
    """

    _is_alike_alone = False  # it has a few long sequences, not many series

    def get_loss(self, y_pred, y_true, X=None, training=False):
        y_true = y_true.to(y_pred.device)
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
            outputs, state = self.module_.continued(x[None], state)
        return outputs[0].double().cpu().numpy(), state


def probabilities(logits):
    """Softmax in double precision, so that rows sum to one as scikit-learn expects."""
    return torch.softmax(logits.double(), dim=-1)
