"""Forecasters: sktime's own checks, and what they forecast, from which past."""

import inspect
import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sktime.benchmarking.forecasting import ForecastingBenchmark
from sktime.datasets import load_airline, load_longley
from sktime.forecasting.base import ForecastingHorizon
from sktime.forecasting.compose import EnsembleForecaster, TransformedTargetForecaster
from sktime.forecasting.model_evaluation import evaluate
from sktime.forecasting.model_selection import ForecastingGridSearchCV
from sktime.forecasting.naive import NaiveForecaster
from sktime.performance_metrics.forecasting import MeanAbsolutePercentageError
from sktime.split import ExpandingWindowSplitter
from sktime.transformations.difference import Differencer
from sktime.utils.estimator_checks import check_estimator

from skts.discovery import all_estimators
from skts.forecasting import ALSTMForecaster, LSTMALSTMForecaster, LSTMForecaster
from skts.forecasting._conformal import error_quantiles
from skts.forecasting._options import ForecastingParams
from skts.forecasting._series import window_start, windows

FOUND = [pytest.param(cls, id=name) for name, cls in all_estimators("forecaster")]
RNG = np.random.default_rng(0)
N = 60
INDEX = pd.period_range("2020-01", periods=N, freq="M")
WAVE = np.sin(np.arange(N) / 3)
Y = pd.Series(10 + 5 * WAVE + RNG.normal(scale=0.3, size=N), INDEX, name="wave")
X = pd.DataFrame(RNG.normal(size=(N, 2)), INDEX, columns=["a", "b"])
TWO = pd.DataFrame({"up": Y, "down": 3 - 2 * Y})
FH = np.arange(1, 7)


def small(cls=LSTMForecaster, **options):
    return cls(**({"max_epochs": 20, "n_cells": 4, "random_state": 0, "lr": 1e-2} | options))


def weights(forecaster):
    return torch.cat([p.detach().flatten() for p in forecaster.net_.module_.parameters()])


def panel(*series, names=("shop", "month")):
    frames = {key: pd.DataFrame({"y": one}) for key, one in series}
    return pd.concat(frames, names=names)


@pytest.mark.parametrize("cls", FOUND)
class TestContract:
    def test_sktimes_own_checks(self, cls):
        results = check_estimator(cls, verbose=False)
        assert {k: v for k, v in results.items() if v != "PASSED"} == {}
        assert len(results) > 1000

    def test_documents_every_option_and_fitted_attribute(self, cls):
        parameters = re.search(r"Parameters\n-+\n(.*?)\n\n", cls.__doc__, flags=re.DOTALL).group(1)
        names = re.findall(r"^(\w+) : ", parameters, flags=re.MULTILINE)
        assert sorted(names) == sorted(cls().get_params())
        attributes = cls.__doc__[cls.__doc__.index("Attributes\n") :]
        for name in small(cls, max_epochs=1).fit(Y).get_fitted_params(deep=False):
            assert re.search(rf"^{name}_ : ", attributes, flags=re.MULTILINE), name

    def test_takes_keywords_with_the_training_options_of_all(self, cls):
        parameters = inspect.signature(cls).parameters
        assert {p.kind for p in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
        for name, parameter in inspect.signature(ForecastingParams).parameters.items():
            assert parameters[name].default is parameter.default

    def test_checks_every_option(self, cls):
        for name in cls().get_params():
            forecaster = small(cls, **{name: object()})
            with pytest.raises(ValueError, match=rf"^{name} of {cls.__name__} must be .*, got"):
                forecaster.fit(Y, fh=FH)

    def test_learns(self, cls):
        train, test = Y[:-6], Y[-6:]
        forecaster = small(cls, max_epochs=150, n_lags=6).fit(train)
        errors = np.abs(forecaster.predict(FH) - test).mean()
        assert errors < 0.5 * np.abs(test - train.iloc[-1]).mean()

    @pytest.mark.parametrize("window_length", [None, 9, 14])
    @pytest.mark.parametrize("exogenous", ["known", "lagged"])
    def test_in_sample_forecasts_are_those_made_step_by_step(self, cls, window_length, exogenous):
        options = {"window_length": window_length, "exogenous": exogenous, "n_lags": 2}
        y = TWO.iloc[:, :1] if exogenous == "known" else TWO
        forecaster = small(cls, max_epochs=3, **options).fit(y.iloc[:30], X=X.iloc[:30])
        one_by_one = []
        for t in range(30, N):
            one_by_one.append(forecaster.predict([1], X=X.iloc[[t]]))
            forecaster.update(y.iloc[[t]], X=X.iloc[[t]], update_params=False)
        at_once = forecaster.predict(ForecastingHorizon(INDEX[30:], is_relative=False))
        pd.testing.assert_frame_equal(pd.concat(one_by_one), at_once, rtol=1e-5)

    def test_steps_ahead_are_those_of_a_past_made_of_forecasts(self, cls):
        forecaster = small(cls, max_epochs=3, n_lags=2, window_length=20).fit(Y)
        expected = forecaster.predict(FH)
        for step in FH:
            one = forecaster.predict([1])
            assert one.iloc[0] == pytest.approx(expected.iloc[step - 1], rel=1e-6)
            forecaster.update(one, update_params=False)

    def test_survives_pickle_and_predicts_the_same(self, cls):
        forecaster = small(cls, max_epochs=2).fit(Y)
        expected = forecaster.predict(FH)
        pd.testing.assert_series_equal(pickle.loads(pickle.dumps(forecaster)).predict(FH), expected)

    def test_a_seed_repeats_to_the_bit(self, cls):
        options = {"max_epochs": 3, "input_noise": 0.3, "window_length": 20}
        forecasts = [small(cls, **options).fit(Y).predict(FH) for _ in range(2)]
        pd.testing.assert_series_equal(*forecasts, rtol=0, atol=0)
        other = small(cls, **(options | {"random_state": 1})).fit(Y).predict(FH)
        assert (other != forecasts[0]).all()


class TestSeries:
    @pytest.mark.parametrize("strategy", ["recursive", "direct"])
    def test_scale_and_place_do_not_matter(self, strategy):
        options = {"strategy": strategy, "n_lags": 2, "baseline": "linear"}
        expected = small(**options).fit(Y, fh=FH).predict()
        moved = small(**options).fit(1000 * Y - 7, fh=FH).predict()
        np.testing.assert_allclose((moved + 7) / 1000, expected, rtol=1e-3)

    @pytest.mark.parametrize(
        "index",
        [
            pd.RangeIndex(N),
            pd.RangeIndex(5, N + 5),
            pd.date_range("2020-01-01", periods=N, freq="D"),
            pd.date_range("2020-01-01", periods=N, freq="h"),
        ],
    )
    def test_kinds_of_index(self, index):
        expected = small(max_epochs=3).fit(Y).predict([-2, 0, 1, 5])
        y = Y.set_axis(index)
        forecaster = small(max_epochs=3).fit(y[:-3]).update(y[-3:], update_params=False)
        reference = small(max_epochs=3).fit(Y[:-3]).update(Y[-3:], update_params=False)
        forecasts = forecaster.predict([-2, 0, 1, 5])
        np.testing.assert_allclose(forecasts, reference.predict([-2, 0, 1, 5]), rtol=1e-6)
        step = index[1] - index[0]
        assert forecasts.index.tolist() == [index[-1] + k * step for k in (-2, 0, 1, 5)]
        assert len(expected) == 4

    def test_several_columns_are_forecast_together(self):
        forecasts = small(max_epochs=100, n_lags=6, input_noise=0.0).fit(TWO).predict(FH)
        assert list(forecasts) == ["up", "down"]
        np.testing.assert_allclose(3 - 2 * forecasts["up"], forecasts["down"], atol=1.5)

    def test_knows_the_future_of_x(self):
        y = (3 * X["a"]).rename("y")
        options = {"baseline": "linear", "max_epochs": 30}
        forecaster = small(**options).fit(y[:-6], X=X[:-6])
        np.testing.assert_allclose(forecaster.predict(FH, X=X[-6:]), y[-6:], atol=0.5)
        with pytest.raises(ValueError, match=r"X must have a row for every.*exogenous='lagged'"):
            forecaster.predict(FH)
        with pytest.raises(ValueError, match=r"X must have a row for every time point from 2024"):
            forecaster.predict(FH, X=X[-6:-1])
        with pytest.raises(ValueError, match=r"X must have the columns that it had in fit, \['a'"):
            forecaster.predict(FH, X=X[["b", "a"]][-6:])
        direct = small(strategy="direct", **options).fit(y[:-6], X=X[:-6], fh=FH)
        np.testing.assert_allclose(direct.predict(X=X[-6:]), y[-6:], atol=1)

    def test_reads_the_x_of_the_step_before(self):
        y = (3 * X["a"].shift(1)).fillna(0).rename("y")
        options = {"baseline": "linear", "max_epochs": 30, "exogenous": "lagged"}
        forecaster = small(**options).fit(y[:-2], X=X[:-2])
        assert forecaster.predict([1]).iloc[0] == pytest.approx(y.iloc[-2], abs=0.5)
        given = forecaster.predict([2], X=X[-2:])
        assert given.iloc[0] == pytest.approx(y.iloc[-1], abs=0.5)
        repeated = pd.DataFrame([X.iloc[-3]] * 2, INDEX[-2:])
        pd.testing.assert_series_equal(
            forecaster.predict([2]), forecaster.predict([2], X=repeated), rtol=1e-6
        )

    def test_x_comes_always_or_never(self):
        forecaster = small(max_epochs=1).fit(Y[:-6])
        with pytest.raises(ValueError, match="X must be None"):
            forecaster.predict(FH, X=X[-6:])
        with pytest.raises(ValueError, match=r"X must have the columns.*None, got \['a', 'b'\]"):
            forecaster.update(Y[-6:], X=X[-6:])
        before = forecaster.predict(FH)
        with pytest.raises(ValueError, match="y must have the columns"):
            forecaster.update(TWO[-6:])
        pd.testing.assert_series_equal(forecaster.predict(FH), before)

    def test_series_of_a_panel_share_a_network_and_keep_their_scales(self):
        y = panel(("a", Y), ("b", 100 * Y[:40] + 1000))
        forecaster = small(max_epochs=150, n_lags=6).fit(y)
        forecasts = forecaster.predict(FH)
        assert forecasts.index.names == ["shop", "month"]
        assert forecasts.loc["b"].index[0] == INDEX[40]
        scaled = (forecasts.loc["b"]["y"] - 1000) / 100
        assert np.abs(scaled - Y[40:46].to_numpy()).mean() < 2
        assert np.abs(forecasts.loc["a"]["y"] - Y.mean()).mean() < 6
        assert len(forecaster.net_.module_.state_dict()) == len(
            small(max_epochs=1).fit(Y).net_.module_.state_dict()
        )

    def test_an_unseen_series_is_forecast_with_what_a_panel_taught(self):
        y = panel(("a", Y), ("b", 100 * Y[10:] + 1000))
        unseen = -3 * Y[5:-6]
        taught = small(max_epochs=150, n_lags=6).pretrain(y)
        net = taught.pretrained_net_
        forecasts = taught.fit(unseen).predict(FH)
        assert taught.net_ is net
        error = np.abs(forecasts - -3 * Y[-6:]).mean()
        assert error < 0.5 * np.abs(-3 * Y[-6:] - unseen.iloc[-1]).mean()
        further = small(max_epochs=150, n_lags=6, warm_start=True).pretrain(y).fit(unseen)
        assert further.net_ is not further.pretrained_net_
        assert torch.equal(
            torch.cat([p.flatten() for p in further.pretrained_net_.module_.parameters()]),
            torch.cat([p.flatten() for p in net.module_.parameters()]),
        )
        assert not torch.equal(weights(further), weights(taught))
        with pytest.raises(ValueError, match="the pretrained network reads 6 inputs"):
            small(n_lags=6).pretrain(y).set_params(n_lags=6).pretrain(y).fit(TWO)

    def test_a_series_new_in_update_joins_a_panel(self):
        forecaster = small(max_epochs=2).fit(panel(("a", Y), ("b", 2 * Y)))
        forecaster.update(panel(("c", 5 * Y)), update_params=False)
        forecasts = forecaster.predict([1])
        assert forecasts.index.get_level_values(0).tolist() == ["a", "b", "c"]
        assert forecasts.loc["c"].iloc[0, 0] == pytest.approx(5 * forecasts.loc["a"].iloc[0, 0])

    def test_missing_values(self):
        gaps = Y.mask(np.arange(N) % 7 == 3).mask(np.arange(N) < 2)
        with pytest.raises(ValueError, match="cannot handle missing data"):
            small().fit(gaps)
        options = {"missing": "ffill", "n_lags": 2, "max_epochs": 3}
        forecaster = small(**options).fit(gaps)
        filled = small(**options).fit(gaps.ffill().bfill())
        assert np.isfinite(forecaster.predict(FH)).all()
        # the loss must leave the made-up values out
        assert not torch.equal(weights(forecaster), weights(filled))
        worse = gaps.copy()
        worse.iloc[-1] = np.nan
        stands = small(**options, baseline="last").fit(worse)
        assert stands.predict([1]).index[0] == Y.index[-1] + 1
        forecaster.update(pd.Series([np.nan], [INDEX[-1] + 1], name="wave"), update_params=False)
        assert np.isfinite(forecaster.predict([1])).all()
        with pytest.raises(ValueError, match=r"every column of y must have a value among the 60"):
            small(**options).fit(TWO.assign(up=np.nan))

    def test_infinity(self):
        with pytest.raises(ValueError, match="y must hold finite numbers, got infinity: replace"):
            small().fit(Y.mask(Y > 12, np.inf))

    def test_a_horizon_before_the_first_time_point(self):
        forecaster = small(max_epochs=1).fit(Y)
        assert len(forecaster.predict([-(N - 1)])) == 1
        with pytest.raises(ValueError, match="fh must not go back beyond the 60 time points"):
            forecaster.predict([-N])

    def test_an_index_with_gaps(self):
        days = pd.date_range("2020-01-01", periods=N + 3, freq="D").delete([7, 20, 21])
        y = pd.Series(Y.to_numpy(), days)
        fh = ForecastingHorizon(days[10:15], is_relative=False, freq="D")
        with pytest.raises(ValueError, match=r"must have no gaps .* y.asfreq"):
            small(max_epochs=1).fit(y).predict(fh)
        whole = small(max_epochs=1, missing="ffill").fit(y.asfreq("D"))
        assert whole.predict(fh).index.equals(days[10:15])

    def test_too_short_a_series(self):
        with pytest.raises(ValueError, match="a series of at least 2 time points"):
            small().fit(Y[:1])
        with pytest.raises(ValueError, match=r"calibration_fraction=0.9 leaves none of 5"):
            small(calibration_fraction=0.9).fit(Y[:5])

    def test_x_must_cover_y(self):
        y, x = panel(("a", Y), ("b", Y)), panel(("a", Y), ("b", Y[:-1]))
        with pytest.raises(ValueError, match=r"X must have a row for .* of series \('b',\)"):
            small().fit(y, X=x)

    def test_a_constant_series(self):
        forecasts = small().fit(pd.Series(4.0, INDEX)).predict(FH)
        np.testing.assert_allclose(forecasts, 4, atol=0.5)


class TestTraining:
    def test_held_out_values_do_not_reach_the_weights(self):
        other = Y.copy()
        other.iloc[-12:] += 100
        nets = [small(calibration_fraction=0.2).fit(y) for y in (Y, other)]
        assert torch.equal(*map(weights, nets))
        assert not torch.equal(weights(nets[0]), weights(small(calibration_fraction=0.1).fit(Y)))

    @pytest.mark.parametrize("window_length", [None, 10])
    def test_the_last_part_validates(self, window_length):
        options = {"validation_fraction": 0.25, "max_epochs": 4, "window_length": window_length}
        forecaster = small(restore_best="valid_loss", **options).fit(Y)
        fh = ForecastingHorizon(INDEX[-15:], is_relative=False)
        errors = (forecaster.predict(fh) - Y[-15:]) / Y.std(ddof=0)
        best = min(forecaster.history_[:, "valid_loss"])
        if window_length is None:  # else batches of windows are averaged, not time points
            assert np.mean(errors**2) == pytest.approx(best, rel=1e-3)
        train = forecaster.predict(ForecastingHorizon(INDEX[1:-15], is_relative=False))
        assert np.mean((train - Y[1:-15]) ** 2) > 0
        assert len(forecaster.history_) == 4

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
        with pytest.raises(ValueError, match="refit=True needs validation_fraction"):
            small(refit=True).fit(Y)

    def test_the_loss_is_that_of_every_time_point_but_the_first(self):
        forecaster = small(max_epochs=1, lr=1e-12, lr_schedule=None, input_noise=0.0).fit(Y)
        fitted = forecaster.predict(ForecastingHorizon(INDEX[1:], is_relative=False))
        errors = (fitted - Y[1:]) / Y.std(ddof=0)
        assert forecaster.history_[0]["train_loss"] == pytest.approx(np.mean(errors**2), rel=1e-4)

    def test_windows_cut_the_history(self):
        forecaster = small(max_epochs=1, window_length=10).fit(Y)
        module = forecaster.net_.module_
        assert forecaster.history_[0, "batches", 0, "train_batch_size"] == 11
        assert module.weight.shape == (1, 1)

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
        forecaster = small(max_epochs=3).fit(Y)
        before = forecaster.predict([1])
        revised = forecaster.update(Y[-3:] + 4, update_params=False).predict([1])
        assert revised.index.equals(before.index)
        assert revised.iloc[0] > before.iloc[0] + 2

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
        columns = small(max_epochs=3, calibration_fraction=0.3).fit(TWO).predict_interval([1])
        assert columns.columns.get_level_values(0).unique().tolist() == ["up", "down"]

    def test_too_few_points_held_out(self):
        forecaster = small(max_epochs=1, calibration_fraction=0.05).fit(Y)
        assert len(forecaster.predict_interval([3])) == 1
        with pytest.raises(ValueError, match=r"4 steps ahead needs at least 4 .*held out"):
            forecaster.predict_interval([4])


@pytest.mark.filterwarnings("ignore:The default of config ``remember_data``:FutureWarning")
class TestInSktime:  # whose own forecasters warn
    def test_evaluate_and_grid_search(self):
        cv = ExpandingWindowSplitter(initial_window=40, step_length=10, fh=[1, 2])
        results = evaluate(small(max_epochs=2), cv, Y, X=X, error_score="raise")
        assert len(results) == 2
        assert np.isfinite(results["test_MeanAbsolutePercentageError"]).all()
        grid = {"n_lags": [1, 6], "baseline": ["last", "linear"]}
        search = ForecastingGridSearchCV(small(max_epochs=2), cv, grid, error_score="raise").fit(Y)
        assert search.best_params_["baseline"] == "linear"
        assert len(search.predict([1, 2])) == 2

    @pytest.mark.parametrize("strategy", ["update", "no-update_params"])
    def test_evaluate_with_updates(self, strategy):
        cv = ExpandingWindowSplitter(initial_window=50, step_length=2, fh=[1])
        results = evaluate(small(max_epochs=2), cv, Y, strategy=strategy, error_score="raise")
        assert len(results) == 5

    def test_pipeline_and_ensemble(self):
        train, test = load_airline()[:-12], load_airline()[-12:]
        inner = small(max_epochs=50, n_lags=12, lr=2e-3)
        pipeline = TransformedTargetForecaster([("season", Differencer([12])), ("net", inner)])
        members = [(f"seed {i}", small(max_epochs=2, random_state=i)) for i in range(2)]
        forecasts = pipeline.fit(train).predict(np.arange(1, 13))
        assert np.mean(np.abs(forecasts - test) / test) < 0.1
        mean = EnsembleForecaster(members).fit(train).predict([1])
        each = [f.fit(train).predict([1]).iloc[0] for _, f in members]
        assert mean.iloc[0] == pytest.approx(np.mean(each))

    def test_benchmark(self, tmp_path):
        benchmark = ForecastingBenchmark()
        benchmark.add_estimator(NaiveForecaster(), estimator_id="Naive")
        benchmark.add_estimator(small(LSTMALSTMForecaster, max_epochs=2), estimator_id="Both")
        benchmark.add_estimator(small(ALSTMForecaster, max_epochs=2), estimator_id="ALSTM")
        cv = ExpandingWindowSplitter(initial_window=100, step_length=20, fh=[1, 2])
        benchmark.add_task(load_airline, cv, [MeanAbsolutePercentageError()], error_score="raise")
        results = benchmark.run(str(tmp_path / "results.csv"))
        assert len(results) == 3
        scores = results.filter(like="MeanAbsolutePercentageError_mean")
        assert (scores.to_numpy() < 0.5).all()

    def test_longley(self):
        y, x = load_longley()
        forecaster = small(max_epochs=30, baseline="linear").fit(y[:-3], X=x[:-3])
        assert np.abs(forecaster.predict([1, 2, 3], X=x[-3:]) / y[-3:] - 1).max() < 0.1


@pytest.mark.parametrize("length", [None, 2, 5, 8, 100])
@pytest.mark.parametrize("n", [1, 2, 7, 16, 33])
def test_windows(n, length):
    found = windows(n, length)
    assert [t for _, fresh, stop in found for t in range(fresh, stop)] == list(range(n))
    for start, fresh, stop in found:
        assert length is None or stop - start <= length
        assert start == 0 or fresh - start == length // 2
        for t in range(fresh, stop):
            assert window_start(t, length) == start


def test_the_page_on_forecasting_runs():
    page = Path(__file__).parents[1] / "docs" / "forecasting.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    assert len(blocks) > 0
    for block in blocks:
        names = {}
        exec(block, names)
        assert names["forecaster"].is_fitted
