"""The bar of verbose=1: where training stands in its cycles, and why it ended."""

import re
import signal
import subprocess
import sys

import pytest
from skorch.callbacks import Callback, EarlyStopping
from tqdm.auto import tqdm

import skts
from skts.training.checkpoint import Checkpoint
from tests import forecasts
from tests.recording import X, Y
from tests.settings import small

#: What tqdm takes for the kernel of a notebook, in which ipywidgets is not installed.
NOTEBOOK = """
import sys, types
class ZMQInteractiveShell: pass
sys.modules |= {name: types.ModuleType(name) for name in ("IPython", "ipykernel.zmqshell")}
sys.modules["IPython"].get_ipython = ZMQInteractiveShell
sys.modules["ipywidgets"] = None
from skts.training.callbacks import tqdm
tqdm(total=2, desc="LSTMFCNClassifier", unit=" epoch").close()
"""
CYCLES = {"max_epochs": 14, "first_cycle": 2}  # 2, 4 and 8 epochs


def fitted(cls=skts.LSTMFCNClassifier, **options):
    return small(cls, **({"verbose": 1, "max_epochs": 4} | options)).fit(X, Y)


@pytest.fixture
def shown(capsys):
    """Of each bar its label, states of it, and what follows it; nothing went to stdout."""

    def read():
        out, err = capsys.readouterr()
        assert out == ""
        assert err == "" or err.endswith("\n")
        bars = []
        for line in err.split("\n")[:-1]:
            states = [
                (int(n), int(total)) for n, total in re.findall(r"(\d+)/(\d+) \[\d\d:\d\d<", line)
            ]
            if states:
                bars.append((line.strip("\r").partition(":")[0], states, []))
            else:
                bars[-1][2].append(line)
        return bars

    return read


def test_nothing_is_shown_unless_asked(shown):
    fitted(verbose=0)
    assert shown() == []


def test_epochs_losses_and_time(capsys):
    fitted(validation_fraction=0.2)
    out, err = capsys.readouterr()
    last = err.split("\r")[-1]
    assert re.search(r"^LSTMFCNClassifier: 100%.*4/4 \[.*<.*train_loss=.*valid_loss=.*\]\n$", last)
    assert out == ""


@pytest.mark.full
def test_a_notebook_without_widgets_shows_text_and_no_warning():
    command = [sys.executable, "-W", "error", "-c", NOTEBOOK]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.search(r"^LSTMFCNClassifier: .*0/2 \[00:00<\?, \? epoch/s\]\n$", done.stderr, re.M)
    assert done.stdout == ""


def test_the_end_is_that_of_the_cycle(shown):
    fitted(target_loss=0.0, **CYCLES)
    ((label, states, behind),) = shown()
    assert label == "LSTMFCNClassifier"
    assert {(0, 2), (2, 6), (6, 14)} <= set(states)
    assert states[-1] == (14, 14)
    assert behind == []


def test_it_says_that_the_target_is_reached(shown):
    clf = fitted(target_loss=10.0, **CYCLES)
    ((_, states, behind),) = shown()
    assert states[-1] == (2, 2)
    assert behind == [f"stopped: training loss {clf.history_[-1, 'train_loss']:.3g} <= 10"]


def test_a_target_reached_by_the_last_epoch_ends_nothing(shown):
    fitted(target_loss=10.0, **CYCLES | {"max_epochs": 2})
    ((_, states, behind),) = shown()
    assert states[-1] == (2, 2)
    assert behind == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"validation_fraction": 0.25}, "stopped: no lower valid_loss for 2 epochs"),
        ({"early_stopping_patience": 1}, "stopped: no lower train_loss for an epoch"),
    ],
)
def test_it_says_that_patience_ended(options, reason, shown):
    patience = {"early_stopping_patience": 2, "lr": 0.2, "lr_schedule": None, "max_epochs": 200}
    n_epochs = len(fitted(**patience | options).history_)
    ((_, states, behind),) = shown()
    assert states[-1] == (n_epochs, n_epochs)
    assert n_epochs < 200
    assert behind == [reason]


def ending(hook, *words):
    def end(self, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt(*words)

    return type("Ending", (Callback,), {hook: end})()


@pytest.mark.parametrize(
    ("callback", "reason"),
    [
        (ending("on_epoch_end"), "stopped by a callback"),
        (ending("on_batch_end"), "stopped by a callback"),
        (ending("on_epoch_end", "it rains"), "stopped: it rains"),
        (EarlyStopping("train_loss", patience=1, threshold=99.0), "stopped by a callback"),
    ],
)
def test_it_says_that_a_callback_ended_training(callback, reason, shown):
    fitted(callbacks=[callback])
    ((_, states, behind),) = shown()
    assert states[-1] in [(1, 1), (2, 2)]
    assert behind == [reason]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_it_is_closed_where_training_fails(error, shown, monkeypatch):
    def fail(self, net, **kwargs):
        if error is KeyboardInterrupt:
            signal.raise_signal(signal.SIGINT)
        raise error

    failing = type("Failing", (Callback,), {"on_batch_begin": fail})()
    with pytest.raises(error):
        fitted(callbacks=[failing])
    assert len(tqdm._instances) == 0
    ((_, states, behind),) = shown()
    assert set(states) == {(0, 4)}
    assert behind == []


def test_each_round_of_refinement_has_its_own(shown):
    fitted(fine_tune_rounds=2, max_epochs=2)
    assert [(label, states[-1]) for label, states, _ in shown()] == [
        ("LSTMFCNClassifier", (2, 2)),
        ("LSTMFCNClassifier, round 1", (2, 2)),
        ("LSTMFCNClassifier, round 2", (2, 2)),
    ]


def test_a_refit_has_its_own(shown):
    options = {"lr_schedule": None, "validation_fraction": 0.2, "refit": True, "lr": 0.1}
    est = forecasts.small(verbose=1, early_stopping_patience=1, max_epochs=50, **options)
    est.fit(forecasts.Y)
    (_, first, why), (_, second, behind) = shown()
    assert first[-1][0] == first[-1][1] < 50
    assert why == ["stopped: no lower valid_loss for an epoch"]
    assert second[-1] == (len(est.history_), len(est.history_))
    assert behind == []


@pytest.mark.parametrize("n_rounds", [0, 1])
def test_a_training_that_is_resumed_starts_where_it_was(n_rounds, shown, tmp_path, monkeypatch):
    monkeypatch.setattr(Checkpoint, "SHARE", 0)
    whole, written = Checkpoint.on_epoch_end, []

    def on_epoch_end(self, net, **kwargs):
        whole(self, net, **kwargs)
        written.append(net)
        if len(written) == 3 + 4 * n_rounds:
            raise OSError("no more")

    options = {"checkpoint_dir": tmp_path, "fine_tune_rounds": n_rounds}
    monkeypatch.setattr(Checkpoint, "on_epoch_end", on_epoch_end)
    with pytest.raises(OSError, match="no more"):
        fitted(**options)
    shown()
    fitted(**options)
    ((label, states, _),) = shown()
    assert label == "LSTMFCNClassifier" + ", round 1" * n_rounds
    assert states[0] == (3, 4)
    assert states[-1] == (4, 4)
