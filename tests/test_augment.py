"""Augmentation: each function changes series as it says, and training alone changes them."""

import inspect
import shutil

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

import skts
from skts.augment import (
    AUGMENTATIONS,
    KNOTS_OF_SPEED,
    LEAST_SPEED,
    augmented,
    channel_dropout,
    jitter,
    scaling,
    time_mask,
    time_warp,
    window_slice,
)
from skts.base import GradientTrained
from skts.discovery import all_estimators
from tests.recording import X, Y
from tests.settings import discovered, small

FUNCTIONS = list(AUGMENTATIONS.values())
NAMES = list(AUGMENTATIONS)
SERIES = torch.as_tensor(np.random.default_rng(0).standard_normal((40, 3, 30)), dtype=torch.float32)
LENGTHS = 1 + torch.arange(40) % 30
RAMP = torch.arange(101.0).expand(500, 2, 101) * torch.tensor([[1.0], [2.0]])
TWO_CHANNELS = np.stack([X, X[:, ::-1]], axis=1)
UNIVARIATE = [name for name in NAMES if name != "channel_dropout"]
TRAINED = [p for p in discovered() if issubclass(p.values[0], GradientTrained)]
full = pytest.mark.full


def drawn(function, x, lengths=None, seed=0, **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return function(x, lengths, **options)


def padded(x):
    """With numbers beyond the ends of the series, which nothing may read."""
    is_valid = torch.arange(30) < LENGTHS[:, None, None]
    return torch.where(is_valid, x, 99.0), is_valid


@pytest.mark.parametrize("function", FUNCTIONS)
class TestEvery:
    def test_changes_series_from_torchs_generator_and_nothing_else(self, function):
        before = SERIES.clone()
        found = drawn(function, SERIES)
        assert found.shape == SERIES.shape
        assert found.dtype == torch.float32
        assert torch.equal(SERIES, before)
        assert not torch.equal(found, SERIES)
        assert torch.equal(drawn(function, SERIES), found)
        assert not torch.equal(drawn(function, SERIES, seed=1), found)

    def test_of_strength_0_changes_nothing(self, function):
        torch.testing.assert_close(function(SERIES, strength=0), SERIES)

    def test_goes_by_the_scale_of_the_series(self, function):
        found = drawn(function, 50 * SERIES + 1000)
        torch.testing.assert_close(found, 50 * drawn(function, SERIES) + 1000, rtol=0, atol=2e-3)

    def test_leaves_padding_at_zero_and_does_not_read_it(self, function):
        x, is_valid = padded(SERIES)
        found = drawn(function, x, LENGTHS)
        assert not found.masked_select(~is_valid).any()
        assert torch.equal(found, drawn(function, SERIES * is_valid, LENGTHS))
        assert found.abs().max() < 10

    def test_of_one_time_point_changes_nothing(self, function):
        assert torch.equal(drawn(function, SERIES[:, :, :1]), SERIES[:, :, :1])
        x, _ = padded(SERIES)
        assert torch.equal(drawn(function, x, LENGTHS)[LENGTHS == 1, :, 0], x[LENGTHS == 1, :, 0])

    def test_leaves_constant_channels_alone(self, function):
        constant = torch.full((4, 2, 9), 7.0)
        torch.testing.assert_close(drawn(function, constant), constant)

    @pytest.mark.parametrize("strength", [-0.1, float("nan"), float("inf"), "much", True])
    def test_refuses_another_strength(self, function, strength):
        with pytest.raises(ValueError, match=f"{function.__name__} must be a number in .0, .*got"):
            function(SERIES, strength=strength)

    def test_refuses_another_shape(self, function):
        with pytest.raises(ValueError, match=r"must have the shape \(B, C, T\), got \(3, 30\)"):
            function(SERIES[0])


@pytest.mark.parametrize("function", [f for f in FUNCTIONS if f is not jitter])
def test_a_shorter_series_is_changed_as_if_it_were_alone(function):
    padded_alone, _ = padded(SERIES)
    found = drawn(function, padded_alone[17:18], LENGTHS[17:18])[:, :, :18]
    torch.testing.assert_close(found, drawn(function, SERIES[17:18, :, :18]))


def test_jitter_is_normal_with_a_part_of_the_deviation_of_each_channel():
    scales = torch.tensor([[1.0], [100.0], [0.01]])
    x = SERIES.repeat(30, 1, 1) * scales + 3
    noise = (drawn(jitter, x, strength=0.2) - x) / x.std(dim=2, correction=0, keepdim=True)
    for channel in noise.unbind(dim=1):
        assert channel.mean() == pytest.approx(0, abs=0.005)
        assert channel.std() == pytest.approx(0.2, rel=0.02)
    within = (noise.abs() < 0.2).float().mean()
    assert within == pytest.approx(0.6827, abs=0.01)


def test_jitter_goes_by_what_is_valid_of_a_series():
    x = torch.zeros(2000, 1, 30)
    x[:, :, :10] = torch.arange(10.0)
    found = drawn(jitter, x, torch.full((2000,), 10), strength=0.5)
    assert (found - x)[:, :, :10].std() == pytest.approx(0.5 * np.std(np.arange(10)), rel=0.02)


def test_scaling_multiplies_each_channels_deviation_from_its_mean():
    x = SERIES.repeat(30, 1, 1) + 3
    mean = x.mean(dim=2, keepdim=True)
    factor = (drawn(scaling, x, strength=0.3) - mean) / (x - mean)
    far = (x - mean).abs() > 0.5
    of_channel = factor.masked_fill(~far, float("nan")).nanmedian(dim=2, keepdim=True).values
    torch.testing.assert_close(factor[far], of_channel.expand_as(factor)[far], rtol=0, atol=1e-4)
    assert of_channel.mean() == pytest.approx(1, abs=0.02)
    assert of_channel.std() == pytest.approx(0.3, rel=0.05)


def test_warped_time_is_the_integral_of_the_speed():
    found = drawn(time_warp, RAMP[:5]).numpy()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        speeds = (1 + 0.2 * torch.randn(5, KNOTS_OF_SPEED)).clamp(min=LEAST_SPEED).numpy()
    fine = np.linspace(0, 100, 10_001)
    for of_series, speed in zip(found, speeds, strict=True):
        at = np.interp(fine, np.linspace(0, 100, KNOTS_OF_SPEED), speed)
        passed = np.concatenate([[0], np.cumsum((at[1:] + at[:-1]) / 2)])
        expected = (100 * passed / passed[-1])[::100]
        np.testing.assert_allclose(of_series[0], expected, atol=1e-3)
        np.testing.assert_allclose(of_series[1], 2 * expected, atol=2e-3)


def test_warped_time_never_goes_back_and_keeps_both_ends():
    found = drawn(time_warp, RAMP, strength=2)[:, 0]  # often at the least speed
    assert (found.diff() > 0).all()
    assert (found[:, 0] == 0).all()
    torch.testing.assert_close(found[:, -1], torch.full((500,), 100.0))
    at_rest = drawn(time_warp, RAMP)[:, 0]
    assert (at_rest - RAMP[:, 0]).mean() == pytest.approx(0, abs=0.5)


def test_a_slice_is_a_window_of_the_series_stretched_to_its_length():
    found = drawn(window_slice, RAMP, strength=0.3)
    first, last = found[:, 0, 0], found[:, 0, -1]
    torch.testing.assert_close(last - first, torch.full((500,), 70.0))
    torch.testing.assert_close(found[:, 0].diff(), torch.full((500, 100), 0.7), rtol=0, atol=1e-4)
    torch.testing.assert_close(found[:, 1], 2 * found[:, 0])
    assert 0 <= first.min() < 1
    assert 29 < first.max() <= 30
    assert first.mean() == pytest.approx(15, abs=1.5)


def test_a_mask_is_a_stretch_of_time_at_the_mean_of_each_channel():
    x = RAMP[:, :, :100]  # none of its values is its mean
    found = drawn(time_mask, x, strength=0.25)
    is_masked = found != x
    assert torch.equal(found[is_masked], x.mean(dim=2, keepdim=True).expand_as(x)[is_masked])
    assert torch.equal(is_masked[:, 0], is_masked[:, 1])
    starts = is_masked[:, 0].int().diff(dim=1, prepend=torch.zeros(500, 1, dtype=torch.int))
    assert ((starts == 1).sum(dim=1) <= 1).all()
    widths = is_masked[:, 0].sum(dim=1)
    assert widths.unique().tolist() == [*range(26)]
    assert is_masked[:, 0].any(dim=0).all()


def test_dropped_channels_are_at_their_mean_and_one_stays():
    x = SERIES.repeat(100, 1, 1) + 3
    found = drawn(channel_dropout, x, strength=0.3)
    dropped = (found != x).all(dim=2)
    assert torch.equal((found != x).any(dim=2), dropped)
    means = x.mean(dim=2, keepdim=True).expand_as(x)
    torch.testing.assert_close(found[dropped], means[dropped])
    assert dropped.float().mean() == pytest.approx(0.3 - 0.3**3 / 3, abs=0.01)
    dropped = (drawn(channel_dropout, x, strength=0.99) != x).all(dim=2)
    assert dropped.sum(dim=1).max() == 2


def test_several_follow_each_other_in_their_order():
    steps = [("time_mask", 0.5), "jitter"]
    found = drawn(lambda x, lengths: augmented(x, steps, lengths), SERIES, LENGTHS)
    expected = drawn(lambda x, n: jitter(time_mask(x, n, strength=0.5), n), SERIES, LENGTHS)
    assert torch.equal(found, expected)
    assert augmented(SERIES, None) is SERIES
    assert torch.equal(drawn(lambda x, _: augmented(x, "scaling"), SERIES), drawn(scaling, SERIES))


@pytest.mark.parametrize("cls", TRAINED)
def test_every_estimator_trained_by_gradient_takes_them(cls, tmp_path):
    y = Y if issubclass(cls, skts.base.SeriesClassifier) else X[:, 0]
    options = {"max_epochs": 1, "augment": [*NAMES, ("jitter", 0.5)]}
    est = small(cls, **options).fit(TWO_CHANNELS, y)
    outputs = est.predict(TWO_CHANNELS)
    again = small(cls, **options).fit(TWO_CHANNELS, y)
    np.testing.assert_array_equal(again.predict(TWO_CHANNELS), outputs)
    assert est.history_[:, "train_loss"] == again.history_[:, "train_loss"]
    plain = small(cls, max_epochs=1).fit(TWO_CHANNELS, y)
    assert est.history_[:, "train_loss"] != plain.history_[:, "train_loss"]
    est.save(tmp_path / "est.skts")
    loaded = skts.load(tmp_path / "est.skts")
    assert loaded.augment == loaded.net_.augment == est.augment
    np.testing.assert_array_equal(loaded.predict(TWO_CHANNELS), outputs)


def test_no_other_estimator_has_the_option():
    having = {cls for _, cls in all_estimators() if "augment" in inspect.signature(cls).parameters}
    assert having == {p.values[0] for p in TRAINED}


class SeenByModule(Callback):
    """Keeps what the module of a training reads."""

    def __init__(self):
        self.batches = []

    def on_train_begin(self, net, **kwargs):
        def keep(module, args, kwargs):
            self.batches.append(kwargs["x"].numpy())

        self.handle = net.module_.register_forward_pre_hook(keep, with_kwargs=True)

    def on_train_end(self, net, **kwargs):
        self.handle.remove()


def at_rest(**options):
    """Options of a training so slow that the weights stay what they are."""
    return {"lr": 1e-30, "weight_decay": 0.0, "max_epochs": 1} | options


class TestTrainingAlone:
    def test_has_them_and_validation_has_not(self):
        options = at_rest(validation_fraction=0.3)
        plain = small(skts.LSTMClassifier, **options).fit(X, Y)
        changed = small(skts.LSTMClassifier, augment=[("jitter", 1.0)], **options).fit(X, Y)
        assert changed.history_[:, "valid_loss"] == plain.history_[:, "valid_loss"]
        assert changed.history_[:, "train_loss"] != plain.history_[:, "train_loss"]
        np.testing.assert_array_equal(changed.predict_proba(X), plain.predict_proba(X))

    def test_has_them_and_batch_normalisations_averages_have_not(self):
        plain, changed, without = (
            small(skts.FCNClassifier, **at_rest(**options)).fit(X, Y).predict_proba(X)
            for options in (
                {},
                {"augment": [("scaling", 2.0)]},
                {"augment": [("scaling", 2.0)], "recompute_norms": False},
            )
        )
        np.testing.assert_allclose(changed, plain, atol=1e-3)
        assert np.abs(without - plain).max() > 1e-2

    def test_has_them_and_held_out_series_of_calibration_have_not(self):
        options = at_rest(calibration_folds=2)
        y = X[:, 3:6].sum(axis=1)
        plain = small(skts.LSTMRegressor, **options).fit(X, y)
        changed = small(skts.LSTMRegressor, augment=[("jitter", 1.0)], **options).fit(X, y)
        assert changed.shrinkage_ == plain.shrinkage_

    @pytest.mark.parametrize("options", [{"normalize": "channel"}, {"representation": "spectrum"}])
    def test_changes_series_ahead_of_scaling_and_representation(self, options):
        seen = SeenByModule()
        options = options | {"max_epochs": 1, "batch_size": 40, "callbacks": [seen]}
        series = 1e-3 * X + 7
        small(skts.FCNClassifier, augment="window_slice", **options).fit(series, Y)
        (batch,) = seen.batches
        assert batch.shape == (40, 1, 12)
        assert not np.isin(batch[:, 0], series.astype(np.float32)).all()
        assert np.abs(batch - 7).max() <= np.abs(series - 7).max() + 1e-6


class TestWays:
    def test_partial_fit_and_warm_start(self):
        found = {}
        for augment in (None, "jitter"):
            clf = small(skts.FCNClassifier, augment=augment, warm_start=True, max_epochs=1)
            clf.partial_fit(X, Y, classes=["a", "b"])
            first = clf.history_[-1, "train_loss"]
            found[augment] = first, clf.fit(X, Y).history_[-1, "train_loss"]
        assert found[None][0] != found["jitter"][0]
        assert found[None][1] != found["jitter"][1]

    def test_streamed_series_are_the_same(self):
        options = {"augment": UNIVARIATE, "max_epochs": 2}
        placed, streamed = (
            small(skts.FCNClassifier, memory_limit=limit, **options).fit(X, Y)
            for limit in (None, 0)
        )
        assert placed.history_[:, "train_loss"] == streamed.history_[:, "train_loss"]

    def test_bfloat16_and_unequal_lengths(self):
        series = [x[: 1 + i % 12] for i, x in enumerate(X)]
        clf = small(skts.FCNClassifier, augment=UNIVARIATE, precision="bfloat16", max_epochs=2)
        assert np.isfinite(clf.fit(series, Y).predict_proba(series)).all()

    @full
    @pytest.mark.filterwarnings("ignore")  # torch's compiler warns of what it does itself
    @pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
    def test_a_compiled_network_is_trained_on_the_same(self):
        compiled, plain = (
            small(skts.FCNClassifier, augment=UNIVARIATE, compile=c, max_epochs=2).fit(X, Y)
            for c in (True, False)
        )
        losses = (clf.history_[:, "train_loss"] for clf in (compiled, plain))
        np.testing.assert_allclose(*losses, rtol=1e-3)

    def test_a_grid_search_finds_among_them(self):
        grid = {"augment": [None, "jitter", ["time_mask"], [("scaling", 0.5), "time_warp"]]}
        search = GridSearchCV(small(skts.FCNClassifier, max_epochs=1), grid, cv=2).fit(X, Y)
        assert len(search.cv_results_["mean_test_score"]) == 4

    def test_dropping_the_only_channel_is_refused(self):
        clf = small(skts.FCNClassifier, augment=["jitter", "channel_dropout"])
        with pytest.raises(ValueError, match="two or more channels, got 1: remove it"):
            clf.fit(X, Y)
        assert "net_" not in vars(clf)


@pytest.mark.parametrize("wrong", ["noise", ("jitter", 0.1), [["jitter", 0.1]], []])
def test_what_is_no_augmentation(wrong):
    with pytest.raises(ValueError, match="augment must be a name, a list of names or pairs"):
        augmented(torch.zeros(2, 1, 8), wrong)
