"""history_frame: what is known of each epoch, as a table."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback, EpochScoring, LRScheduler
from skorch.history import History
from torch.optim.lr_scheduler import StepLR

import skts
from skts.training.history import HasHistory, frame_of
from tests import forecasts
from tests.settings import discovered, small

mpl.use("agg")
X = np.random.default_rng(0).normal(size=(20, 2, 12))
Y = np.arange(20) % 2
TRAINED = [param for param in discovered() if issubclass(param.values[0], HasHistory)]
OF_FORECASTERS = discovered("forecaster")
OF_TRAINING = ["lr", "duration", "round", "cycle"]


def fitted(cls=skts.FCNClassifier, **options):
    return small(cls, **({"max_epochs": 3} | options)).fit(X, Y)


def check_frame(est, expected):
    frame = est.history_frame()
    assert frame.columns.tolist() == expected
    assert frame.index.equals(pd.RangeIndex(1, 3, name="epoch"))
    kinds = {"round": "Int64", "cycle": "Int64"}
    assert {n: str(t) for n, t in frame.dtypes.items()} == dict.fromkeys(frame, "float64") | kinds
    assert frame.notna().all(axis=None)
    assert frame["duration"].gt(0).all()
    assert frame["train_loss"].tolist() == est.history_[:, "train_loss"]


@pytest.mark.parametrize("cls", TRAINED)
def test_of_every_estimator_that_is_trained_by_gradient(cls, tmp_path):
    est = small(cls, max_epochs=2, validation_fraction=0.3)
    with pytest.raises(NotFittedError, match=f"this {cls.__name__} is not fitted yet: call fit"):
        est.history_frame()
    est.fit(X, Y)
    accuracy = ["valid_acc"] if "Classifier" in cls.__name__ else []
    check_frame(est, ["train_loss", "valid_loss", *accuracy, *OF_TRAINING])
    est.save(tmp_path / "file")
    pd.testing.assert_frame_equal(skts.load(tmp_path / "file").history_frame(), est.history_frame())


@pytest.mark.parametrize("cls", OF_FORECASTERS)
def test_of_every_forecaster(cls):
    forecaster = forecasts.small(cls, max_epochs=2)
    with pytest.raises(NotFittedError, match=f"this {cls.__name__} is not fitted yet: call fit"):
        forecaster.history_frame()
    check_frame(forecaster.fit(forecasts.Y), ["train_loss", *OF_TRAINING])


def test_no_other_estimator_has_one():
    others = [param.values[0] for param in discovered() if param not in TRAINED]
    assert len(others) > 1
    assert not any(hasattr(cls, "history_frame") or hasattr(cls, "history_") for cls in others)


def test_cycles_and_rounds():
    frame = fitted(target_loss=0.0, max_epochs=7, first_cycle=1).history_frame()
    assert frame["cycle"].tolist() == [1, 2, 2, 3, 3, 3, 3]
    frame = fitted(fine_tune_rounds=2, max_epochs=2, lr_schedule=None).history_frame()
    assert frame["round"].tolist() == [0, 0, 1, 1, 2, 2]
    assert "cycle" not in frame


def test_an_epoch_more_is_of_no_cycle():
    clf = fitted()
    frame = clf.partial_fit(X, Y).history_frame()
    assert frame["cycle"].isna().tolist() == [False, False, False, True]
    assert frame["round"].tolist() == [0, 0, 0, 0]
    assert frame["lr"].iloc[-1] == clf.lr


def test_learning_rates_are_those_of_the_last_steps():
    assert fitted(lr_schedule=None, lr=0.01).history_frame()["lr"].tolist() == [0.01] * 3
    schedule = LRScheduler(StepLR, step_size=1, gamma=0.5)
    clf = fitted(lr_schedule=None, lr=0.01, callbacks=[schedule])
    np.testing.assert_allclose(clf.history_frame()["lr"], [0.01, 0.005, 0.0025])
    plateau = {"lr_schedule": "plateau", "plateau_patience": 1, "plateau_factor": 0.5}
    rates = fitted(lr=0.5, max_epochs=8, min_lr=0, **plateau).history_frame()["lr"]
    assert rates.iloc[0] == 0.5 > rates.iloc[-1]


def test_scores_of_callbacks_keep_their_names():
    class Norm(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("norm_best", 1.0)

    score = EpochScoring("f1_macro", lower_is_better=False, on_train=True)
    frame = fitted(callbacks=[score, Norm()]).history_frame()
    assert frame.columns.tolist() == ["train_loss", "f1_macro", "norm_best", *OF_TRAINING]


def test_an_epoch_that_a_callback_ended_has_no_loss():
    class Ending(Callback):
        def on_batch_begin(self, net, **kwargs):
            if len(net.history) == 2:
                raise KeyboardInterrupt

    frame = fitted(callbacks=[Ending()]).history_frame()
    assert frame["train_loss"].isna().tolist() == [False, True]


def test_a_history_of_an_earlier_version_or_none():
    history = History([{"epoch": 1, "batches": [{}], "dur": 0.5, "train_loss": 2.0}])
    frame = frame_of(history)
    assert frame.to_dict("index") == {1: {"train_loss": 2.0, "duration": 0.5}}
    assert len(frame_of(History())) == 0


def test_what_a_callback_records_keeps_its_name():
    class Records(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("lr", 3.0)

    frame = small(skts.FCNClassifier, max_epochs=2, callbacks=[Records()]).fit(X, Y).history_frame()
    assert frame["lr"].tolist() == [3.0, 3.0]
    assert frame.columns.is_unique
    assert "event_lr" in frame
