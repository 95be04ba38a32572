"""Training of forecasters: what is learnt from and what is held out; intervals."""

import numpy as np
import pandas as pd
import pytest
import torch
from skorch.callbacks import Callback
from sktime.forecasting.base import ForecastingHorizon

from skts.forecasting.intervals import error_quantiles, held_out_errors
from tests.forecasts import (
    FH,
    INDEX,
    RNG,
    TWO,
    N,
    X,
    Y,
    in_sample_errors,
    panel,
    small,
    untrained,
    weights,
    weights_of,
)
from tests.recording import KeptBatches


class TestTraining:
    @pytest.mark.parametrize("strategy", ["recursive", "direct"])
    def test_held_out_values_do_not_reach_the_weights(self, strategy):
        other = Y.copy()
        other.iloc[-12:] += 100
        options = {"calibration_fraction": 0.2, "strategy": strategy}
        nets = [small(**options).fit(y, fh=FH) for y in (Y, other)]
        assert torch.equal(*map(weights, nets))
        more = small(**(options | {"calibration_fraction": 0.1})).fit(Y, fh=FH)
        assert not torch.equal(weights(nets[0]), weights(more))

    def test_update_learns_nothing_from_values_held_out(self):
        forecaster = untrained(calibration_fraction=0.2, update_lr=1e-12).fit(Y[:-10])
        forecaster.update(Y[-10:])
        errors = in_sample_errors(forecaster, Y) * Y.std(ddof=0) / Y[:40].std(ddof=0)
        learnt = np.r_[errors[:39], errors[-10:]]
        assert forecaster.history_[-1]["train_loss"] == pytest.approx(np.mean(learnt**2), rel=1e-4)

    @pytest.mark.parametrize("strategy", ["recursive", "direct"])
    def test_values_validated_on_do_not_reach_the_weights(self, strategy):
        other = Y.copy()
        other.iloc[-12:] = Y.iloc[-12:][::-1].to_numpy()  # mean and scale stay the same
        options = {"validation_fraction": 0.2, "strategy": strategy}
        nets = [small(**options).fit(y, fh=FH) for y in (Y, other)]
        assert torch.equal(*map(weights, nets))
        assert nets[0].history_[-1]["valid_loss"] != nets[1].history_[-1]["valid_loss"]

    @pytest.mark.parametrize("window_length", [None, 10])
    def test_the_last_part_validates(self, window_length):
        options = {"validation_fraction": 0.25, "max_epochs": 4, "window_length": window_length}
        forecaster = small(restore_best="valid_loss", **options).fit(Y)
        best = min(forecaster.history_[:, "valid_loss"])
        errors = in_sample_errors(forecaster, Y)[-15:]
        assert np.mean(errors**2) == pytest.approx(best, rel=1e-3)

    def test_early_stopping_and_training_anew(self):
        options = {
            "validation_fraction": 0.25,
            "early_stopping_patience": 3,
            "restore_best": "valid_loss",
            "max_epochs": 200,
            "lr_schedule": None,
        }
        stopped = small(**options).fit(Y)
        losses = stopped.history_[:, "valid_loss"]
        assert len(losses) == np.argmin(losses) + 1 + 3 < 200
        anew = small(**options, refit=True).fit(Y)
        assert len(anew.history_) == np.argmin(losses) + 1
        assert "valid_loss" not in anew.history_[-1]
        same = small(max_epochs=len(anew.history_), lr_schedule=None).fit(Y)
        assert torch.equal(weights(anew), weights(same))
        unfit = [
            {"lr_schedule": "plateau"},
            {"fine_tune_rounds": 1},
            {"restore_best": "train_loss"},
        ]
        for other in (*unfit, {"validation_fraction": None, "restore_best": None}):
            with pytest.raises(ValueError, match="refit=True needs validation_fraction"):
                small(**(options | {"refit": True} | other)).fit(Y)

    @pytest.mark.parametrize("window_length", [None, 10])
    def test_the_loss_is_that_of_every_time_point_but_the_first(self, window_length):
        forecaster = untrained(window_length=window_length).fit(Y)
        expected = np.mean(in_sample_errors(forecaster, Y) ** 2)
        assert forecaster.history_[0]["train_loss"] == pytest.approx(expected, rel=1e-4)

    def test_the_loss_leaves_missing_values_out(self):
        gaps = Y.mask(np.arange(N) % 7 == 3)
        forecaster = untrained(missing="ffill").fit(gaps)
        errors = in_sample_errors(forecaster, gaps).dropna()
        assert len(errors) == gaps.notna().sum() - 1
        loss = forecaster.history_[0]["train_loss"]
        assert loss == pytest.approx(np.mean(errors**2), rel=1e-4)

    def test_windows_cut_the_history(self):
        kept = KeptBatches()
        small(max_epochs=1, window_length=10, callbacks=[kept]).fit(Y)
        assert kept.epochs[0][0]["train_batch_size"] == 11

    def test_noise_is_on_the_inputs_in_training_alone(self):
        without, with_noise = (small(input_noise=noise).fit(Y) for noise in (0.0, 1.0))
        assert not torch.equal(weights(without), weights(with_noise))
        pd.testing.assert_series_equal(with_noise.predict(FH), with_noise.predict(FH))

    def test_a_series_on_the_disk_batch_by_batch(self):
        forecasts = [
            small(memory_limit=limit, input_noise=0.0).fit(Y).predict(FH) for limit in (None, 0)
        ]
        pd.testing.assert_series_equal(*forecasts)

    def test_callbacks_and_progress(self, capsys):
        class Counter(Callback):
            n_epochs = 0

            def on_epoch_end(self, net, **kwargs):
                self.n_epochs += 1

        counter = Counter()
        small(callbacks=[counter], verbose=1, max_epochs=3).fit(Y)
        assert counter.n_epochs == 3
        assert "LSTMForecaster: 100%" in capsys.readouterr().err

    def test_training_that_diverges(self):
        with pytest.raises(ValueError, match=r"training diverged: .* Lower lr \(now 1e\+30\)\.$"):
            small(lr=1e30, optimizer=torch.optim.SGD, lr_schedule=None).fit(Y)

    def test_update_trains_one_epoch_at_its_own_rate(self):
        forecaster = small().fit(Y[:-6])
        before, n_epochs = weights(forecaster), len(forecaster.history_)
        forecaster.update(Y[-6:], update_params=False)
        assert torch.equal(weights(forecaster), before)
        forecaster.update(Y[-6:])
        moved = (weights(forecaster) - before).abs().max()
        assert 0 < moved < 3e-4
        assert len(forecaster.history_) == n_epochs + 1
        still = small(update_lr=0.0, weight_decay=0.0).fit(Y[:-6]).update(Y[-6:])
        expected = small(weight_decay=0.0).fit(Y[:-6]).update(Y[-6:], update_params=False)
        pd.testing.assert_series_equal(still.predict(FH), expected.predict(FH))

    def test_revised_values_take_the_place_of_the_old(self):
        revised = Y[-20:].copy()
        revised.iloc[:19] += 4
        options = {"max_epochs": 30, "baseline": None, "calibration_fraction": 0.5}
        asked = small(**options).fit(Y)
        before = asked.predict_interval([1], coverage=0.5)
        asked.update(revised, update_params=False)
        fresh = small(**options).fit(Y).update(revised, update_params=False)
        after = asked.predict_interval([1], coverage=0.5)
        pd.testing.assert_frame_equal(after, fresh.predict_interval([1], coverage=0.5))
        width, wider = (np.diff(f.to_numpy())[0, 0] for f in (before, after))
        assert wider > 1.2 * width
        assert asked.predict([1]).iloc[0] != pytest.approx(before.mean(axis=1).iloc[0], rel=1e-3)

    def test_older_data_move_the_cutoff_back(self):
        forecaster = small().fit(Y)
        forecaster.update(Y[20:30], update_params=False)
        assert forecaster.cutoff[0] == INDEX[29]
        expected = forecaster.predict(ForecastingHorizon(INDEX[[25, 30]], is_relative=False))
        forecaster.update(Y[-1:], update_params=False)
        again = forecaster.predict(ForecastingHorizon(INDEX[[25, 30]], is_relative=False))
        pd.testing.assert_series_equal(again, expected, rtol=1e-5)

    def test_data_from_before_the_history_are_not_held_out(self):
        forecaster = untrained(calibration_fraction=0.5, update_lr=1e-12, n_lags=2).fit(Y[20:])
        before = held_out_errors(forecaster._series, forecaster._rollout, 1)
        forecaster.update(Y, update_params=False)
        assert (
            held_out_errors(forecaster._series, forecaster._rollout, 1).shape
            == before.shape
            == (20, 1, 1)
        )
        np.testing.assert_allclose(
            held_out_errors(forecaster._series, forecaster._rollout, 1), before, atol=0.3
        )

    def test_pretraining_goes_on_and_holds_out(self):
        taught = untrained(random_state=None, calibration_fraction=0.2).pretrain(panel(("a", Y)))
        first = weights_of(taught.pretrained_net_)
        taught.pretrain(panel(("b", 2 * Y)))
        torch.testing.assert_close(weights_of(taught.pretrained_net_), first)
        other = Y.copy()
        other.iloc[-12:] += 100
        options = {"calibration_fraction": 0.2}
        nets = [small(**options).pretrain(panel(("a", y))).pretrained_net_ for y in (Y, other)]
        assert torch.equal(*map(weights_of, nets))

    def test_the_linear_baseline_is_a_ridge_regression_to_begin_with(self):
        options = {"max_epochs": 1, "lr": 1e-12, "lr_schedule": None, "n_lags": 3}
        linear = small(**options, baseline="linear").fit(Y)
        last = small(**options, baseline="last").fit(Y)
        assert linear.history_[0]["train_loss"] < 0.6 * last.history_[0]["train_loss"]
        assert last.net_.module_.weight[0].tolist() == [1, 0, 0]

    def test_in_bfloat16_the_last_value_is_not_rounded(self):
        y = Y.copy()
        y.iloc[-1] = 12.3456789
        options = {"precision": "bfloat16", "max_epochs": 1, "baseline": "last"}
        forecaster = small(**options).fit(y)
        with torch.no_grad():
            forecaster.net_.module_.spread.zero_()
        assert forecaster.predict([1]).iloc[0] == pytest.approx(12.3456789, rel=1e-6)


class TestIntervals:
    def test_without_held_out_points_there_are_none(self):
        # sktime's own refusal, by the tag that says whether there are intervals
        with pytest.raises(NotImplementedError, match="capability"):
            small(max_epochs=1).fit(Y).predict_interval(FH)

    @pytest.mark.parametrize(
        ("level", "expected"), [(0.05, 1), (0.1, 2), (0.25, 5), (0.5, 10), (0.75, 15), (0.95, 19)]
    )
    def test_quantiles_of_nineteen_errors(self, level, expected):
        errors = RNG.permutation(np.arange(1.0, 20))[:, None]
        assert error_quantiles(errors, [level])[0, 0] == expected

    @pytest.mark.parametrize("exogenous", ["known", "lagged"])
    def test_are_quantiles_of_held_out_errors(self, exogenous):
        options = {"n_lags": 2, "exogenous": exogenous}
        forecaster = small(calibration_fraction=0.3, **options).fit(Y[:-3], X=X[:-3])
        same, errors = small(**options).fit(Y[:39], X=X[:39]), {1: [], 3: []}
        for t in range(39, N - 3):
            fh = [step for step in errors if t + step <= N - 3]
            ahead = X[t : t + 3] if exogenous == "known" else None
            for step, forecast in zip(fh, same.predict(fh, X=ahead), strict=True):
                errors[step].append(Y.iloc[t + step - 1] - forecast)
            same.update(Y[t : t + 1], X=X[t : t + 1], update_params=False)
        ahead = X[-3:] if exogenous == "known" else None
        point = forecaster.predict([1, 3], X=ahead)
        quantiles = forecaster.predict_quantiles([1, 3], X=ahead, alpha=[0.2, 0.7])
        for row, step in enumerate(errors):
            expected = error_quantiles(np.array(errors[step])[:, None], [0.2, 0.7])[:, 0]
            np.testing.assert_allclose(quantiles.iloc[row], point.iloc[row] + expected, rtol=1e-5)

    @pytest.mark.parametrize("strategy", ["recursive", "direct"])
    def test_cover_what_comes(self, strategy):
        covered = []
        for seed in range(4):
            series = np.random.default_rng(seed).normal(size=300)
            for t in range(1, 300):
                series[t] += 0.7 * series[t - 1]
            y = pd.Series(series)
            options = {"calibration_fraction": 0.4, "max_epochs": 5, "strategy": strategy}
            forecaster = small(**options).fit(y[:200], fh=[1, 2, 3])
            for t in range(200, 297, 4):
                interval = forecaster.predict_interval(coverage=0.8)
                truth = series[t : t + 3, None]
                low, high = interval.to_numpy().T[:, :, None]
                covered += ((low <= truth) & (truth <= high)).ravel().tolist()
                forecaster.update(y[t : t + 4], update_params=False)
        assert 0.7 < np.mean(covered) < 0.9

    def test_of_series_and_columns(self):
        y = panel(("a", Y), ("b", 100 * Y))
        forecaster = small(max_epochs=3, calibration_fraction=0.3).fit(y)
        q = forecaster.predict_quantiles([1, 4], alpha=[0.1, 0.5, 0.9])
        assert q.index.names == ["shop", "month"]
        widths = q["y"][0.9] - q["y"][0.1]
        assert (np.diff(q.to_numpy(), axis=1) > 0).all()
        np.testing.assert_allclose(widths.loc["b"], 100 * widths.loc["a"], rtol=1e-6)
        columns = small(max_epochs=3, calibration_fraction=0.4).fit(TWO).predict_interval([1])
        assert columns.columns.get_level_values(0).unique().tolist() == ["up", "down"]

    def test_of_too_few_points_held_out_they_are_infinite(self):
        options = {"max_epochs": 1, "missing": "ffill", "calibration_fraction": 0.15}
        forecaster = small(**options).fit(Y)  # 9 points, 8 of them two steps ahead
        levels = [0.1, 0.5, 0.9]
        quantiles = forecaster.predict_quantiles([1, 2, 10], alpha=levels).to_numpy()
        infinite = [[False] * 3, [True, False, True], [True] * 3]
        np.testing.assert_array_equal(np.isinf(quantiles), infinite)
        assert quantiles[1, 0] == -np.inf
        assert quantiles[1, 2] == np.inf
        gaps = small(**options).fit(Y.mask(Y.index == INDEX[-3]))  # what is made up does not count
        assert np.isinf(gaps.predict_quantiles([1], alpha=levels).to_numpy()[0, 0])
