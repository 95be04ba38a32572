"""A process that is forked while a thread fits."""

import multiprocessing
import sys
import threading

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

import skts
from tests import forecasts
from tests.settings import small

X = np.random.default_rng(0).normal(size=(12, 2, 12))
Y = np.arange(12) % 2
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="forks"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),  # of Python 3.12 on
]


class Waiting(Callback):
    """Lets a training wait in its first epoch, where torch draws and computes nothing."""

    def __init__(self):
        self.reached, self.go_on = threading.Event(), threading.Event()

    def on_epoch_end(self, net, **kwargs):
        self.reached.set()
        assert self.go_on.wait(60)


def classifier(callbacks=None):
    clf = small(skts.FCNClassifier, max_epochs=1, callbacks=callbacks).fit(X, Y)
    return clf.predict_proba(X)


def forecast():
    return forecasts.small(max_epochs=1).fit(forecasts.Y).predict(forecasts.FH).to_numpy()


def loaded(path):
    return skts.load(path).predict_proba(X)


def in_child(call, *args):
    """What a call gives in a forked process."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)

    def send():
        torch.set_num_threads(1)
        theirs.send((call(*args), torch.get_default_dtype()))

    process = context.Process(target=send)
    process.start()
    try:
        assert ours.poll(60), "the child waits"
        return ours.recv()
    finally:
        process.kill()
        process.join(60)


@pytest.fixture
def fitting():
    """A thread that is in the midst of a fit."""
    waiting = Waiting()
    thread = threading.Thread(target=classifier, args=([waiting],))
    thread.start()
    assert waiting.reached.wait(60)
    yield
    waiting.go_on.set()
    thread.join(60)
    assert not thread.is_alive()


@pytest.mark.parametrize("call", [classifier, forecast])
def test_the_child_fits(call, request):
    expected = call()
    request.getfixturevalue("fitting")
    found, _ = in_child(call)
    np.testing.assert_array_equal(found, expected)


def test_the_child_reads_files(tmp_path, request):
    clf = small(skts.FCNClassifier, max_epochs=1).fit(X, Y)
    clf.save(tmp_path / "clf")
    request.getfixturevalue("fitting")
    found, _ = in_child(loaded, tmp_path / "clf")
    np.testing.assert_array_equal(found, clf.predict_proba(X))


@pytest.fixture
def in_float64():
    """The user's default type of numbers; the fixture ends after the thread that fits."""
    torch.set_default_dtype(torch.float64)
    yield
    assert torch.get_default_dtype() == torch.float64
    torch.set_default_dtype(torch.float32)


def test_the_child_has_the_users_default_type(in_float64, fitting):
    assert torch.get_default_dtype() == torch.float32  # one for the process
    _, dtype = in_child(classifier)
    assert dtype == torch.float64


def test_a_fork_within_a_fit_goes_on_with_it():
    class Forking(Callback):
        def on_epoch_end(self, net, **kwargs):
            found.append(in_child(classifier)[0])

    found = []
    expected = classifier()
    np.testing.assert_array_equal(classifier([Forking()]), expected)
    np.testing.assert_array_equal(found[0], expected)
