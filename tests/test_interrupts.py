"""Ctrl-C: a user's interrupt ends the call, wherever it comes, and leaves what was there."""

import _thread
import contextlib
import gc
import os
import signal
import sys
import threading

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback, EpochScoring

import skts
from skts.training.callbacks import DivergenceCheck
from skts.training.checkpoint import Checkpoint
from skts.training.interrupts import Interrupts
from tests import forecasts
from tests.settings import small

X = np.random.default_rng(0).normal(size=(24, 2, 12))
Y = np.arange(24) % 2
HOOKS = [
    "on_train_begin",
    "on_epoch_begin",
    "on_batch_begin",
    "on_grad_computed",
    "on_batch_end",
    "on_epoch_end",
    "on_train_end",
]
SIGNALS = {
    "raise_signal": lambda: signal.raise_signal(signal.SIGINT),
    "interrupt_main": _thread.interrupt_main,
    "kill": lambda: os.kill(os.getpid(), signal.SIGINT),
}


def interrupt():
    signal.raise_signal(signal.SIGINT)


def swallow():
    with contextlib.suppress(KeyboardInterrupt):
        interrupt()


def turn_into_another():
    try:
        interrupt()
    except BaseException as error:
        raise OSError("disk full") from error


def take_for_an_end():
    try:
        interrupt()
    except KeyboardInterrupt:
        raise KeyboardInterrupt from None


class Interrupting:
    """Is interrupted while it is collected, where Python ignores it."""

    def __del__(self):
        interrupt()


def at(hook, act, n=1):
    """A callback that acts when a hook is called for the n-th time."""
    called = []

    def call(self, net, **kwargs):
        called.append(hook)
        if len(called) == n:
            act()

    return type("At", (Callback,), {hook: call})()


def fitted(**options):
    return small(skts.FCNClassifier, **({"max_epochs": 2} | options)).fit(X, Y)


def same_weights(a, b):
    ours, theirs = (est.net_.module_.state_dict().values() for est in (a, b))
    return all(map(torch.equal, ours, theirs))


@pytest.fixture(autouse=True)
def handler():
    """Python's own handler, and none of ours behind a test."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


class Moments:
    """Interrupts a call at its n-th event: the call or the return of a function, or of torch's."""

    def __init__(self, n=None):
        self.n, self.seen = n, 0

    def __call__(self, frame, event, argument):
        self.seen += 1
        if self.seen == self.n:
            sys.setprofile(None)
            interrupt()

    @contextlib.contextmanager
    def within(self):
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(None)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # see Interrupting
@pytest.mark.parametrize("kind", ["scored", "checkpoint"])
def test_twenty_interrupts_at_random_moments(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(Checkpoint, "SHARE", 0)  # a file after every epoch

    def untrained():
        options = {"max_epochs": 2, "validation_fraction": 0.25}
        if kind == "checkpoint":
            return small(skts.FCNClassifier, checkpoint_dir=tmp_path, **options)
        return small(skts.FCNClassifier, callbacks=[EpochScoring("f1")], **options)

    trained, whole = [], DivergenceCheck.on_epoch_end

    def on_epoch_end(self, net, **kwargs):
        whole(self, net, **kwargs)
        trained.append(len(net.history))

    monkeypatch.setattr(DivergenceCheck, "on_epoch_end", on_epoch_end)
    expected = untrained().fit(X, Y)
    gc.collect()  # what earlier tests left behind would be counted
    counted = []
    for _ in range(2):  # the first may do what is done but once
        counting = Moments()
        with counting.within():
            untrained().fit(X, Y)
        counted.append(counting.seen)
    kept = []
    for n in np.random.default_rng(0).integers(1, int(0.98 * min(counted)), size=20):
        clf, moments = untrained(), Moments(n)
        before = dict(vars(clf))
        with pytest.raises(KeyboardInterrupt), moments.within():
            clf.fit(X, Y)
        assert moments.seen == n
        assert vars(clf) == before
        kept.append([file.suffix for file in tmp_path.iterdir()])
        trained.clear()
        clf.fit(X, Y)
        assert (trained != [1, 2]) == (kept[-1] != [])
        assert same_weights(clf, expected)
        assert list(tmp_path.iterdir()) == []
    assert [".checkpoint"] in kept or kind == "scored"
    assert all(files in ([], [".checkpoint"]) for files in kept)


@pytest.mark.parametrize("way", SIGNALS)
@pytest.mark.parametrize("hook", HOOKS)
def test_an_interrupt_in_a_callback_is_no_end_of_training(hook, way):
    clf = small(skts.FCNClassifier, max_epochs=2, callbacks=[at(hook, SIGNALS[way])])
    before = dict(vars(clf))
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, Y)
    assert vars(clf) == before


@pytest.mark.parametrize("act", [swallow, turn_into_another, take_for_an_end])
@pytest.mark.parametrize("hook", HOOKS)
def test_what_a_callback_swallows_is_raised_after_it(hook, act):
    later = []
    callbacks = [at(hook, act), at("on_epoch_end", lambda: later.append(hook), n=2)]
    clf = fitted()
    before = dict(vars(clf))
    with pytest.raises(KeyboardInterrupt):
        clf.set_params(callbacks=callbacks).fit(X, Y)
    assert vars(clf) == before | {"callbacks": callbacks}
    assert later == ([hook] if hook == "on_train_end" else [])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("hook", HOOKS)
def test_what_python_ignores_is_raised_in_the_end(hook):
    with pytest.raises(KeyboardInterrupt):
        fitted(callbacks=[at(hook, Interrupting)])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_is_swallowed_behind_the_training_is_raised(monkeypatch):
    release = skts.training.net.SeriesNet.release
    monkeypatch.setattr(
        skts.training.net.SeriesNet, "release", lambda net: release(net) or Interrupting()
    )
    clf = small(skts.FCNClassifier, max_epochs=1)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, Y)
    assert not hasattr(clf, "net_")


def forecaster(**options):
    return forecasts.small(max_epochs=1, **options)


def update(callbacks):
    known = forecaster().fit(forecasts.Y[:50])
    known.callbacks = callbacks
    known.update(forecasts.Y[50:])


def pretrain(callbacks):
    both = forecasts.panel(("a", forecasts.Y), ("b", 2 * forecasts.Y))
    forecaster(callbacks=callbacks).pretrain(both)


def ensemble(callbacks):
    small(skts.SeedEnsembleClassifier, max_epochs=1, callbacks=callbacks).fit(X, Y)


def search(callbacks):
    member = small(skts.FCNClassifier, max_epochs=1, callbacks=callbacks)
    GridSearchCV(member, {"lr": [0.1, 0.01]}, cv=2, error_score=0.0).fit(X, Y)


REFIT = {"max_epochs": 2, "validation_fraction": 0.2, "lr_schedule": None, "refit": True}
CALLS = {
    "a classifier": lambda callbacks: fitted(callbacks=callbacks),
    "a regressor": lambda c: small(skts.FCNRegressor, max_epochs=1, callbacks=c).fit(X, X[:, 0, 0]),
    "partial_fit": lambda c: small(skts.FCNClassifier, callbacks=c).partial_fit(X, Y, [0, 1]),
    "an ensemble": ensemble,
    "a grid search": search,
    "a forecaster": lambda callbacks: forecaster(callbacks=callbacks).fit(forecasts.Y),
    "fit_predict": lambda c: forecaster(callbacks=c).fit_predict(forecasts.Y, fh=[1]),
    "update": update,
    "pretrain": pretrain,
}


@pytest.mark.parametrize("call", CALLS)
def test_every_call_that_trains_is_interrupted(call):
    with pytest.raises(KeyboardInterrupt):
        CALLS[call]([at("on_epoch_end", swallow)])


@pytest.mark.parametrize("n", [1, 2, 3])
def test_refinement_rounds_and_refits_are_interrupted(n):
    with pytest.raises(KeyboardInterrupt):
        fitted(max_epochs=1, fine_tune_rounds=2, callbacks=[at("on_epoch_begin", interrupt, n)])
    with pytest.raises(KeyboardInterrupt):
        forecasts.small(**REFIT, callbacks=[at("on_epoch_begin", interrupt, n)]).fit(forecasts.Y)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_net_itself_is_interrupted(hook):
    net = fitted().net_
    net.callbacks_ = [*net.callbacks_, ("mine", at(hook, swallow))]
    with pytest.raises(KeyboardInterrupt):
        net.partial_fit(X.astype(np.float32), Y)


def test_files_of_all_trainings_stay_until_the_last_has_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(Checkpoint, "SHARE", 0)
    est = forecasts.small(**REFIT, checkpoint_dir=tmp_path)
    whole, written = Checkpoint.on_epoch_end, []

    def on_epoch_end(self, net, **kwargs):
        whole(self, net, **kwargs)
        written.append(len(list(tmp_path.iterdir())))
        if written[-1] == 2:
            interrupt()

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "on_epoch_end", on_epoch_end)
        with pytest.raises(KeyboardInterrupt):
            est.fit(forecasts.Y)
    assert written == [1, 1, 2]
    assert same_weights(est.fit(forecasts.Y), forecasts.small(**REFIT).fit(forecasts.Y))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("X_ahead", [None, forecasts.X[:1]])
def test_a_forecaster_that_cannot_forecast_is_not_fitted(X_ahead, tmp_path, monkeypatch):
    """Nor is what its training could go on from gone: X reaches not as far as the horizon."""
    monkeypatch.setattr(Checkpoint, "SHARE", 0)
    est = forecasts.small(max_epochs=1, checkpoint_dir=tmp_path)
    before = dict(vars(est))
    with pytest.raises(ValueError, match="X"):
        est.fit_predict(forecasts.Y, X=forecasts.X, fh=[1, 2], X_pred=X_ahead)
    assert vars(est) == before
    assert len(list(tmp_path.iterdir())) == 1
    forecast = est.fit_predict(forecasts.Y[:50], X=forecasts.X, fh=[1])
    assert forecast.equals(est.fit(forecasts.Y[:50], X=forecasts.X).predict([1], forecasts.X[50:]))
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("hook", HOOKS)
def test_callbacks_end_training_as_those_of_skorch_do(hook):
    def end():
        raise KeyboardInterrupt

    clf = fitted(max_epochs=5, callbacks=[at(hook, end)])
    assert clf.predict_proba(X).shape == (24, 2)
    assert len(clf.history_) == {"on_train_begin": 0, "on_train_end": 5}.get(hook, 1)


class TestOtherHandlers:
    @pytest.fixture(autouse=True)
    @staticmethod
    def pythons_own_afterwards(handler):
        yield
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def test_one_that_does_not_raise_is_called_and_that_is_all(self):
        called = []
        signal.signal(signal.SIGINT, lambda signum, frame: called.append(signum))
        clf = fitted(callbacks=[at("on_batch_end", interrupt)])
        assert called == [signal.SIGINT]
        assert same_weights(clf, fitted())

    def test_what_one_raises_is_what_fit_raises(self):
        class Mine(Exception):
            pass

        def handle(signum, frame):
            raise Mine

        def swallow_mine():
            with contextlib.suppress(Mine):
                interrupt()

        signal.signal(signal.SIGINT, handle)
        for act in (interrupt, swallow_mine):
            with pytest.raises(Mine):
                fitted(callbacks=[at("on_epoch_end", act)])

        def end():
            raise KeyboardInterrupt

        assert len(fitted(callbacks=[at("on_epoch_end", end)]).history_) == 1

    def test_that_interrupts_are_ignored_stays(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        fitted(callbacks=[at("on_epoch_end", interrupt)])
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN

    def test_what_a_callback_installs_stays(self):
        def handle(signum, frame):
            pass

        fitted(callbacks=[at("on_epoch_end", lambda: signal.signal(signal.SIGINT, handle))])
        assert signal.getsignal(signal.SIGINT) is handle


def test_another_thread_is_not_interrupted():
    reached, go_on, done = threading.Event(), threading.Event(), []

    def wait():
        reached.set()
        assert go_on.wait(60)

    def fit():
        done.append(fitted(callbacks=[at("on_batch_end", wait)]))

    thread = threading.Thread(target=fit)
    thread.start()
    assert reached.wait(60)
    with pytest.raises(KeyboardInterrupt):
        interrupt()
    go_on.set()
    thread.join(60)
    assert same_weights(*done, fitted())


def test_one_in_the_moment_of_noting_leaves_the_handler(monkeypatch):
    install = signal.signal

    def install_and_be_interrupted(*args):
        install(*args)
        monkeypatch.undo()
        interrupt()

    monkeypatch.setattr(signal, "signal", install_and_be_interrupted)
    with pytest.raises(KeyboardInterrupt), Interrupts():
        pytest.fail("the block must not be entered")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_no_moment_of_a_block_leaves_its_handler():
    class InBlocks(Moments):
        def __call__(self, frame, event, argument):
            if frame.f_code.co_filename == Interrupts.__init__.__code__.co_filename:
                super().__call__(frame, event, argument)

    def blocks():
        with Interrupts(), Interrupts():
            pass

    counting = InBlocks()
    with counting.within():
        blocks()
    for n in range(1, counting.seen + 1):
        with pytest.raises(KeyboardInterrupt), InBlocks(n).within():
            blocks()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, n
