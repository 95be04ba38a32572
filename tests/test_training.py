"""Every training option does what it says."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils.class_weight import compute_class_weight

import skts
from skts import LSTMFCNClassifier, LSTMFCNRegressor
from skts.training.callbacks import one_cycle
from skts.training.train import PAPER_DECAY, TrainingData, hold_out, oversampled
from tests.recording import TARGET, X, Y, recorded, recorded_on
from tests.settings import small


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
            ("optimizer", "adam", r"a subclass of torch\.optim\..*Optimizer, got"),
            ("weight_decay", -1, r"a number in \[0, inf\)"),
            ("lr_schedule", "cosine", "one of 'one_cycle', 'plateau' or None"),
            ("target_loss", -0.1, r"'auto', a number in \[0, inf\) or None"),
            ("first_cycle", 0, "an integer of at least 1"),
            ("plateau_factor", 1.0, r"a number in \(0, 1\)"),
            ("plateau_patience", 0, "an integer of at least 1"),
            ("min_lr", None, r"a number in \[0, inf\)"),
            ("fine_tune_rounds", -1, "an integer of at least 0"),
            ("validation_fraction", 1, r"a number in \(0, 1\) or None"),
            ("early_stopping_patience", 0, "an integer of at least 1 or None"),
            ("restore_best", True, "one of 'train_loss', 'valid_loss' or None"),
            ("recompute_norms", None, "a boolean"),
            ("normalize", "batch", "one of 'series', 'channel' or None"),
            ("representation", "log", "one of 'derivative', 'cumulative_sum', 'spectrum' or None"),
            ("missing", "drop", "one of 'raise', 'interpolate'"),
            ("device", "cuda:01", "'auto', 'cpu', 'cuda' or 'cuda:N'"),
            ("precision", "float16", "one of 'float32', 'bfloat16', 'auto'"),
            ("checkpoint_dir", 3, "a non-empty string, a path or None"),
            ("memory_limit", -1, "an integer of at least 0 or None"),
            ("compile", "yes", "a boolean"),
            ("callbacks", [print], "a sequence of skorch callbacks .* or None"),
            ("warm_start", 1, "a boolean"),
            ("init_from", 1, "an instance of sklearn.base.BaseEstimator, a string, a path or None"),
            ("freeze", "all", "'all but head' or None"),
            ("augment", "noise", "one of 'jitter', .*, a non-empty sequence of such .* or None"),
            ("augment", [("time_mask", 1.0)], "one of 'jitter', .* and below 1 for window_slice"),
            ("verbose", -1, "a boolean or an integer of at least 0"),
            ("random_state", 2**32, "an integer .* at most 4294967295, an instance of"),
            ("class_weight", "equal", "'balanced', a mapping of .* or None"),
            ("oversample", None, "a boolean"),
            ("n_cells", 0, "an integer of at least 1"),
            ("filters", (), r"a non-empty sequence \(each item an integer of at least 1\)"),
            (
                "kernel_sizes",
                (8, 0, 3),
                r"a non-empty sequence \(each item an integer of at least 1\)",
            ),
            ("dropout", 1.0, r"a number in \[0, 1\)"),
            ("cell", "LSTM", "one of 'lstm', 'gru', 'rnn', 'dense'"),
            ("dimension_shuffle", "no", "a boolean"),
            ("residual", None, "a boolean"),
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
                r"kernel_sizes must have 2 entries, as many as filters=\(8, 8\), got \(8, 5, 3\)",
            ),
            ({"restore_best": "valid_loss"}, "set validation_fraction to .*got None"),
            ({"optimizer": torch.optim.LBFGS}, "LBFGS takes no weight decay.*must be 0, got 0.01"),
            (
                {"class_weight": {"a": 1, "c": 2}},
                r"among the classes .*'b'\], got \['a', 'c'\].*here also to \['b'\]",
            ),
            ({"class_weight": {1: 1, 2: 2}}, r"among the classes .*'b'\], got \[1, 2\]"),
            ({"class_weight": {"a": -1.0}}, "finite, not negative"),
            ({"class_weight": {"a": np.nan}}, "finite, not negative"),
            ({"class_weight": {"a": np.inf}}, "finite, not negative"),
            (
                {"class_weight": {"a": 0, "b": 0}},
                r"weight above 0 for .*, got .* for \['a', 'b'",
            ),
            ({"validation_fraction": 0.01}, "cannot be stratified over 2 classes"),
        ],
    )
    def test_options_that_do_not_go_together(self, options, message):
        with pytest.raises(ValueError, match=message):
            small(LSTMFCNClassifier, **options).fit(X, Y)

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

    @pytest.mark.parametrize(
        ("max_epochs", "lengths"), [(14, [2, 4, 8]), (6, [2, 4]), (13, [2, 11]), (5, [5])]
    )
    def test_cycles_double_while_the_loss_is_above_its_target(self, max_epochs, lengths):
        options = {"lr": 0.02, "max_epochs": max_epochs, "first_cycle": 2}
        clf, recorder = recorded(target_loss=0.0, **options)
        expected = [one_cycle(step, 3 * n) for n in lengths for step in range(3 * n)]
        np.testing.assert_allclose(recorder.rates, 0.02 * np.array(expected))
        np.testing.assert_allclose(clf.history_[:, "event_lr"], recorder.rates[2::3])

    def test_training_ends_with_the_cycle_that_reaches_the_target(self):
        clf, recorder = recorded(target_loss=0.0, max_epochs=14, first_cycle=2, lr=1e-2)
        ends = [recorder.losses[epoch - 1] for epoch in (2, 6, 14)]
        assert ends[0] > ends[1] > ends[2]
        options = {"max_epochs": 14, "first_cycle": 2, "lr": 1e-2}
        for target, n_epochs in zip([ends[1], ends[0], 10.0], [6, 2, 2], strict=True):
            clf, recorder = recorded(target_loss=target, **options)
            assert len(clf.history_) == len(recorder.losses) == n_epochs
        assert len(recorded(target_loss=None, **options)[0].history_) == 14

    @pytest.mark.parametrize(
        ("cls", "y", "target"), [(LSTMFCNClassifier, Y, 0.1), (LSTMFCNRegressor, TARGET, 0.02)]
    )
    def test_the_target_of_classifiers_and_regressors(self, cls, y, target):
        options = {"max_epochs": 310, "first_cycle": 10, "dropout": 0.0}  # 10, 20, 40, 80, 160
        history = small(cls, **options).fit(X, y).history_
        ends = [end for end in (10, 30, 70, 150, 310) if end <= len(history)]
        reached = [history[end - 1, "train_loss"] <= target for end in ends]
        assert len(history) == ends[-1] < 310
        assert reached == [False] * (len(ends) - 1) + [True]

    @pytest.mark.parametrize("option", [{"fine_tune_rounds": 1}, {"early_stopping_patience": 14}])
    def test_there_is_one_cycle_where_something_else_ends_training(self, option):
        options = {"max_epochs": 14, "first_cycle": 2, "lr": 0.03}
        clf, recorder = recorded(**options, **option)
        n_trainings = 1 + option.get("fine_tune_rounds", 0)
        assert len(clf.history_) == 14 * n_trainings
        expected = [one_cycle(step, 42) for step in range(42)] * n_trainings
        np.testing.assert_allclose(recorder.rates, 0.03 * np.array(expected))
        rounds, _ = recorded(**options | {"target_loss": 100.0}, **option)
        assert len(rounds.history_) == 2 * n_trainings

    def test_the_scale_of_class_weights_does_not_decide_when_training_ends(self):
        options = {"max_epochs": 14, "first_cycle": 2, "lr": 1e-2, "target_loss": 0.3}
        losses = [
            recorded(class_weight={"a": w, "b": 2 * w}, **options)[1].losses for w in (1, 100)
        ]
        np.testing.assert_allclose(*losses, rtol=1e-5)

    def test_a_cloned_net_trains(self):
        net = clone(small(LSTMFCNClassifier, max_epochs=6, first_cycle=2).fit(X, Y).net_)
        series = data()._replace(values=X[:, None].astype(np.float32))
        net.fit_on(series.dataset("cpu", None), None)
        assert len(net.history) == 6

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
        assert [batch["valid_batch_size"] for batch in recorder.epochs[0][-1:]] == [10]
        assert [epoch["batches"] for epoch in clf.history_] == [[]] * 4

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
        weight = np.linspace(0.5, 1.5, 40)
        clf = small(
            LSTMFCNClassifier,
            max_epochs=4,
            validation_fraction=0.25,
            restore_best="valid_loss",
            lr=0.1,
        ).fit(X, Y, sample_weight=weight)
        both = data(np.searchsorted(clf.classes_, Y))
        both = both._replace(values=X[:, None].astype(np.float32), weight=weight)
        trained_on, valid = hold_out(both, 0.25, stratify=True, seed=0)
        p = clf.predict_proba(valid.values[valid.chosen])[
            np.arange(len(valid.target)), valid.target
        ]
        loss = -(valid.weight * np.log(p)).mean() / trained_on.weight.mean()
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
        ("weights", "alike"),
        [
            ({0: 1, 1: 2, 2: 5}, {0: 1.0, 1: 2.0}),  # a class that a fold may lack
            ({1: 3.0}, {0: 1.0, 1: 3.0}),
            ({1: 0.0}, {0: 1.0, 1: 0.0}),
            ({}, {0: 1.0, 1: 1.0}),
            ({np.int64(0): np.float32(2), True: np.int64(3)}, {0: 2.0, 1: 3.0}),
        ],
    )
    @pytest.mark.parametrize(
        ("labels", "options"),
        [
            (np.int64, {"oversample": True, "validation_fraction": 0.2}),
            (np.bool_, {}),
        ],
    )
    def test_a_dict_weighs_the_classes_that_there_are(self, weights, alike, labels, options):
        y = (np.arange(40) % 3 == 0).astype(labels)
        given, full = (
            small(LSTMFCNClassifier, max_epochs=1, class_weight=w, **options).fit(X, y)
            for w in (weights, alike)
        )
        np.testing.assert_array_equal(given.predict_proba(X), full.predict_proba(X))

    def test_texts_are_weighed_by_their_own(self):
        y = np.where(Y == "a", "1", "2")
        with pytest.raises(ValueError, match=r"among the classes \['1', '2'\], got \[1, 2\]"):
            small(LSTMFCNClassifier, class_weight={1: 1, 2: 2}).fit(X, y)
        small(LSTMFCNClassifier, max_epochs=1, class_weight={"1": 1, "2": 2, "3": 3}).fit(X, y)

    def test_a_grid_search_weighs_classes_that_a_fold_lacks(self):
        y = np.repeat([0, 1, 2], [15, 15, 10])
        clf = small(LSTMFCNClassifier, max_epochs=1, class_weight={0: 1, 1: 2, 2: 5})
        cv = [(np.arange(30), np.arange(30, 40)), (np.arange(40), np.arange(40))]
        search = GridSearchCV(clf, {"n_cells": [2]}, cv=cv, error_score="raise").fit(X, y)
        assert search.predict_log_proba(X).shape == (40, 3)

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
