"""Hydra beside MiniRocket, and the ridge regression that is its head."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.linear_model import Ridge, RidgeCV
from torch.nn import functional as F

from skts import HydraMiniRocketClassifier, HydraMiniRocketRegressor
from skts.base.ridge import each_once
from skts.datasets import load_ucr
from skts.models import HydraMiniRocket
from skts.models.hydra import Hydra, MiniRocket, indicator, taps
from skts.training.ridge import ALPHAS, calibrated_scale, scale_of, solved
from skts.training.train import TrainingData
from tests.networks import seeded

SMALL = {"n_groups": 8, "n_features": 500, "random_state": 0}


class TestFeatures:
    @pytest.mark.parametrize("dilation", [1, 3])
    def test_taps_are_a_dilated_convolution_of_kernels_that_sum_to_zero(self, dilation):
        x, kernels = torch.randn(2, 1, 30), torch.randn(5, 9)
        kernels = kernels - kernels.mean(dim=1, keepdim=True)
        expected = F.conv1d(x, kernels[:, None], padding=4 * dilation, dilation=dilation)
        torch.testing.assert_close(kernels @ taps(x[:, 0], dilation), expected)

    def test_a_flat_series_gives_every_kernel_exactly_nothing(self):
        assert not taps(torch.full((1, 40), 0.3), 1)[..., 4:-4].any()

    def test_hydras_kernels_are_normalised(self):
        kernels = seeded(Hydra, 1, 150, n_groups=64, n_kernels=8).kernels
        assert kernels.shape == (5, 2, 32, 8, 9)  # dilations 1 to 16, series and differences
        torch.testing.assert_close(kernels.sum(dim=-1), torch.zeros(5, 2, 32, 8))
        torch.testing.assert_close(kernels.abs().sum(dim=-1), torch.ones(5, 2, 32, 8))

    def test_hydra_counts_what_wins_in_its_group(self):
        hydra = seeded(Hydra, 1, 9, n_groups=2, n_kernels=3)
        x = torch.randn(1, 1, 9)
        outputs = hydra.kernels[0, 0, 0] @ taps(x[0, 0], 1)  # (K, T)
        wins, losses = torch.zeros(3), torch.zeros(3)
        for step in outputs.T:
            wins[step.argmax()] += step.max()
            losses[step.argmin()] += 1
        found = hydra(x)[0, :6].square()
        torch.testing.assert_close(found, torch.cat([wins, losses]))

    def test_minirockets_kernels_are_the_84_of_two_values(self):
        rocket = seeded(MiniRocket, 1, 150, n_features=10_000)
        assert rocket.n_features == 9996
        assert len({tuple(kernel) for kernel in rocket.kernels.tolist()}) == 84
        assert not rocket.kernels.sum(dim=1).any()
        assert (rocket.dilations[0], max(rocket.dilations)) == (1, 18)  # 8 * 18 < 150

    def test_minirockets_features_are_shares_of_time_points_above_a_bias(self):
        rocket = seeded(MiniRocket, 1, 20, n_features=84)
        x = torch.randn(4, 1, 20)
        rocket.learn(x)
        outputs = rocket.kernels @ taps(x[:, 0], 1)  # (B, 84, T)
        expected = (outputs > rocket.get_buffer("biases_0")).float().mean(dim=2)
        torch.testing.assert_close(rocket(x), expected)

    def test_biases_are_quantiles_of_a_training_series(self):
        rocket = seeded(MiniRocket, 1, 20, n_features=840)
        x = torch.randn(1, 1, 20)
        rocket.learn(x)
        outputs = rocket.kernels @ taps(x[0, 0], 1)
        ranks = torch.arange(1, 841, dtype=torch.float64) * (1 + 5**0.5) / 2 % 1
        n = rocket.n_biases[0]
        for kernel in (0, 50):
            of_kernel = ranks[kernel * n : (kernel + 1) * n].float()
            expected = torch.quantile(outputs[kernel], of_kernel)
            torch.testing.assert_close(rocket.get_buffer("biases_0")[kernel], expected)

    def test_padding_does_not_change_the_features(self):
        network = seeded(HydraMiniRocket, 2, 40, 3, n_groups=8, n_features=500)
        x, lengths = torch.randn(3, 2, 40), torch.tensor([27, 40, 12])
        network.learn(x, lengths)
        alone = [network.features(s[None, :, :n]) for s, n in zip(x, lengths, strict=True)]
        torch.testing.assert_close(network.features(x, lengths), torch.cat(alone))

    @pytest.mark.parametrize("n_channels", [2, 5, 20])
    def test_each_group_and_kernel_reads_some_channels(self, n_channels):
        network = seeded(HydraMiniRocket, n_channels, 40, 3)
        hydra, rocket = (part.channels.sum(dim=-1) for part in (network.hydra, network.minirocket))
        assert hydra.unique().tolist() == [{2: 2, 5: 2, 20: 8}[n_channels]]
        assert rocket.min() >= 1
        assert rocket.max() <= min(n_channels, 9)
        assert len(rocket.unique()) > 1

    @pytest.mark.parametrize("compare", [torch.eq, torch.gt])
    def test_an_indicator_is_the_comparison_as_numbers(self, compare):
        a, b = torch.randint(3, (4, 1, 5)).float(), torch.randint(3, (2, 1)).float()
        with torch.no_grad():
            found = indicator(compare, a, b)
        torch.testing.assert_close(found, indicator(compare, a, b))
        assert found.tolist() == compare(a, b).float().tolist()


class TestRidge:
    def test_the_head_is_that_of_a_ridge_regression_on_scaled_features(self):
        X, _ = load_ucr("ItalyPowerDemand", "train")
        y = X[:, -1]
        reg = HydraMiniRocketRegressor(**SMALL).fit(X[:, :-1], y)
        with torch.no_grad():
            series = torch.tensor(X[:, None, :-1], dtype=torch.float32)
            features = reg.net_.module_.features(series).double().numpy()
        scaled = (features - features.mean(axis=0)) / scale_of(
            features, features.mean(axis=0), np.ones(len(y))
        )
        target = ((y - y.mean()) / y.std()).astype(np.float32)
        ridge = RidgeCV(ALPHAS, scoring="neg_mean_squared_error").fit(scaled, target)
        expected = ridge.predict(scaled) * y.std() + y.mean()
        np.testing.assert_allclose(reg.predict(X[:, :-1]), expected, rtol=1e-3, atol=1e-3)

    def test_weights_count_as_series_do(self):
        X, y = load_ucr("ItalyPowerDemand", "train")
        rare = HydraMiniRocketClassifier(**SMALL).fit(X, y, np.where(y == "1", 1e-3, 1))
        often = HydraMiniRocketClassifier(**SMALL).fit(X, y)
        assert rare.predict_proba(X)[:, 0].mean() < 0.5 * often.predict_proba(X)[:, 0].mean()
        balanced = HydraMiniRocketClassifier(class_weight={"1": 1e-3}, **SMALL).fit(X, y)
        np.testing.assert_allclose(balanced.predict_proba(X), rare.predict_proba(X), atol=1e-4)

    def test_series_without_a_weight_or_class_weight_are_not_there(self):
        X, y = load_ucr("ItalyPowerDemand", "train")
        alone = HydraMiniRocketClassifier(**SMALL).fit(X[:50], y[:50])
        weight = np.where(np.arange(len(y)) < 50, 1.0, 1e-12)
        faint = HydraMiniRocketClassifier(**SMALL).fit(X, y, weight)
        faint_alone = np.corrcoef(faint.predict_proba(X)[:, 0], alone.predict_proba(X)[:, 0])
        assert faint_alone[0, 1] > 0.97  # the kernels' biases come from other series
        third = np.where(np.arange(len(y)) % 3 == 0, "3", y)
        without = HydraMiniRocketClassifier(class_weight={"3": 0, "1": 1, "2": 1}, **SMALL)
        probabilities = without.fit(X, third).predict_proba(X)
        assert np.isfinite(probabilities).all()
        assert (probabilities.argmax(axis=1) != 2).all()

    def test_repeats_are_weights(self):
        X, y = load_ucr("ItalyPowerDemand", "train")
        rows = np.r_[np.flatnonzero(y == "1")[:8], np.flatnonzero(y == "2")]
        data = TrainingData(X[:, None], None, np.arange(67) % 2, np.ones(67), np.r_[rows, rows[:5]])
        data = data._replace(target=data.target[data.chosen], weight=np.ones(len(rows) + 5))
        once = each_once(data)
        assert sorted(once.chosen) == sorted(rows)
        assert once.weight.sum() == len(rows) + 5
        np.testing.assert_array_equal(once.target, once.chosen % 2)
        noise = np.random.default_rng(0).normal(size=(60, 30))
        labels = np.where(np.arange(60) < 15, "rare", "often")
        clf = HydraMiniRocketClassifier(oversample=True, **SMALL).fit(noise, labels)
        others = np.random.default_rng(1).normal(size=(200, 30))
        assert clf.predict_proba(others).max(axis=1).mean() < 0.7

    def test_values_too_large_are_named(self):
        X = np.random.default_rng(0).normal(size=(10, 1, 30)) * 1e38
        with pytest.raises(
            ValueError,
            match="not finite for 10 series of X; .*normalize",
        ):
            HydraMiniRocketRegressor(**SMALL).fit(X, np.arange(10.0))

    def test_where_memory_runs_out_features_come_by_halves(self, monkeypatch):
        X, y = load_ucr("ItalyPowerDemand", "train")
        expected = HydraMiniRocketClassifier(**SMALL).fit(X, y).predict_proba(X)
        features = HydraMiniRocket.features

        def of_few(self, x, lengths=None):
            if len(x) > 10:
                raise torch.OutOfMemoryError
            return features(self, x, lengths)

        monkeypatch.setattr(HydraMiniRocket, "features", of_few)
        found = HydraMiniRocketClassifier(**SMALL).fit(X, y).predict_proba(X)
        np.testing.assert_allclose(found, expected, atol=1e-5)

    @pytest.mark.parametrize("offset", [0, 1e3, 1e6])
    def test_an_offset_of_the_series_costs_no_precision(self, offset):
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(30, 40)), rng.normal(size=30)
        fitted = HydraMiniRocketRegressor(**SMALL).fit(X + offset, y)
        with torch.no_grad():
            series = torch.tensor(X[:, None] + offset, dtype=torch.float32)
            module = fitted.net_.module_
            scaled = module.scaling(module.features(series)).double().numpy()
        target = ((y - y.mean()) / y.std()).astype(np.float32)
        weight, bias, _ = solved(scaled, target, np.ones(30), 1, np.ones(30))
        expected = (scaled @ weight.T + bias)[:, 0] * y.std() + y.mean()
        np.testing.assert_allclose(fitted.predict(X + offset), expected, atol=0.02)

    def test_probabilities_say_how_often_the_label_is_right(self):
        X, y = load_ucr("ItalyPowerDemand", "train")
        flipped = np.where(np.random.default_rng(0).random(len(y)) < 0.3, "1", y)
        clf = HydraMiniRocketClassifier(**SMALL).fit(X, flipped)
        others, labels = load_ucr("ItalyPowerDemand", "test")
        sure = clf.predict_proba(others).max(axis=1).mean()
        assert abs(sure - clf.score(others, labels)) < 0.1

    def test_the_scale_of_decisions_is_the_likeliest(self):
        rng = np.random.default_rng(0)
        decisions = rng.normal(size=(4000, 3))
        target = np.array([rng.choice(3, p=p) for p in softmax(2.5 * decisions, axis=1)])
        found = calibrated_scale(decisions, target, np.ones(4000))
        assert abs(found - 2.5) < 0.15

    def test_classes_told_apart_without_an_error_are_not_certain(self):
        decisions = np.array([[1.0, -1.0], [-1.0, 1.0]] * 10)
        scale = calibrated_scale(decisions, np.array([0, 1] * 10), np.ones(20))
        sure = softmax(scale * decisions, axis=1).max(axis=1)
        np.testing.assert_allclose(sure, 20.5 / 21, atol=1e-3)

    def test_weights_of_classes_do_not_count_in_the_loss(self):
        rng = np.random.default_rng(0)
        target = np.array([0] * 27 + [1] * 3)
        features = rng.normal(size=(30, 4))
        of_classes = np.where(target == 1, 9.0, 1.0)
        losses = [solved(features, target, w, 2, np.ones(30))[2] for w in (np.ones(30), of_classes)]
        assert losses[1] > losses[0]  # the balanced answers are worse for most series
        X, y = rng.normal(size=(30, 20)), target
        balanced = HydraMiniRocketClassifier(**SMALL, class_weight="balanced").fit(X, y)
        halved = HydraMiniRocketClassifier(**SMALL, class_weight={0: 1.0, 1: 9.0}).fit(X, y)
        assert balanced.loo_loss_ == pytest.approx(halved.loo_loss_)

    def test_the_loss_is_that_of_series_left_out(self):
        rng = np.random.default_rng(0)
        features, weights = rng.normal(size=(20, 5)), rng.uniform(0.5, 2, 20)
        target = (features[:, 0] + rng.normal(size=20)).astype(np.float32)
        errors = np.zeros((len(ALPHAS), 20))
        for i in range(20):
            rest = np.arange(20) != i
            for j, alpha in enumerate(ALPHAS):
                ridge = Ridge(alpha).fit(features[rest], target[rest], weights[rest])
                errors[j, i] = ridge.predict(features[[i]])[0] - target[i]
        *_, loss = solved(features, target, weights, 1, weights)
        least = np.average(errors**2, axis=1, weights=weights).min()
        assert loss == pytest.approx(least, rel=0.02)

    def test_a_feature_of_few_series_counts_little(self):
        features = np.zeros((100, 2))
        features[:, 0] = np.arange(100)
        features[0, 1] = 1e-3
        scale = scale_of(features, features.mean(axis=0), np.ones(100))
        assert abs(scale[0] - features[:, 0].std()) < 1e-6
        assert scale[1] > 0.9

    def test_one_series_is_too_few(self):
        with pytest.raises(
            ValueError, match=r"needs at least 2 series with a weight above 0, got 1 sample"
        ):
            HydraMiniRocketRegressor(**SMALL).fit(np.ones((1, 20)), [1.0])

    def test_series_may_stay_where_they_are(self):
        X, y = load_ucr("ItalyPowerDemand", "train")
        there = HydraMiniRocketClassifier(**SMALL, memory_limit=0).fit(X, y)
        here = HydraMiniRocketClassifier(**SMALL).fit(X, y)
        np.testing.assert_allclose(there.predict_proba(X), here.predict_proba(X), atol=1e-4)
