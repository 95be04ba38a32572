"""Every training option does what it says."""

import copy
import io
import pickle
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_class_weight
from skorch.callbacks import Callback, EpochScoring

import skts
from skts import ALSTMClassifier, LSTMFCNClassifier, LSTMFCNRegressor, recipes
from skts._tensors import Batches, SeriesDataset, autocast_dtype, resolve_device
from skts._training import PAPER_DECAY, TrainingData, hold_out, oversampled
from tests.settings import small

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 12))
X[:, 3:6] += 3 * (np.arange(40) % 2)[:, None]
Y = np.where(np.arange(40) % 2, "b", "a")
TARGET = X[:, 3:6].sum(axis=1)


class Recorder(Callback):
    """Keeps what each step of training sees."""

    def __init__(self):
        self.batches, self.rates, self.losses, self.weights = [], [], [], []

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        if training:
            self.rates.append(net.optimizer_.param_groups[0]["lr"])
            self.batches.append(len(batch[1]))

    def on_epoch_end(self, net, **kwargs):
        self.losses.append(net.history[-1, "train_loss"])
        self.weights.append(copy.deepcopy(net.module_.state_dict()))


def recorded(**options):
    return recorded_on(X, Y, **options)


def recorded_on(X, y, **options):
    recorder = Recorder()
    clf = small(LSTMFCNClassifier, **({"max_epochs": 4, "callbacks": [recorder]} | options))
    return clf.fit(X, y), recorder


def run_python(source):
    command = [sys.executable, "-c", source]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def data(target=None, n=40):
    target = np.arange(n) % 2 if target is None else np.asarray(target)
    return TrainingData(np.zeros((n, 1, 5), np.float32), None, target, np.ones(n))


class TestOptionsAreChecked:
    @pytest.mark.parametrize(
        ("option", "value", "required"),
        [
            ("max_epochs", 0, "an integer of at least 1"),
            ("max_epochs", True, "an integer of at least 1"),
            ("batch_size", 2.5, "an integer of at least 1"),
            ("lr", 0, r"a number in \(0, inf\)"),
            ("lr", float("nan"), r"a number in \(0, inf\)"),
            ("optimizer", "adam", "a subclass of torch.optim.Optimizer"),
            ("weight_decay", -1, r"a number in \[0, inf\)"),
            ("lr_schedule", "cosine", "one of 'one_cycle', 'plateau', None"),
            ("plateau_factor", 1.0, r"a number in \(0, 1\)"),
            ("plateau_patience", 0, "an integer of at least 1"),
            ("min_lr", None, r"a number in \[0, inf\)"),
            ("fine_tune_rounds", -1, "an integer of at least 0"),
            ("validation_fraction", 1, r"None or a number in \(0, 1\)"),
            ("early_stopping_patience", 0, "None or an integer of at least 1"),
            ("restore_best", True, "one of None, 'train_loss', 'valid_loss'"),
            ("recompute_norms", None, "True or False"),
            ("normalize", "batch", "one of None, 'series'"),
            ("missing", "drop", "one of 'raise', 'interpolate'"),
            ("device", "cuda:01", "'auto', 'cpu', 'cuda' or 'cuda:N'"),
            ("precision", "float16", "one of 'float32', 'bfloat16', 'auto'"),
            ("memory_limit", -1, "None or an integer of at least 0"),
            ("compile", "yes", "True or False"),
            ("callbacks", [print], "None or a list of skorch callbacks"),
            ("warm_start", 1, "True or False"),
            ("verbose", -1, "True or False or an integer of at least 0"),
            ("random_state", 2**32, "None or an integer of at least 0 and at most 4294967295 or"),
            ("class_weight", "equal", "one of 'balanced', None or a dict"),
            ("oversample", None, "True or False"),
            ("n_cells", 0, "an integer of at least 1"),
            ("filters", (), "a non-empty tuple, each item an integer of at least 1"),
            ("kernel_sizes", (8, 0, 3), "a non-empty tuple, each item an integer of at least 1"),
            ("dropout", 1.0, r"a number in \[0, 1\)"),
            ("cell", "LSTM", "one of 'lstm', 'gru', 'rnn', 'dense'"),
            ("dimension_shuffle", "no", "True or False"),
            ("residual", None, "True or False"),
        ],
    )
    def test_a_wrong_value(self, option, value, required):
        clf = LSTMFCNClassifier(**{option: value})
        with pytest.raises(ValueError, match=f"{option} of LSTMFCNClassifier must be {required}"):
            clf.fit(X, Y)

    def test_the_list_above_names_every_option(self):
        marks = type(self).test_a_wrong_value.pytestmark
        listed = {case[0] for mark in marks for case in mark.args[1]}
        assert listed == set(LSTMFCNClassifier().get_params())

    def test_attention_cannot_be_dense(self):
        with pytest.raises(ValueError, match="must be one of 'lstm', 'gru', 'rnn', got 'dense'"):
            skts.ALSTMFCNClassifier(cell="dense").fit(X, Y)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"filters": (8, 8)},
                r"kernel_sizes must have .* 2 for filters=\(8, 8\), got \(8, 5, 3\)",
            ),
            ({"restore_best": "valid_loss"}, "validation_fraction must be .*got None"),
            ({"optimizer": torch.optim.LBFGS}, "LBFGS takes no weight decay.*must be 0, got 0.01"),
            (
                {"class_weight": {"a": 1, "c": 2}},
                r"among the classes .*'b'\], got \['a', 'c'\]",
            ),
            ({"class_weight": {"a": -1.0}}, "finite and not negative"),
            ({"class_weight": {"a": np.nan}}, "finite and not negative"),
            ({"class_weight": {"a": 0, "b": 0}}, "finite and not negative"),
            ({"validation_fraction": 0.01}, "cannot be stratified over 2 classes"),
        ],
    )
    def test_options_that_do_not_go_together(self, options, message):
        with pytest.raises(ValueError, match=message):
            small(LSTMFCNClassifier, **options).fit(X, Y)

    @pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is there")
    @pytest.mark.parametrize("device", ["cuda", "cuda:1"])
    def test_absent_cuda(self, device):
        with pytest.raises(ValueError, match=f"device='{device}'.*0 CUDA device.*device='auto'"):
            LSTMFCNClassifier(device=device).fit(X, Y)


class TestSchedule:
    def test_one_cycle_rises_to_lr_and_falls_to_nothing(self):
        _, recorder = recorded(lr=0.02, max_epochs=10)
        rates = np.array(recorder.rates)
        assert len(rates) == 30
        assert rates.max() == pytest.approx(0.02, rel=0.02)
        assert 5 <= rates.argmax() <= 10
        assert rates[0] < 0.002
        assert rates[-1] < 1e-5

    def test_none_is_constant(self):
        assert set(recorded(lr=0.02, lr_schedule=None)[1].rates) == {0.02}

    def test_plateau_follows_the_training_loss(self):
        options = {"lr_schedule": "plateau", "plateau_patience": 2, "min_lr": 0.0}
        clf, recorder = recorded(max_epochs=40, lr=0.05, plateau_factor=0.5, **options)
        best, waited, rate, expected = np.inf, 0, 0.05, []
        for loss in clf.history_[:, "train_loss"]:
            expected += [rate] * 3
            waited = 0 if loss < best - 1e-4 else waited + 1
            best = loss if waited == 0 else best
            if waited == 2:
                rate, waited = rate * 0.5, 0
        assert len(set(expected)) > 2
        assert recorder.rates == pytest.approx(expected)

    def test_too_few_steps_for_a_cycle_are_taken_at_lr(self):
        assert recorded(lr=0.02, max_epochs=1)[1].rates == [0.02] * 3

    def test_refinement_rounds_lower_the_rate_and_halve_the_batch(self):
        clf, recorder = recorded(
            max_epochs=2, batch_size=20, lr=1e-3, lr_schedule=None, fine_tune_rounds=3, min_lr=7e-4
        )
        assert len(clf.history_) == 8
        assert recorder.batches == [20] * 4 + [20] * 4 + [10] * 8 + [5] * 16
        expected = [1e-3] * 8 + [1e-3 * PAPER_DECAY] * 8 + [7e-4] * 16
        assert recorder.rates == pytest.approx(expected)

    def test_refinement_keeps_the_best_weights_of_all_rounds(self):
        best = {"restore_best": "train_loss", "lr": 0.5, "lr_schedule": None, "min_lr": 0.0}
        clf, recorder = recorded(max_epochs=4, fine_tune_rounds=2, **best)
        best = int(np.argmin(clf.history_[:, "train_loss"]))
        assert len(recorder.weights) == 12
        for name, value in clf.net_.module_.state_dict().items():
            torch.testing.assert_close(value, recorder.weights[best][name], rtol=0, atol=0)


class TestValidationSplit:
    def test_is_stratified_disjoint_and_of_the_size_asked_for(self):
        both = data(np.repeat([0, 1], [30, 10]))._replace(weight=np.arange(40.0))
        train, valid = hold_out(both, 0.2, stratify=True, seed=0)
        assert np.bincount(valid.target).tolist() == [6, 2]
        assert sorted([*train.weight, *valid.weight]) == list(range(40))

    def test_cannot_take_everything(self):
        with pytest.raises(ValueError, match="leaves none of 2 series"):
            hold_out(data(n=2), 0.9, stratify=False, seed=0)

    def test_needs_two_of_each_class(self):
        with pytest.raises(ValueError, match="smallest with 1 series"):
            hold_out(data(np.repeat([0, 1], [39, 1])), 0.2, stratify=True, seed=0)

    def test_losses_of_both_parts_are_recorded(self):
        clf, _ = recorded(validation_fraction=0.25)
        assert np.isfinite(clf.history_[:, ("train_loss", "valid_loss", "valid_acc")]).all()
        assert clf.net_.train_split is None

    def test_a_plateau_watches_the_validation_loss(self):
        clf, _ = recorded(validation_fraction=0.25, lr_schedule="plateau")
        assert dict(clf.net_.callbacks_)["lr_schedule"].monitor == "valid_loss"

    def test_oversampling_comes_after_the_split(self):
        clf, recorder = recorded_on(
            X, np.repeat(["a", "b"], [28, 12]), validation_fraction=0.25, oversample=True
        )
        assert sum(recorder.batches) == 4 * 2 * 21
        assert sum(batch["valid_batch_size"] for batch in clf.history_[0, "batches"][-1:]) == 10

    def test_the_validation_series_are_not_trained_on(self):
        _, recorder = recorded(validation_fraction=0.25)
        assert sum(recorder.batches) == 4 * 30

    def test_early_stopping_ends_after_patience(self):
        clf, _ = recorded(
            validation_fraction=0.25, early_stopping_patience=3, max_epochs=200, lr=0.05
        )
        losses = clf.history_[:, "valid_loss"]
        assert len(losses) < 200
        assert np.argmin(losses) == len(losses) - 4

    def test_early_stopping_without_a_split_watches_the_training_loss(self):
        clf, _ = recorded(early_stopping_patience=2, max_epochs=200, lr=0.05, lr_schedule=None)
        losses = clf.history_[:, "train_loss"]
        assert len(losses) < 200
        assert np.argmin(losses) == len(losses) - 3

    def test_restored_weights_have_the_lowest_validation_loss(self):
        weight = np.linspace(0.5, 1.5, 40)  # of mean 1: fit leaves them as they are
        clf = small(
            LSTMFCNClassifier,
            max_epochs=4,
            validation_fraction=0.25,
            restore_best="valid_loss",
            lr=0.1,
        ).fit(X, Y, sample_weight=weight)
        both = data(np.searchsorted(clf.classes_, Y))
        both = both._replace(values=X[:, None].astype(np.float32), weight=weight)
        _, valid = hold_out(both, 0.25, stratify=True, seed=0)
        p = clf.predict_proba(valid.values[valid.chosen])[
            np.arange(len(valid.target)), valid.target
        ]
        loss = -(valid.weight * np.log(p)).mean()
        assert loss == pytest.approx(min(clf.history_[:, "valid_loss"]), rel=1e-4)

    def test_a_regressor_splits_too(self):
        reg = small(LSTMFCNRegressor, max_epochs=2, validation_fraction=0.25).fit(X, TARGET)
        assert np.isfinite(reg.history_[:, "valid_loss"]).all()


class TestWeights:
    def test_oversampling_evens_the_classes_out_with_rows_of_their_own(self):
        both = data(np.repeat([0, 1], [30, 10]))._replace(weight=np.arange(40.0))
        more = oversampled(both, seed=0)
        assert np.bincount(more.target).tolist() == [30, 30]
        assert set(more.weight[more.target == 1]) <= set(range(30, 40))

    def test_oversampling_trains_on_more(self):
        y = np.repeat(["a", "b"], [20, 10])
        assert sum(recorded_on(X[:30], y, oversample=True, max_epochs=1)[1].batches) == 40

    def test_class_weights_are_sample_weights(self):
        y = np.repeat(["a", "b"], [30, 10])
        balanced = compute_class_weight("balanced", classes=np.array(["a", "b"]), y=y)
        weight = np.repeat(balanced, [30, 10])
        by_class = [
            small(LSTMFCNClassifier, max_epochs=3, class_weight=w).fit(X, y).predict_proba(X)
            for w in ("balanced", dict(zip("ab", balanced, strict=True)))
        ]
        by_sample = small(LSTMFCNClassifier, max_epochs=3).fit(X, y, weight).predict_proba(X)
        np.testing.assert_allclose(by_class[0], by_sample, atol=1e-6)
        np.testing.assert_allclose(by_class[1], by_sample, atol=1e-6)
        unweighted = small(LSTMFCNClassifier, max_epochs=3).fit(X, y).predict_proba(X)
        assert np.abs(unweighted - by_sample).max() > 1e-3

    @pytest.mark.parametrize(
        ("cls", "y"), [(LSTMFCNClassifier, Y == "a"), (LSTMFCNRegressor, TARGET)]
    )
    def test_a_weight_of_zero_is_a_series_that_is_not_there(self, cls, y):
        weight = np.where(np.arange(40) < 30, 1.0, 0.0)
        weighted = small(cls, max_epochs=3).fit(X, y, sample_weight=weight)
        without = small(cls, max_epochs=3).fit(X[:30], y[:30])
        predicted, expected = (
            est.predict_proba(X) if cls is LSTMFCNClassifier else est.predict(X)
            for est in (weighted, without)
        )
        np.testing.assert_allclose(predicted, expected, rtol=1e-12)

    @pytest.mark.parametrize("scale", [1000.0, 1e308])
    def test_only_relative_weights_count(self, scale):
        fits = [
            small(LSTMFCNClassifier, max_epochs=2).fit(X, Y, np.full(40, w)).predict_proba(X)
            for w in (1.0, scale)
        ]
        np.testing.assert_array_equal(*fits)

    def test_a_dict_of_class_weights_holds_where_a_class_does_not_come(self):
        clf = small(LSTMFCNClassifier, class_weight={"a": 2.0, "b": 0.5})
        clf.partial_fit(X, Y, classes=["a", "b", "c"]).partial_fit(X[Y == "a"], Y[Y == "a"])
        assert len(clf.history_) == 2

    def test_a_target_of_weight_zero_does_not_count(self):
        target, weight = np.append(TARGET, 1e203), np.append(np.ones(40), 0)
        reg = small(LSTMFCNRegressor, max_epochs=1).fit(np.append(X, X[:1], 0), target, weight)
        assert reg.target_scale_ == pytest.approx(TARGET.std())

    def test_a_class_of_weight_zero_stays_a_class(self):
        y = np.arange(40) % 3
        clf = small(LSTMFCNClassifier, max_epochs=1, class_weight="balanced")
        assert clf.fit(X, y, sample_weight=y < 2).classes_.tolist() == [0, 1, 2]

    def test_a_regressor_standardises_by_weighted_moments(self):
        weight = np.arange(40.0)
        reg = small(LSTMFCNRegressor, max_epochs=1).fit(X, TARGET, sample_weight=weight)
        mean = np.average(TARGET, weights=weight)
        assert reg.target_mean_ == pytest.approx(mean)
        variance = np.average((TARGET - mean) ** 2, weights=weight)
        assert reg.target_scale_ == pytest.approx(np.sqrt(variance))

    @pytest.mark.parametrize("scale", [1e160, 1e-200])
    def test_a_regressor_takes_targets_of_any_scale(self, scale):
        plain, scaled = (
            small(LSTMFCNRegressor, max_epochs=3).fit(X, TARGET * s).predict(X) / s
            for s in (1.0, scale)
        )
        np.testing.assert_allclose(scaled, plain, rtol=1e-4)


class TestBatches:
    @pytest.mark.parametrize(
        ("n", "size", "sizes"),
        [
            (10, 4, [4, 4, 2]),
            (9, 4, [4, 5]),
            (1, 4, [1]),
            (3, 1, [1, 1, 1]),
            (5, 4, [5]),
            (4, 4, [4]),
        ],
    )
    def test_a_last_batch_of_one_joins_its_neighbour(self, n, size, sizes):
        batches = Batches(SeriesDataset(np.zeros((n, 1, 2)), np.arange(n)), size)
        assert [len(y) for _, y in batches] == sizes
        assert len(batches) == len(sizes)

    def test_each_epoch_is_a_new_permutation(self):
        batches = Batches(SeriesDataset(np.zeros((20, 1, 2)), np.arange(20)), 6, shuffle=True)
        first, second = (torch.cat([y for _, y in batches]).tolist() for _ in range(2))
        assert first != second
        assert sorted(first) == sorted(second) == list(range(20))


class TestGoingOn:
    def test_warm_start_goes_on_from_the_last_weights(self):
        clf = small(LSTMFCNClassifier, warm_start=True, max_epochs=30).fit(X, Y)
        before = clf.history_[-1, "train_loss"]
        clf.set_params(max_epochs=1, lr=1e-6).fit(X, Y)
        assert clf.history_[0, "train_loss"] == pytest.approx(before, abs=0.1)
        assert (
            small(LSTMFCNClassifier, max_epochs=1, lr=1e-6).fit(X, Y).history_[0, "train_loss"]
            > 2 * clf.history_[0, "train_loss"]
        )

    def test_warm_start_refuses_another_network(self):
        clf = small(LSTMFCNClassifier, warm_start=True, max_epochs=1).fit(X, Y)
        before = clf.predict_proba(X)
        with pytest.raises(ValueError, match="same architecture"):
            clf.set_params(n_cells=4).fit(X, Y)
        with pytest.raises(ValueError, match="y must hold labels among .*'a', 'b'.*got .*'c'"):
            clf.set_params(n_cells=8).fit(X, np.where(Y == "a", "a", "c"))
        np.testing.assert_array_equal(clf.predict_proba(X), before)

    def test_going_on_reads_series_as_before(self):
        clf = small(LSTMFCNClassifier, max_epochs=1).fit(X, Y).set_params(normalize="series")
        with pytest.raises(ValueError, match=r"'normalize': None, .* got .*'normalize': 'series'"):
            clf.partial_fit(X, Y)

    def test_partial_fit_is_an_epoch_at_the_constant_rate(self):
        recorder = Recorder()
        clf = small(LSTMFCNClassifier, lr=1e-2, callbacks=[recorder])
        for _ in range(30):
            clf.partial_fit(X, Y, classes=["a", "b"])
        assert len(clf.history_) == 30
        assert set(recorder.rates) == {1e-2}
        assert recorder.losses[-1] < 0.5 * recorder.losses[0]
        assert clf.score(X, Y) == 1.0

    def test_partial_fit_keeps_the_optimisers_state(self):
        clf = small(LSTMFCNClassifier)
        for _ in range(4):
            clf.partial_fit(X, Y, classes=["a", "b"])
        steps = {int(s["step"]) for s in clf.net_.optimizer_.state.values()}
        assert steps == {4 * 3}

    def test_partial_fit_knows_classes_that_have_not_come(self):
        clf = small(LSTMFCNClassifier).partial_fit(
            X[Y == "a"], Y[Y == "a"], classes=["b", "a", "c"]
        )
        assert clf.classes_.tolist() == ["a", "b", "c"]
        with pytest.raises(ValueError, match="got .*'d'"):
            clf.partial_fit(X, np.full(40, "d"))
        with pytest.raises(ValueError, match="those of the first call"):
            clf.partial_fit(X, Y, classes=["a", "b"])

    def test_partial_fit_needs_classes_first(self):
        with pytest.raises(ValueError, match="classes must be passed on the first call"):
            LSTMFCNClassifier().partial_fit(X, Y)

    @pytest.mark.parametrize(
        "options",
        [
            {"validation_fraction": 0.2},
            {"early_stopping_patience": 3},
            {"restore_best": "train_loss"},
            {"fine_tune_rounds": 1},
            {"class_weight": "balanced"},
        ],
    )
    def test_partial_fit_refuses_what_needs_a_whole_run(self, options):
        (name,) = options
        with pytest.raises(ValueError, match=f"{name} must"):
            LSTMFCNClassifier(**options).partial_fit(X, Y, classes=["a", "b"])

    def test_a_regressor_keeps_its_first_scale(self):
        reg = small(LSTMFCNRegressor).partial_fit(X, TARGET)
        mean = reg.target_mean_
        reg.partial_fit(X, TARGET + 100)
        assert reg.target_mean_ == mean


class TestFailureLeavesNothing:
    class Failing(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise OSError("disk full")

    class Interrupting(Callback):
        def on_batch_begin(self, net, **kwargs):
            raise KeyboardInterrupt

    @pytest.mark.parametrize("warm_start", [False, True])
    @pytest.mark.parametrize("cls", [LSTMFCNClassifier, LSTMFCNRegressor])
    def test_a_fitted_estimator_predicts_as_before(self, cls, warm_start):
        y = np.arange(40) % 2
        est = small(cls, max_epochs=2, warm_start=warm_start).fit(X, y)
        before, attributes = est.predict(X), set(vars(est))
        fitted = {"warm_start": warm_start, "callbacks": None, "normalize": None}
        state = copy.deepcopy(est.net_.optimizer_.state_dict())
        est.set_params(callbacks=[self.Failing()], normalize=None if warm_start else "series")
        with pytest.raises(OSError, match="disk full"):
            est.fit(X, 1 - y)
        np.testing.assert_array_equal(est.predict(X), before)
        est.set_params(normalize=None)
        with pytest.raises(OSError, match="disk full"):
            est.partial_fit(X, 1 - y)
        with pytest.raises(ValueError, match="inconsistent"):
            est.set_params(**fitted).fit(X, y[:-1])
        np.testing.assert_array_equal(est.predict(X), before)
        for index, entry in est.net_.optimizer_.state_dict()["state"].items():
            for name, value in entry.items():
                torch.testing.assert_close(value, state["state"][index][name], rtol=0, atol=0)
        assert set(vars(est)) == attributes

    def test_a_new_estimator_stays_unfitted(self):
        clf = small(LSTMFCNClassifier, callbacks=[self.Failing()])
        before = dict(vars(clf))
        with pytest.raises(OSError, match="disk full"):
            clf.fit(X, Y)
        assert vars(clf) == before

    def test_divergence_names_the_remedy(self):
        with pytest.raises(
            ValueError, match=r"diverged: the train_loss of epoch .*Lower lr \(now 1e\+30\)"
        ):
            small(LSTMFCNClassifier, lr=1e30, optimizer=torch.optim.SGD).fit(X, Y)

    def test_ctrl_c_in_a_batch_is_not_swallowed_as_early_stopping(self):
        source = (
            "import os, signal, threading, numpy as np\n"
            "from skts import LSTMFCNClassifier\n"
            "threading.Timer(2, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
            "clf = LSTMFCNClassifier(max_epochs=10**9, filters=(2, 2, 2))\n"
            "try:\n"
            "    clf.fit(np.random.rand(200, 50), np.arange(200) % 2)\n"
            "except KeyboardInterrupt:\n"
            "    print('interrupted, fitted:', hasattr(clf, 'net_'))\n"
        )
        out = run_python(source)
        assert out.stdout == "interrupted, fitted: False\n", out.stderr

    def test_exhausted_memory_names_batch_size(self):
        source = (
            "import resource, numpy as np\n"
            "from skts import LSTMFCNClassifier\n"
            "clf = LSTMFCNClassifier(max_epochs=1, batch_size=64)\n"
            "clf.fit(np.random.rand(4, 10), [0, 1, 0, 1])\n"
            "X, y = np.random.rand(64, 100_000).astype('float32'), np.arange(64) % 2\n"
            "limit = int(open('/proc/self/statm').read().split()[0]) * 4096 + 2**30\n"
            "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
            "try:\n"
            "    clf.fit(X, y)\n"
            "except MemoryError as error:\n"
            "    print(error, clf.n_timepoints_in_)\n"
        )
        out = run_python(source)
        assert "batch_size=64: lower batch_size" in out.stdout, out.stderr
        assert out.stdout.endswith(" 10\n")


class TestRepeatability:
    SOURCE = (
        "import numpy as np; from skts import LSTMFCNClassifier\n"
        "X = np.sin(np.arange(600.0)).reshape(30, 20)\n"
        "clf = LSTMFCNClassifier(max_epochs=3, random_state=7).fit(X, np.arange(30) % 3)\n"
        "print(clf.predict_proba(X).tobytes().hex())"
    )

    def test_one_seed_gives_the_same_bits_in_two_processes(self):
        first, second = (run_python(self.SOURCE).stdout for _ in range(2))
        assert first == second
        assert len(first) > 1000

    @pytest.mark.parametrize("random_state", [None, 0])
    def test_global_random_states_stay_as_they_were(self, random_state):
        torch_before, numpy_before = torch.get_rng_state(), pickle.dumps(np.random.get_state())
        clf = small(
            LSTMFCNClassifier,
            random_state=random_state,
            max_epochs=2,
            validation_fraction=0.2,
            oversample=True,
        )
        clf.fit(X, Y).predict(X)
        clf.set_params(validation_fraction=None).partial_fit(X, Y)
        assert torch.equal(torch.get_rng_state(), torch_before)
        assert pickle.dumps(np.random.get_state()) == numpy_before

    def test_threads_do_not_mix_their_random_numbers(self):
        def probabilities(_):
            return small(LSTMFCNClassifier, max_epochs=5).fit(X, Y).predict_proba(X)

        alone = probabilities(None)
        with ThreadPoolExecutor(3) as pool:
            for together in pool.map(probabilities, range(3)):
                np.testing.assert_array_equal(together, alone)

    def test_seeds_differ_and_a_random_state_moves_on(self):
        def probabilities(seed):
            return (
                small(LSTMFCNClassifier, max_epochs=2, random_state=seed).fit(X, Y).predict_proba(X)
            )

        assert not np.array_equal(probabilities(0), probabilities(1))
        assert not np.array_equal(probabilities(None), probabilities(None))
        state = np.random.RandomState(0)
        assert not np.array_equal(probabilities(state), probabilities(state))


class TestCallbacks:
    def test_skorch_callbacks_see_the_training(self):
        def weighted(net, dataset, y):
            return accuracy_score(y, net.predict(dataset))

        clf = small(
            LSTMFCNClassifier,
            max_epochs=30,
            validation_fraction=0.25,
            callbacks=[
                ("mine", EpochScoring(weighted, name="own_acc", lower_is_better=False)),
                EpochScoring("balanced_accuracy", name="bacc", lower_is_better=False),
                Recorder,
            ],
        ).fit(X, Y)
        own, builtin = clf.history_[:, "own_acc"], clf.history_[:, "valid_acc"]
        assert own == builtin
        assert clf.history_[-1, "bacc"] > 0.9
        assert "Recorder" in dict(clf.net_.callbacks_)

    def test_a_callback_can_end_training(self):
        class Enough(Callback):
            def on_epoch_end(self, net, **kwargs):
                if len(net.history) == 3:
                    raise KeyboardInterrupt

        assert len(recorded(max_epochs=50, callbacks=[Enough()])[0].history_) == 3

    @pytest.mark.parametrize("event", ["on_train_begin", "on_batch_end"])
    def test_a_callback_can_end_training_before_it_began(self, event):
        def stop(*args, **kwargs):
            raise KeyboardInterrupt

        callback = type("Stop", (Callback,), {event: stop})()
        clf, _ = recorded(callbacks=[callback], restore_best="train_loss")
        assert clf.predict_proba(X).shape == (40, 2)

    def test_progress_is_shown_on_stderr_and_only_when_asked(self, capfd):
        recorded(verbose=0, validation_fraction=0.2)
        assert capfd.readouterr() == ("", "")
        shown = io.StringIO()
        with redirect_stderr(shown):
            recorded(verbose=1, validation_fraction=0.2)
        assert capfd.readouterr().out == ""
        bar = shown.getvalue().split("\r")[-1]
        assert re.search(r"LSTMFCNClassifier: 100%.*4/4 \[.*<.*train_loss=.*valid_loss=", bar)


class TestPrecision:
    def test_bfloat16_trains_and_predicts_close_to_float32(self):
        a, b = (
            small(LSTMFCNClassifier, max_epochs=30, precision=p).fit(X, Y)
            for p in ("float32", "bfloat16")
        )
        assert b.score(X, Y) == a.score(X, Y) == 1.0
        in_bfloat16 = b.predict_proba(X)
        b.net_.autocast = None
        assert not np.array_equal(b.predict_proba(X), in_bfloat16)
        assert {p.dtype for p in b.net_.module_.parameters()} == {torch.float32}

    @pytest.mark.parametrize(("cls", "fast"), [(LSTMFCNClassifier, True), (ALSTMClassifier, False)])
    @pytest.mark.parametrize("native", [True, False])
    def test_auto_is_bfloat16_where_the_network_is_faster_so(self, cls, fast, native, monkeypatch):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": native})
        clf = small(cls, max_epochs=1, precision="auto", device="cpu").fit(X, Y)
        assert clf.net_.autocast == (torch.bfloat16 if fast and native else None)

    @pytest.mark.parametrize(
        ("precision", "dtype"), [("float32", None), ("bfloat16", torch.bfloat16)]
    )
    def test_other_precisions_hold_everywhere(self, precision, dtype):
        assert autocast_dtype(precision, torch.device("cpu"), fast_on_cpu=False) == dtype

    def test_auto_device(self):
        expected = "cuda" if torch.cuda.is_available() else "cpu"
        assert resolve_device("auto").type == expected


class TestRecipes:
    @pytest.mark.parametrize(
        "name", [n for n in vars(recipes) if isinstance(vars(recipes)[n], dict) and n[0] != "_"]
    )
    def test_every_recipe_trains(self, name):
        recipe = vars(recipes)[name] | {"max_epochs": 2}
        assert len(small(LSTMFCNClassifier, **recipe).fit(X, Y).history_) >= 2

    def test_the_papers_recipe(self):
        clf = LSTMFCNClassifier(**recipes.karim2017)
        assert (clf.max_epochs, clf.batch_size, clf.lr) == (2000, 128, 1e-3)
        assert clf.plateau_factor == pytest.approx(0.5 ** (1 / 3))
        assert clf.restore_best == "train_loss"


def test_network_and_optimiser_are_skorchs():
    clf, _ = recorded(optimizer=torch.optim.RMSprop)
    assert isinstance(clf.net_.optimizer_, torch.optim.RMSprop)
    assert isinstance(clf.net_.module_, skts.models.LSTMFCN)
    assert not clf.net_.module_.training


def test_optimiser_options_reach_the_optimiser():
    clf, _ = recorded(weight_decay=0.123, lr_schedule=None, lr=0.01)
    assert {g["weight_decay"] for g in clf.net_.optimizer_.param_groups} == {0.123}


def test_a_fitted_net_carries_weights_and_optimiser_and_no_more():
    clf = LSTMFCNClassifier(max_epochs=2, restore_best="train_loss").fit(X, Y)
    n_bytes = sum(4 * p.numel() for p in clf.net_.module_.parameters())
    # untrained and trained weights, two moments; and two before them in nothing else
    assert len(pickle.dumps(clf)) < 4.5 * n_bytes
    assert {p.device.type for p in clf.net_.module.parameters()} == {"cpu"}


def test_second_order_optimisers_work():
    clf, _ = recorded(optimizer=torch.optim.LBFGS, weight_decay=0.0, lr=0.1, lr_schedule=None)
    assert np.isfinite(clf.predict_proba(X)).all()
