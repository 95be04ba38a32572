"""Attributions that add up and find what was planted; importance of channels."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import skts
from skts.base import SeriesEstimator
from skts.explain import channel_importance, integrated_gradients, occlusion
from skts.explain.importance import _stretched
from tests.settings import discovered, is_classifier_class, is_solved, small
from tests.test_explain import UNEQUAL, X, fitted, logits_of

METHODS = [integrated_gradients, occlusion]
NETWORKS = [
    param
    for param in discovered(quick=is_classifier_class)
    if issubclass(param.values[0], SeriesEstimator)
]
SERIES = {"equal": X[:8], "unequal": UNEQUAL[:8]}


def outputs_of(est, X):
    """The logits of the classes, or the predictions."""
    return logits_of(est, X) if is_classifier(est) else est.predict(X)[:, None]


def explained(est, X, others):
    """Of the class predicted for each of X, what its output is for X less that for the others."""
    outputs = outputs_of(est, X)
    best = outputs.argmax(axis=1)
    return (outputs - outputs_of(est, others))[np.arange(len(best)), best]


@pytest.mark.parametrize("cls", NETWORKS)
class TestEveryNetwork:
    @pytest.mark.parametrize("lengths", SERIES)
    def test_integrated_gradients_sum_to_the_change_of_the_output(self, cls, lengths):
        series = SERIES[lengths]
        est = fitted(cls, X=X if lengths == "equal" else UNEQUAL)
        if is_solved(cls):
            with pytest.raises(ValueError, match=r"needs a differentiable network: .*occlusion"):
                integrated_gradients(est, series)
            return
        attributions = integrated_gradients(est, series, n_steps=100)
        assert [a.shape for a in attributions] == [x.shape for x in series]
        assert isinstance(attributions, list) == (lengths == "unequal")
        change = explained(est, series, [0 * x for x in series])
        sums = [a.sum() for a in attributions]
        np.testing.assert_allclose(sums, change, rtol=0, atol=0.03 * np.abs(change).max())

    @pytest.mark.parametrize("lengths", SERIES)
    def test_a_window_over_a_whole_channel_gives_what_it_adds(self, cls, lengths):
        series = SERIES[lengths]
        est = fitted(cls, X=X if lengths == "equal" else UNEQUAL)
        n_times = max(x.shape[1] for x in series)
        attributions = occlusion(est, series, window=n_times, stride=n_times)
        for channel in range(2):
            covered = [x * (np.arange(2) != channel)[:, None] for x in series]
            drop = explained(est, series, covered)
            for a, x, expected in zip(attributions, series, drop, strict=True):
                assert a.shape == x.shape
                np.testing.assert_allclose(a[channel], expected, atol=1e-5)

    @pytest.mark.full
    def test_on_cuda_they_are_as_on_the_cpu(self, cls, cuda):
        est = fitted(cls, device="cuda")
        on_cpu = type(est)._restored(*est._stored(), "cpu")
        for method in METHODS[is_solved(cls) :]:
            found = method(est, X[:8])
            np.testing.assert_allclose(found, method(on_cpu, X[:8]), rtol=0.05, atol=0.01)


def test_windows_that_overlap_are_averaged():
    est = fitted(skts.FCNClassifier, batch_size=5)
    drops = np.full((10, 2, 20), np.nan)  # of windows 0-3, 2-5, ..., 18-19
    for w in range(10):
        for channel in range(2):
            covered = X[:1].copy()
            covered[0, channel, 2 * w : 2 * w + 4] = 0
            drops[w, channel, 2 * w : 2 * w + 4] = explained(est, X[:1], covered)
    (found,) = occlusion(est, X[:1], window=4, stride=2)
    np.testing.assert_allclose(found, np.nanmean(drops, axis=0), atol=1e-5)
    np.testing.assert_allclose(occlusion(est, X, window=4, stride=2)[0], found, atol=1e-5)


def test_the_window_is_a_tenth_of_the_series_by_default():
    est = fitted(skts.FCNClassifier)
    expected = occlusion(est, X[:3], window=2, stride=1)
    np.testing.assert_array_equal(occlusion(est, X[:3]), expected)
    assert occlusion(est, X[:3, :, :1]).shape == (3, 2, 1)


@pytest.mark.parametrize("method", METHODS)
class TestBothMethods:
    @pytest.mark.parametrize("name", ["FCN", "LSTMFCN", "CNN"])
    def test_planted_segments_are_found(self, method, name):
        rng = np.random.default_rng(1)
        noise, starts = rng.normal(scale=0.3, size=(80, 60)), rng.integers(5, 40, size=80)
        shapes = {"hill": np.hanning(15), "wave": np.sin(np.linspace(0, 2 * np.pi, 15))}
        labels = np.array(list(shapes))[np.arange(80) % 2]
        for row, start, label in zip(noise, starts, labels, strict=True):
            row[start : start + 15] += 3 * shapes[label]
        cls = getattr(skts, f"{name}Classifier")
        est = small(cls, max_epochs=60).fit(noise[:50], labels[:50])
        peaks = method(est, noise[50:], labels[50:])[:, 0].argmax(axis=1)
        inside = (peaks >= starts[50:]) & (peaks < starts[50:] + 15)
        assert inside.mean() > 0.8

    def test_padding_changes_nothing(self, method):
        est = fitted(skts.ConvLSTMClassifier, X=UNEQUAL)
        for baseline in ("mean", np.ones((2, 1))):
            among = method(est, UNEQUAL, baseline=baseline)[0]
            (alone,) = method(est, UNEQUAL[:1], baseline=baseline)
            np.testing.assert_allclose(among, alone, atol=1e-5)

    def test_the_predicted_class_is_the_default(self, method):
        labels = np.where(X[:, 0].mean(axis=1) > 0, "up", "down")
        est = small(skts.LSTMFCNClassifier, max_epochs=20).fit(X, labels)
        predicted = est.predict(X)
        assert set(predicted) == {"up", "down"}
        by_default, of_up = method(est, X), method(est, X, "up")
        np.testing.assert_array_equal(by_default, method(est, X, predicted))
        is_same = (by_default == of_up).all(axis=(1, 2))
        np.testing.assert_array_equal(is_same, predicted == "up")

    def test_they_are_in_the_units_of_the_target(self, method):
        targets = X[:, 0, 0]
        est = small(skts.FCNRegressor, max_epochs=3)
        found = method(est.fit(X, targets), X)
        np.testing.assert_allclose(method(est.fit(X, 1000 * targets), X), 1000 * found, rtol=1e-3)

    def test_they_are_of_normalised_series(self, method):
        est = fitted(skts.FCNClassifier, normalize="series")
        np.testing.assert_allclose(method(est, 100 + 5 * X), method(est, X), atol=1e-4)

    def test_rounding_to_bfloat16_is_left_out(self, method):
        est = fitted(skts.FCNClassifier, precision="bfloat16")
        found = method(est, X[:8], "no")
        est.net_.autocast = None
        np.testing.assert_array_equal(found, method(est, X[:8], "no"))

    def test_the_estimator_stays_what_it_was(self, method):
        est = fitted(skts.LSTMClassifier)
        before = est.predict_proba(X)
        np.testing.assert_array_equal(method(est, X), method(est, X))
        np.testing.assert_array_equal(est.predict_proba(X), before)
        parameters = list(est.net_.module_.parameters())
        assert all(p.grad is None for p in parameters)
        assert any(p.requires_grad for p in parameters)
        assert not any(module.training for module in est.net_.module_.modules())

    def test_threads_do_not_see_each_other(self, method):
        est = fitted(skts.LSTMFCNClassifier)
        expected = method(est, X)
        with ThreadPoolExecutor(4) as threads:
            for found in threads.map(method, [est] * 8, [X] * 8):
                np.testing.assert_array_equal(found, expected)

    def test_mistakes(self, method):
        est = fitted(skts.FCNClassifier)
        with pytest.raises(ValueError, match=r"broadcast to .* = \(24, 2, 20\), got 'one'"):
            method(est, X, baseline="one")
        with pytest.raises(ValueError, match=r"baseline must be .* got shape \(3,\)"):
            method(est, X, baseline=np.zeros(3))
        with pytest.raises(ValueError, match="baseline must be .*finite"):
            method(est, X, baseline=np.nan)
        with pytest.raises(ValueError, match="classes must be among"):
            method(est, X, "maybe")
        with pytest.raises(TypeError, match="Of an ensemble, pass one of estimators_"):
            method(small(skts.SeedEnsembleClassifier), X)
        with pytest.raises(NotFittedError):
            method(small(skts.FCNClassifier), X)

    def test_without_captum(self, method, monkeypatch):
        monkeypatch.setitem(sys.modules, "captum", None)
        with pytest.raises(ModuleNotFoundError, match=r'captum.*pip install .*"\.\[explain\]"'):
            method(fitted(skts.FCNClassifier), X)


def test_the_baseline_is_where_the_sum_starts():
    est = fitted(skts.FCNClassifier)
    flat = np.broadcast_to(X.mean(axis=2, keepdims=True), X.shape)
    average = np.broadcast_to(X.mean(axis=0), X.shape)
    for baseline, start in [("mean", flat), (X.mean(axis=0), average), (0.5, 0 * X + 0.5)]:
        attributions = integrated_gradients(est, X, baseline=baseline, n_steps=100)
        change = explained(est, X, start)
        np.testing.assert_allclose(attributions.sum(axis=(1, 2)), change, atol=0.01)


def test_too_few_steps_are_told():
    est = fitted(skts.FCNClassifier)
    with pytest.warns(ConvergenceWarning, match="n_steps=1 is too small for .* Raise n_steps"):
        integrated_gradients(est, X, n_steps=1)


def test_unused_networks_get_nothing():
    est = fitted(skts.FCNClassifier)
    torch.nn.init.zeros_(est.net_.module_.head.weight)
    for method in METHODS:
        assert not method(est, X).any()


def test_numbers_that_cannot_be():
    est = fitted(skts.FCNClassifier)
    with pytest.raises(ValueError, match="n_steps must be an integer of at least 1, got 0"):
        integrated_gradients(est, X, n_steps=0)
    with pytest.raises(
        ValueError, match="window must be an integer of at least 1 or None, got 2.5"
    ):
        occlusion(est, X, window=2.5)
    with pytest.raises(ValueError, match="window must be at most 20, the length of the series"):
        occlusion(est, X, window=21)
    with pytest.raises(ValueError, match="stride must be at most window=3 .* got 4"):
        occlusion(est, X, window=3, stride=4)


class TestChannelImportance:
    def planted(self, *, unequal=False):
        """Three channels of noise; the level of the second tells the class."""
        rng = np.random.default_rng(0)
        labels = np.array(["low", "high"])[np.arange(60) % 2]
        series = [rng.normal(size=(3, 12 + i % 5 if unequal else 14)) for i in range(60)]
        for x, label in zip(series, labels, strict=True):
            x[1] += 3 if label == "high" else -3
        return series if unequal else np.array(series), labels

    @pytest.mark.parametrize("unequal", [False, True])
    @pytest.mark.parametrize("cls", [skts.FCNClassifier, skts.SeedEnsembleClassifier])
    def test_the_planted_channel_is_found(self, cls, unequal):
        series, labels = self.planted(unequal=unequal)
        est = small(cls, max_epochs=20).fit(series[:40], labels[:40])
        found = channel_importance(est, series[40:], labels[40:], n_repeats=4, random_state=0)
        assert found.importances.shape == (3, 4)
        assert found.importances_mean.argmax() == 1
        assert found.importances_mean[1] > 0.3
        assert np.abs(found.importances_mean[[0, 2]]).max() < 0.1
        again = channel_importance(est, series[40:], labels[40:], n_repeats=4, random_state=0)
        np.testing.assert_array_equal(found.importances, again.importances)

    def test_of_single_time_points_it_is_that_of_columns(self):
        table = np.random.default_rng(0).normal(size=(50, 4))
        labels = (table @ [1, 2, 0, -1] > 0).astype(int)
        linear = LogisticRegression().fit(table, labels)
        squeezed = make_pipeline(FunctionTransformer(squeeze), linear)
        for scoring in (None, "neg_log_loss"):
            options = {"scoring": scoring, "n_repeats": 3, "random_state": 1}
            expected = permutation_importance(linear, table, labels, **options)
            found = channel_importance(squeezed, table[:, :, None], labels, **options)
            np.testing.assert_allclose(found.importances, expected.importances)

    def test_several_scores(self):
        series, labels = self.planted()
        est = small(skts.FCNClassifier, max_epochs=2).fit(series, labels)
        found = channel_importance(
            est, series, labels, scoring=["accuracy", "neg_log_loss"], n_repeats=2
        )
        assert found.keys() == {"accuracy", "neg_log_loss"}
        assert found["neg_log_loss"].importances.shape == (3, 2)

    def test_the_series_stay_what_they_were(self):
        series, labels = self.planted()
        before = series.copy()
        est = small(skts.FCNClassifier, max_epochs=1).fit(series, labels)
        channel_importance(est, series, labels, n_repeats=1)
        np.testing.assert_array_equal(series, before)

    def test_channels_of_an_ensemble_keep_their_names(self):
        series, labels = self.planted()
        frames = [pd.DataFrame(one.T, columns=list("abc")) for one in series]
        ensemble = small(skts.SeedEnsembleClassifier, max_epochs=1).fit(frames, labels)
        channel_importance(ensemble, frames, labels, n_repeats=1)
        with pytest.raises(ValueError, match="must have the channels"):
            channel_importance(ensemble, [one[list("cba")] for one in frames], labels, n_repeats=1)

    def test_stretched_channels_keep_their_ends(self):
        assert _stretched(np.array([0.0, 1.0, 2.0]), 5).tolist() == [0, 0.5, 1, 1.5, 2]
        assert _stretched(np.arange(5.0), 3).tolist() == [0, 2, 4]

    def test_mistakes(self):
        series, labels = self.planted()
        with pytest.raises(NotFittedError):
            channel_importance(small(skts.FCNClassifier), series, labels)
        est = small(skts.FCNClassifier, max_epochs=1).fit(series, labels)
        with pytest.raises(ValueError, match="the series in a 2-D X have 1 channel"):
            channel_importance(est, series[:, 0], labels)
        with pytest.raises(ValueError, match="n_repeats"):
            channel_importance(est, series, labels, n_repeats=0)


def squeeze(X):
    return X[:, :, 0]
