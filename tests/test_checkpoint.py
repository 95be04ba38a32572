"""Training that was ended from outside goes on where it was."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from skorch.callbacks import EpochTimer

import skts
from skts.discovery import all_estimators
from skts.forecasting import LSTMForecaster
from skts.persistence.files import read_file, to_plain, write_file
from skts.training.checkpoint import Checkpoint
from tests import forecasts
from tests.settings import is_ensemble, is_solved, small

X = np.random.default_rng(0).normal(size=(24, 2, 12))
Y = np.array(["no", "yes"])[np.arange(24) % 2]
CLASSES = [
    pytest.param(cls, id=name)
    for name, cls in all_estimators(["classifier", "regressor"])
    if not is_ensemble(cls) and not is_solved(cls)
]
PLATEAU = {
    "lr_schedule": "plateau",
    "plateau_patience": 2,
    "validation_fraction": 0.4,
    "early_stopping_patience": 5,
    "restore_best": "valid_loss",
    "max_epochs": 9,
}
TRAININGS = {
    "cycles": {"first_cycle": 2, "max_epochs": 10, "target_loss": 0.0},
    "target": {"first_cycle": 2, "max_epochs": 10, "target_loss": 0.5},
    "plateau": PLATEAU,
    "rounds": PLATEAU | {"fine_tune_rounds": 2, "max_epochs": 4},
    "constant": {"lr_schedule": None, "max_epochs": 6, "optimizer": torch.optim.Rprop}
    | {"weight_decay": 0.0},
    "several steps": {"optimizer": torch.optim.LBFGS, "lr_schedule": None, "max_epochs": 5}
    | {"weight_decay": 0.0, "lr": 0.1},
    "balanced": {"oversample": True, "class_weight": "balanced", "max_epochs": 6},
    "bfloat16": {"precision": "bfloat16", "max_epochs": 6},
    "progress": {"verbose": 1, "max_epochs": 6},
    "augmented": {"augment": ["time_warp", ("jitter", 0.1), "channel_dropout"], "max_epochs": 6},
    "streamed": {"memory_limit": 0, "max_epochs": 6},
}


class Ended(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def ended_after(monkeypatch):
    """Lets trainings write after every epoch, and ends them once that many are written.

    Gives the list of the epochs that are trained from then on.
    """
    whole = Checkpoint.on_epoch_end
    monkeypatch.setattr(Checkpoint, "SHARE", 0)

    def set_end(n_epochs):
        trained = []

        def on_epoch_end(self, net, **kwargs):
            whole(self, net, **kwargs)
            trained.append(len(net.history))
            if len(trained) == n_epochs:
                raise Ended

        monkeypatch.setattr(Checkpoint, "on_epoch_end", on_epoch_end)
        return trained

    return set_end


def target_of(est):
    return Y if hasattr(est, "predict_proba") else X[:, 0, 0]


def assert_same(a, b):
    ours, theirs = (est.net_.module_.state_dict() for est in (a, b))
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name
    assert epochs_of(a) == epochs_of(b)


def epochs_of(est):
    skipped = ("dur", "batches")
    return [{k: v for k, v in row.items() if k not in skipped} for row in est.history_]


def assert_goes_on(est, folder, ended_after, n_epochs, fit):
    """The estimator, ended after so many epochs, comes to what it comes to without an end."""
    expected = fit(clone(est))
    survivor = clone(est).set_params(checkpoint_dir=folder)
    trained = ended_after(n_epochs)
    with pytest.raises(Ended):
        fit(survivor)
    assert not hasattr(survivor, "net_")
    (file,) = folder.iterdir()
    assert file.name.startswith(type(est).__name__)
    assert_same(fit(survivor), expected)
    assert list(folder.iterdir()) == []
    assert trained == [*range(1, len(trained) + 1)]  # each once
    # early stopping ends an epoch before a checkpoint of it is due
    assert len(survivor.history_) - len(trained) in (0, 1)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_network_goes_on_to_the_same_weights(cls, tmp_path, ended_after):
    est = small(cls, max_epochs=4)
    assert_goes_on(est, tmp_path, ended_after, 2, lambda est: est.fit(X, target_of(est)))


@pytest.mark.parametrize(
    "n_epochs", [3, *(pytest.param(n, marks=pytest.mark.full) for n in (1, 4))]
)
@pytest.mark.parametrize("name", TRAININGS)
def test_every_kind_of_training_goes_on(name, n_epochs, tmp_path, ended_after):
    est = small(skts.MALSTMFCNClassifier, **TRAININGS[name])
    weight = np.linspace(0.5, 1, len(X))
    assert_goes_on(est, tmp_path, ended_after, n_epochs, lambda est: est.fit(X, Y, weight))


def test_a_round_of_refinement_goes_on(tmp_path, ended_after):
    est = small(skts.FCNClassifier, **TRAININGS["rounds"])
    for n_epochs in (6, 9):
        assert_goes_on(est, tmp_path, ended_after, n_epochs, lambda est: est.fit(X, Y))


@pytest.mark.parametrize("freeze", [None, "all but head"])
def test_a_training_from_learnt_weights_goes_on(freeze, tmp_path, ended_after):
    source = small(skts.FCNClassifier, max_epochs=2).fit(X, Y)
    est = small(skts.FCNClassifier, max_epochs=6, init_from=source, freeze=freeze)
    assert_goes_on(est, tmp_path, ended_after, 3, lambda est: est.fit(X, Y == "yes"))


@pytest.mark.parametrize("name", ["LSTMForecaster", "ALSTMForecaster", "LSTMALSTMForecaster"])
def test_forecasters_go_on(name, tmp_path, ended_after):
    options = {"max_epochs": 5, "window_length": 16, "validation_fraction": 0.2}
    est = forecasts.small(getattr(skts.forecasting, name), **options)
    assert_goes_on(est, tmp_path, ended_after, 2, lambda est: est.fit(forecasts.Y))


def test_a_training_that_started_from_weights_goes_on(tmp_path, ended_after):
    def fit_twice(est):
        folder = est.checkpoint_dir
        first = small(skts.FCNClassifier, max_epochs=2, warm_start=True).fit(X, Y)
        vars(est).update(vars(first) | {"checkpoint_dir": folder, "max_epochs": 5})
        return est.fit(X, Y)

    expected, survivor = small(skts.FCNClassifier), small(skts.FCNClassifier)
    fit_twice(expected)
    survivor.set_params(checkpoint_dir=tmp_path)
    ended_after(3)
    with pytest.raises(Ended):
        fit_twice(survivor)
    assert_same(fit_twice(survivor), expected)


@pytest.mark.full
def test_a_killed_process_goes_on(tmp_path):
    source = (
        "import sys, numpy as np, torch, skts; torch.set_num_threads(1)\n"
        "from skts.training.callbacks import OneCycle\n"
        "X = np.random.default_rng(0).normal(size=(40, 1, 30)); y = np.arange(40) % 2\n"
        "clf = skts.LSTMFCNClassifier(max_epochs=60, target_loss=None, random_state=0,\n"
        "    filters=(16, 16, 16), checkpoint_dir=sys.argv[1] or None)\n"
        "trained, whole = [], OneCycle.on_epoch_end\n"
        "OneCycle.on_epoch_end = lambda *a, **k: trained.append(1) or whole(*a, **k)\n"
        "clf.fit(X, y).save(sys.argv[2])\n"
        "print(len(trained))\n"
    )

    def command(folder, file):
        return [sys.executable, "-c", source, str(folder), str(tmp_path / file)]

    folder = tmp_path / "checkpoints"
    whole = subprocess.run(command("", "whole"), check=True, timeout=300, capture_output=True)
    assert int(whole.stdout) == 60
    with subprocess.Popen(command(folder, "killed")) as process:
        while process.poll() is None and not (folder.is_dir() and any(folder.glob("*.checkpoint"))):
            pass
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed").exists()
    (file,) = folder.glob("*.checkpoint")
    header, _ = read_file(file, Checkpoint.ENTRY, "")
    n_kept = len(dict(header["state"]["dict"])["history"])
    assert 1 <= n_kept < 60
    again = subprocess.run(command(folder, "killed"), check=True, timeout=300, capture_output=True)
    assert int(again.stdout) == 60 - n_kept
    assert os.listdir(folder) == []
    whole, killed = (skts.load(tmp_path / name) for name in ("whole", "killed"))
    assert_same(killed, whole)


class TestAFileOfItsOwn:
    @pytest.fixture
    @staticmethod
    def trained(tmp_path, ended_after):
        return ended_after(1)

    @pytest.fixture
    @staticmethod
    def est(tmp_path, trained):
        est = small(skts.FCNClassifier, max_epochs=3, checkpoint_dir=tmp_path)
        with pytest.raises(Ended):
            est.fit(X, Y)
        return est

    @pytest.mark.parametrize(
        "change",
        [
            lambda est: est.set_params(lr=1e-3).fit(X, Y),
            lambda est: est.set_params(random_state=1).fit(X, Y),
            lambda est: est.set_params(augment=["jitter"]).fit(X, Y),
            lambda est: est.fit(X + 1e-9, Y) and est.fit(X * 2, Y),
            lambda est: est.fit(X, Y[::-1]),
            lambda est: est.set_params(precision="bfloat16").fit(X, Y),
            lambda est: est.fit(X, np.where(np.arange(24) < 2, "other", Y), np.arange(24) > 1),
            lambda est: est.fit(X, Y, np.linspace(0, 1, len(X))),
            lambda est: small(
                skts.FCNRegressor, max_epochs=3, checkpoint_dir=est.checkpoint_dir
            ).fit(X, X[:, 0, 0]),
        ],
    )
    def test_another_training_does_not_take_it_up(self, est, change, tmp_path):
        (kept,) = tmp_path.iterdir()
        before = kept.read_bytes()
        change(est)
        assert [file.read_bytes() for file in tmp_path.iterdir()] == [before]

    def test_what_does_not_change_training_may_change(self, est, trained, tmp_path):
        filters = np.array(est.filters).tolist()
        est.set_params(verbose=1, filters=filters, checkpoint_dir=str(tmp_path)).fit(X, Y)
        assert trained == [1, 2, 3]
        assert list(tmp_path.iterdir()) == []

    def test_damaged_it_is_refused(self, est, tmp_path):
        (file,) = tmp_path.iterdir()
        content = file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(ValueError, match="is damaged or was changed.*remove it"):
            est.fit(X, Y)
        file.write_bytes(content[:100])
        with pytest.raises(ValueError, match="or is damaged.*remove it"):
            est.fit(X, Y)

    def test_of_another_format_it_is_refused(self, est, tmp_path):
        (file,) = tmp_path.iterdir()
        write_file(file, Checkpoint.ENTRY, {"format": 99, "state": to_plain("", {})}, {})
        with pytest.raises(ValueError, match="has format 99.*remove it"):
            est.fit(X, Y)


@pytest.mark.full
def test_two_at_once_do_not_see_each_other(tmp_path, monkeypatch):
    monkeypatch.setattr(Checkpoint, "SHARE", 0)
    source = (
        "import sys, warnings, numpy as np, skts; from skts.training.checkpoint import Checkpoint\n"
        "warnings.simplefilter('error'); Checkpoint.SHARE = 0\n"
        "X = np.random.default_rng(0).normal(size=(20, 1, 12)); y = np.arange(20) % 2\n"
        "for _ in range(20):\n"
        "    skts.FCNClassifier(max_epochs=3, random_state=0, filters=(4, 4, 4),\n"
        "        checkpoint_dir=sys.argv[1]).fit(X, y)\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", source, str(tmp_path)]) for _ in range(2)]
    assert [process.wait(timeout=300) for process in processes] == [0, 0]
    assert list(tmp_path.glob("*.checkpoint")) == []


def test_what_killed_writers_left_is_removed_in_the_end(tmp_path):
    est = small(skts.FCNClassifier, max_epochs=2, checkpoint_dir=tmp_path)
    written = []
    remove = Checkpoint.remove

    def remove_among_halves(self):
        for age, token in ((7200, "old"), (0, "new")):
            half = self.path.with_name(f".{self.path.name}.{token}.half")
            half.touch()
            os.utime(half, (half.stat().st_mtime - age,) * 2)
            written.append(half)
        remove(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "remove", remove_among_halves)
        est.fit(X, Y)
    assert [half.exists() for half in written] == [False, True]


def test_training_goes_on_where_nothing_can_be_written(tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    whole = Checkpoint.on_train_begin

    def on_train_begin(self, net, **kwargs):
        folder.rmdir()
        whole(self, net, **kwargs)

    monkeypatch.setattr(Checkpoint, "on_train_begin", on_train_begin)
    with pytest.warns(RuntimeWarning, match="no checkpoint was written"):
        est = small(skts.FCNClassifier, max_epochs=3, checkpoint_dir=folder).fit(X, Y)
    assert len(est.history_) == 3


class TestRefused:
    @pytest.mark.parametrize("nested", [False, True])
    def test_members_of_an_ensemble_without_a_seed(self, nested, tmp_path):
        member = small(skts.FCNClassifier, checkpoint_dir=tmp_path, random_state=None)
        member = make_pipeline(member) if nested else member
        with pytest.raises(ValueError, match="random_state of the estimator must be an int"):
            skts.SeedEnsembleClassifier(member).fit(X, Y)

    def test_callbacks(self, tmp_path):
        est = small(skts.FCNClassifier, checkpoint_dir=tmp_path, callbacks=[EpochTimer()])
        with pytest.raises(ValueError, match="callbacks must be None with it"):
            est.fit(X, Y)

    @pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
    def test_no_seed(self, random_state, tmp_path):
        est = small(skts.FCNClassifier, checkpoint_dir=tmp_path, random_state=random_state)
        with pytest.raises(ValueError, match="random_state must be an int, got"):
            est.fit(X, Y)

    def test_partial_fit(self, tmp_path):
        est = small(skts.FCNClassifier, checkpoint_dir=tmp_path)
        with pytest.raises(ValueError, match="checkpoint_dir must be None in partial_fit"):
            est.partial_fit(X, Y, classes=["no", "yes"])

    def test_a_file_where_the_folder_should_be(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(FileExistsError):
            small(skts.FCNClassifier, checkpoint_dir=tmp_path / "file").fit(X, Y)


def test_an_estimator_with_a_folder_is_kept_in_a_file(tmp_path):
    est = small(skts.FCNClassifier, max_epochs=1, checkpoint_dir=tmp_path / "checkpoints").fit(X, Y)
    est.save(tmp_path / "est.skts")
    assert skts.load(tmp_path / "est.skts").checkpoint_dir == str(tmp_path / "checkpoints")


def test_updates_of_forecasters_are_no_training_to_go_on(tmp_path):
    est = forecasts.small(LSTMForecaster, max_epochs=2, checkpoint_dir=tmp_path)
    est.fit(forecasts.Y[:50]).update(forecasts.Y[50:])
    assert list(tmp_path.iterdir()) == []
