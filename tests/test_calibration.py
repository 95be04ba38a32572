"""Regressors know how far to trust their networks, and when to stop."""

import threading

import numpy as np
import pytest

import skts
from skts.training.calibration import held_out_folds, range_with_margin, shrinkage_of
from skts.training.callbacks import NoGain
from skts.training.net import RegressorNet
from tests.recording import X, Y
from tests.settings import small

RNG = np.random.default_rng(0)
NOISE = RNG.standard_normal(len(X))
TARGET = np.where(np.unique(Y)[0] == Y, 3.0, 5.0) + 0.1 * NOISE


def calibrated(y, **options):
    options = {"calibration_folds": 3, "max_epochs": 20} | options
    return small(skts.FCNRegressor, **options).fit(X, y)


class TestShrinkage:
    def test_of_noise_is_small_and_of_the_truth_nearly_one(self):
        target = RNG.standard_normal(400)
        noise = [RNG.standard_normal(400) for _ in range(20)]
        found = [shrinkage_of(other, target, np.ones(400)) for other in noise]
        assert max(found) < 0.15
        assert found.count(0.0) > 8
        assert shrinkage_of(target, target, np.ones(400)) == 1.0
        assert shrinkage_of(-target, target, np.ones(400)) == 0.0
        assert shrinkage_of(0 * target, target, np.ones(400)) == 0.0

    def test_is_the_slope_where_predictions_are_too_large(self):
        target = RNG.standard_normal(2000)
        found = shrinkage_of(2 * target + RNG.standard_normal(2000), target, np.ones(2000))
        assert found == pytest.approx(2 / 5, abs=0.02)

    def test_series_of_little_weight_hardly_count(self):
        predictions, target = RNG.standard_normal((2, 50)) + RNG.standard_normal(50)
        weight = np.where(np.arange(50) < 40, 1.0, 1e-9)
        spoilt = np.where(weight == 1, predictions, -1000 * target)
        expected = shrinkage_of(spoilt, target, weight)
        assert expected == pytest.approx(
            shrinkage_of(predictions[:40], target[:40], np.ones(40)), abs=0.05
        )


@pytest.mark.parametrize(("n", "n_folds", "sizes"), [(3, 5, []), (9, 5, [3, 2, 2, 2])])
def test_folds_of_few_series(n, n_folds, sizes):
    assert [len(test) for _, test in held_out_folds(n, n_folds, 0)] == sizes


def test_as_many_folds_as_hold_enough_series():
    assert [len(test) for _, test in held_out_folds(300, 5, 0)] == [60, 60]
    assert [len(test) for _, test in held_out_folds(5000, 5, 0)] == [1000]


class TestRegressor:
    def test_predicts_little_but_the_mean_of_noise(self):
        reg = calibrated(NOISE)
        raw = small(skts.FCNRegressor, max_epochs=20).fit(X, NOISE)
        assert reg.shrinkage_ < 0.5
        assert reg.predict(X).std() < 0.5 * raw.predict(X).std()
        assert raw.shrinkage_ is None

    def test_of_what_can_be_learnt_hardly_shrinks(self):
        reg = calibrated(TARGET)
        assert reg.shrinkage_ > 0.9
        assert reg.score(X, TARGET) > 0.8

    def test_stays_near_the_range_of_the_targets(self):
        reg = calibrated(TARGET)
        low, high = range_with_margin(TARGET)
        assert reg.target_range_ == pytest.approx((low, high), rel=1e-5)
        predictions = reg.predict(1e4 * X)
        assert predictions.min() >= reg.target_range_[0]
        assert predictions.max() <= reg.target_range_[1]

    def test_none_leaves_the_network_as_it_is(self):
        reg = calibrated(TARGET, calibration_folds=None)
        same = small(skts.FCNRegressor, max_epochs=20).fit(X, TARGET)
        np.testing.assert_array_equal(reg.predict(X), same.predict(X))

    def test_the_network_is_that_without_calibration(self):
        options = {"target_loss": None}
        with_it, without = (
            calibrated(NOISE, **options),
            calibrated(NOISE, calibration_folds=None, **options),
        )
        raw = without.predict(X) - without.target_mean_
        shrunk = (raw * with_it.shrinkage_ + with_it.target_mean_).clip(*with_it.target_range_)
        np.testing.assert_allclose(with_it.predict(X), shrunk, rtol=1e-6)

    def test_comes_back_from_a_file(self, tmp_path):
        reg = calibrated(NOISE)
        reg.save(tmp_path / "reg.skts")
        again = skts.load(tmp_path / "reg.skts")
        assert (again.shrinkage_, again.target_range_) == (reg.shrinkage_, reg.target_range_)
        np.testing.assert_array_equal(again.predict(X), reg.predict(X))

    def test_the_onnx_model_is_calibrated(self, tmp_path):
        runtime = pytest.importorskip("onnxruntime")
        reg = calibrated(NOISE)
        skts.export_onnx(reg, tmp_path / "reg.onnx")
        session = runtime.InferenceSession(tmp_path / "reg.onnx")
        for series in (X, 1e4 * X):
            (found,) = session.run(None, {"x": series[:, None].astype(np.float32)})
            np.testing.assert_allclose(found, reg.predict(series), rtol=1e-4, atol=1e-5)

    def test_partial_fit_does_not_calibrate(self):
        reg = calibrated(TARGET).partial_fit(X, TARGET + 100)
        assert reg.shrinkage_ is reg.target_range_ is None

    def test_a_fit_again_is_the_same(self):
        first, second = calibrated(NOISE), calibrated(NOISE)
        assert first.shrinkage_ == second.shrinkage_
        np.testing.assert_array_equal(first.predict(X), second.predict(X))

    def test_users_callbacks_see_the_last_training_alone(self):
        seen = []

        class Count(skts.training.callbacks.Callback):
            def on_epoch_end(self, net, **kwargs):
                seen.append(len(net.history))

        calibrated(NOISE, max_epochs=3, callbacks=[Count()])
        assert seen == [1, 2, 3]

    def test_callbacks_need_not_be_copied(self):
        class Locked(skts.training.callbacks.Callback):
            def __init__(self):
                self.lock = threading.Lock()

        assert calibrated(TARGET, max_epochs=1, callbacks=[Locked()]).shrinkage_ is not None

    def test_training_that_goes_on_is_not_calibrated(self):
        reg = calibrated(TARGET, max_epochs=2, warm_start=True)
        assert reg.shrinkage_ is not None
        assert reg.fit(X, TARGET).shrinkage_ is None

    @pytest.mark.parametrize(
        "options",
        [{"fine_tune_rounds": 2}, {"early_stopping_patience": 2}, {"restore_best": "train_loss"}],
    )
    def test_other_ends_of_training_stay(self, options):
        options |= {"max_epochs": 14, "first_cycle": 2, "target_loss": 1e-9}
        n_epochs = [
            len(calibrated(NOISE, calibration_folds=n, **options).history_) for n in (3, None)
        ]
        assert n_epochs[0] == n_epochs[1]

    def test_the_held_out_loss_is_weighted_as_that_of_training(self):
        seen = []

        class Noted(NoGain):
            def __init__(self, loss_of_zero):
                super().__init__(loss_of_zero)
                seen.append(loss_of_zero)

        weight = np.ones(len(X))
        weight[0] = 200.0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("skts.base.regressor.NoGain", Noted)
            reg = small(skts.FCNRegressor, calibration_folds=3, max_epochs=1)
            reg.fit(X, NOISE, sample_weight=weight)
        target = (NOISE - reg.target_mean_) / reg.target_scale_
        train, test = next(held_out_folds(len(X), 3, 0))
        expected = (weight[test] / weight[train].mean() * target[test] ** 2).mean()
        assert seen == [pytest.approx(expected, rel=1e-4)]

    def test_training_ends_where_another_cycle_gains_nothing(self):
        options = {"first_cycle": 2, "max_epochs": 14}
        assert len(calibrated(NOISE, **options).history_) == 2
        assert len(calibrated(NOISE, calibration_folds=None, **options).history_) == 14

    def test_resumes_after_an_interrupt(self, tmp_path, monkeypatch):
        options = {"max_epochs": 4, "checkpoint_dir": str(tmp_path), "device": "cpu"}
        whole = calibrated(TARGET, **options)
        assert whole.shrinkage_ > 0
        calls = []

        def interrupted(net, *args):
            calls.append(net)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return fit_on(net, *args)

        fit_on = RegressorNet.fit_on
        monkeypatch.setattr(RegressorNet, "fit_on", interrupted)
        reg = small(skts.FCNRegressor, calibration_folds=3, **options)
        with pytest.raises(KeyboardInterrupt):
            reg.fit(X, TARGET)
        assert not hasattr(reg, "net_")
        np.testing.assert_array_equal(reg.fit(X, TARGET).predict(X), whole.predict(X))
        assert list(tmp_path.iterdir()) == []


class TestChannels:
    @pytest.mark.parametrize("offset", [0.0, 1e5])
    def test_the_scale_of_a_channel_does_not_matter(self, offset):
        options = {"max_epochs": 5, "calibration_folds": None}
        plain = small(skts.CNNRegressor, **options).fit(X, TARGET)
        scaled = small(skts.CNNRegressor, **options).fit(64 * X + offset, TARGET)
        np.testing.assert_allclose(scaled.predict(64 * X + offset), plain.predict(X), atol=0.05)

    def test_are_weighted_and_of_valid_time_points(self):
        series = [x[: 10 + i % 7] for i, x in enumerate(X)]
        weight = RNG.integers(0, 3, len(X)).astype(float)
        reg = small(skts.FCNRegressor, max_epochs=1).fit(series, TARGET, sample_weight=weight)
        values = np.concatenate(series)
        of_each = np.repeat(weight, [len(x) for x in series])
        mean = np.average(values, weights=of_each)
        deviation = np.sqrt(np.average((values - mean) ** 2, weights=of_each))
        module = reg.net_.module_
        assert module.mean.item() == pytest.approx(mean, abs=1e-6)
        assert module.deviation.item() == pytest.approx(deviation, rel=1e-5)

    def test_a_constant_one_is_left_at_its_level_less_its_mean(self):
        both = np.stack([X, np.full_like(X, 7.0)], axis=1)
        reg = small(skts.FCNRegressor, max_epochs=1).fit(both, TARGET)
        assert reg.net_.module_.mean[1].item() == 7.0
        assert reg.net_.module_.deviation[1].item() == 1.0

    def test_classifiers_may_do_it_too(self):
        clf = small(skts.FCNClassifier, normalize="channel", max_epochs=1).fit(1e3 * X + 5, Y)
        assert clf.net_.module_.mean.item() == pytest.approx(1e3 * X.mean() + 5, rel=1e-4)
