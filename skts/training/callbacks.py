"""Callbacks of the skorch nets, which implement the training options."""

import copy
import math
import sys
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from skorch.utils import noop
from torch.optim.lr_scheduler import ReduceLROnPlateau
from tqdm import TqdmWarning

with warnings.catch_warnings():
    # without ipywidgets, the bar in a notebook is text, which needs no warning
    warnings.simplefilter("ignore", TqdmWarning)
    from tqdm.auto import tqdm

LOSSES = ("train_loss", "valid_loss")

#: Least relative decrease of the held-out loss in a cycle for another cycle to follow.
LEAST_GAIN = 0.02

#: Callbacks that skorch accepts: an instance, a class or a (name, callback) pair.
CallbackOrClass = Callback | type[Callback]
Callbacks = Sequence[CallbackOrClass | tuple[str, CallbackOrClass]]


def is_callback(item):
    """Return whether skorch accepts `item`: an instance, a class or a (name, callback) pair."""
    named = isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)
    callback = item[1] if named else item
    return isinstance(callback, Callback) or (
        isinstance(callback, type) and issubclass(callback, Callback)
    )


def overrides(callback, *hooks):
    """Return whether a callback overrides one of the hooks, in its class or on the instance."""
    methods = ((getattr(callback, hook), getattr(Callback, hook)) for hook in hooks)
    return any(getattr(own, "__func__", own) is not skorchs for own, skorchs in methods)


class DivergenceCheck(Callback):
    """Raises ValueError when a loss is not finite."""

    def __init__(self, or_else=""):
        self.or_else = or_else  # remedy besides a lower learning rate

    def on_epoch_end(self, net, **kwargs):
        last = net.history[-1]
        for name in LOSSES:
            if name in last and not np.isfinite(last[name]):
                raise ValueError(
                    f"training diverged: the {name} of epoch {len(net.history)} is {last[name]}. "
                    f"Lower lr (now {net.lr:g}){self.or_else}."
                )


class BestWeights(Callback):
    """Keeps the weights with the lowest `monitor`, and restores them when training ends."""

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
        if self.weights_ is not None:  # None if training ended within its first epoch
            net.module_.load_state_dict(self.weights_)


class OneCycle(Callback):
    """One-cycle learning rate with the maximum `net.lr`, in one cycle or several.

    The learning rate rises from lr / 25 over the first 30 % of the steps of a cycle, then falls to
    lr / 250,000, along cosines (Smith, 2018, in the form of fast.ai). In cycles of fewer than four
    steps, it is `net.lr`.
    """

    def __init__(self, first_cycle=None):
        self.first_cycle = first_cycle

    def on_train_begin(self, net, X=None, **kwargs):
        self.n_batches_ = len(net.get_iterator(net.get_dataset(X), training=True))
        self.cycles_ = cycle_lengths(net.max_epochs, self.first_cycle)
        self.n_cycles_ = len(self.cycles_)
        self.step_ = 0  # within a cycle

    def on_batch_begin(self, net, training=False, **kwargs):
        if not training:
            return
        rate = net.lr * one_cycle(self.step_, self.n_batches_ * self.cycles_[0])
        self.step_ += 1
        for group in net.optimizer_.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def on_epoch_end(self, net, **kwargs):
        net.history.record("cycle", 1 + self.n_cycles_ - len(self.cycles_))
        if self.step_ == self.n_batches_ * self.cycles_[0]:
            self.cycles_, self.step_ = self.cycles_[1:], 0


def cycle_lengths(n_epochs, first):
    """Return the epochs of each cycle: each is twice the one before, and the last has the rest."""
    if first is None or n_epochs < 3 * first:  # no room for a second cycle
        return [n_epochs]
    return [first, *cycle_lengths(n_epochs - first, 2 * first)]


def one_cycle(step, n_steps):
    """Return the learning rate of a step, as a fraction of the highest."""
    if n_steps < 4:  # too short for a cycle, whose first and last learning rates are very low
        return 1.0
    peak, last = 0.3 * n_steps - 1, n_steps - 1
    if step < peak:
        start, done = 1 / 25, step / peak
    else:
        start, done = 1 / 250_000, (last - step) / (last - peak)
    return start + (1 - start) * (1 - math.cos(math.pi * done)) / 2


class Progress(Callback):
    """A progress bar with the epochs of the current cycle, the loss and the remaining time.

    The bar ends full unless training failed. If training stopped early, the reason follows. The
    bar is a widget in notebooks with ipywidgets, and text on stderr otherwise.
    """

    def __init__(self, label):
        self.label = label

    def initialize(self):
        self.bar_ = None
        return self

    def on_epoch_begin(self, net, **kwargs):
        total = net.max_epochs
        for _, callback in net.callbacks_:
            if isinstance(callback, OneCycle):
                total -= sum(callback.cycles_[1:])  # later cycles may not be needed
        if self.bar_ is None:
            self.bar_ = tqdm(
                total=total,
                initial=net.n_epochs_done_,
                desc=f"{self.label}, round {net.round_}" if net.round_ else self.label,
                unit=" epoch",
                file=sys.stderr,
            )
        self._set_total(total)

    def on_epoch_end(self, net, **kwargs):
        last = net.history[-1]
        self.bar_.set_postfix({n: last[n] for n in LOSSES if n in last}, refresh=False)
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        if self.bar_ is None:
            return
        stream = self.bar_.fp
        if net.stopped_ is not None:
            self._set_total(self.bar_.n)
        self.close()
        if net.stopped_ is not None:
            print(net.stopped_, file=stream)

    def close(self):
        """Close the bar in its present state."""
        if self.bar_ is not None:
            self.bar_.close()
            self.bar_ = None

    def _set_total(self, total):
        if total == self.bar_.total:
            return
        self.bar_.total = total
        if "container" in vars(self.bar_):  # in a notebook, tqdm sets the maximum only at the start
            self.bar_.container.children[1].max = total
        self.bar_.refresh()


class Plateau(LRScheduler):
    """The scheduler of skts; its class distinguishes it from a scheduler of the user."""


def plateau(options, monitor):
    """Return the scheduler for the plateau options of `options`."""
    return Plateau(
        policy=ReduceLROnPlateau,
        event_name=None,  # the net records the learning rate
        monitor=monitor,
        factor=options.plateau_factor,
        patience=options.plateau_patience - 1,  # torch reduces one epoch later than Keras
        min_lr=options.min_lr,
        threshold=1e-4,
        threshold_mode="abs",
    )


class TargetLoss(Callback):
    """Ends training after the first cycle whose last training loss is at most `target`."""

    def __init__(self, target):
        self.target = target

    def on_epoch_end(self, net, **kwargs):
        (schedule,) = (c for _, c in net.callbacks_ if isinstance(c, OneCycle))
        loss = net.history[-1, "train_loss"]
        is_last = len(net.history) == net.max_epochs
        if schedule.step_ == 0 and loss <= self.target and not is_last:
            # skorch's own early stopping raises this too
            raise KeyboardInterrupt(f"training loss {loss:.3g} <= {self.target:g}")


class NoGain(Callback):
    """Ends training after the first cycle that lowers the held-out loss by less than `LEAST_GAIN`.

    The decrease is relative to the loss after the cycle before. For the first cycle, it is relative
    to the loss of the constant prediction 0, the mean of the standardised targets.
    """

    def __init__(self, loss_of_zero):
        self.loss_of_zero = loss_of_zero

    def on_train_begin(self, net, **kwargs):
        self.ended_after_ = None  # number of epochs after which this callback ended training
        (schedule,) = (c for _, c in net.callbacks_ if isinstance(c, OneCycle))
        lengths = cycle_lengths(net.max_epochs, schedule.first_cycle)
        self.ends_ = np.cumsum(lengths).tolist()

    def on_epoch_end(self, net, **kwargs):
        n_done = len(net.history)
        if n_done not in self.ends_:
            return
        n_before = [0, *self.ends_][self.ends_.index(n_done)]
        before = net.history[n_before - 1, "valid_loss"] if n_before else self.loss_of_zero
        if net.history[-1, "valid_loss"] > (1 - LEAST_GAIN) * before:
            self.ended_after_ = n_done
            raise KeyboardInterrupt(f"held-out loss fell by less than {LEAST_GAIN:.0%}")


class Patience(EarlyStopping):
    """skorch's early stopping, with the reason in the exception."""

    def on_epoch_end(self, net, **kwargs):
        try:
            super().on_epoch_end(net, **kwargs)
        except KeyboardInterrupt as error:
            time = "an epoch" if self.patience == 1 else f"{self.patience} epochs"
            raise KeyboardInterrupt(f"no lower {self.monitor} for {time}") from error


def early_stopping(monitor, patience):
    """Return a callback that ends training after `patience` epochs without a lower `monitor`."""
    return Patience(monitor=monitor, patience=patience, threshold=0, sink=noop)


#: Callbacks that skts adds to skorch's default callbacks.
OWN_CALLBACKS = {
    DivergenceCheck,
    BestWeights,
    OneCycle,
    Plateau,
    Progress,
    TargetLoss,
    NoGain,
    Patience,
    EarlyStopping,
}


def callbacks_of(options, *, validated, chooses_an_epoch):
    """Return the named callbacks for the options of a training, in the order of their calls."""
    monitor = "valid_loss" if validated else "train_loss"
    first, last = [("divergence", DivergenceCheck(options._divergence_remedy))], []
    if chooses_an_epoch:
        first.append(("best_weights", BestWeights(options.restore_best or "train_loss")))
    if options.lr_schedule == "one_cycle":
        target = target_loss_of(options)
        first.append(("lr_schedule", OneCycle(None if target is None else options.first_cycle)))
        if target is not None:
            last.append(("target_loss", TargetLoss(target)))
    elif options.lr_schedule == "plateau":
        first.append(("lr_schedule", plateau(options, monitor)))
    if options.verbose:
        first.append(("progress", Progress(options._progress_label or type(options).__name__)))
    if options.early_stopping_patience is not None:
        last.append(("early_stopping", early_stopping(monitor, options.early_stopping_patience)))
    return [*first, *(options.callbacks or []), *last]


def target_loss_of(options):
    """Return the target loss; "auto" depends on the kind of estimator and on other options."""
    if options.target_loss != "auto":
        return options.target_loss
    ends_otherwise = options.early_stopping_patience is not None or options.fine_tune_rounds > 0
    return None if ends_otherwise else options._auto_target_loss
