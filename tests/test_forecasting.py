"""Forecasters: sktime's own checks and tools, and which past a forecast is made from."""

import inspect
import pickle

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from sktime.benchmarking.forecasting import ForecastingBenchmark
from sktime.datasets import load_airline, load_longley
from sktime.forecasting.base import ForecastingHorizon
from sktime.forecasting.compose import EnsembleForecaster, TransformedTargetForecaster
from sktime.forecasting.model_evaluation import evaluate
from sktime.forecasting.model_selection import ForecastingGridSearchCV
from sktime.forecasting.naive import NaiveForecaster
from sktime.performance_metrics.forecasting import MeanAbsolutePercentageError
from sktime.split import ExpandingWindowSplitter, SlidingWindowSplitter
from sktime.transformations.difference import Differencer
from sktime.utils.estimator_checks import check_estimator, parametrize_with_checks

from skts.forecasting import ALSTMForecaster, LSTMALSTMForecaster, LSTMForecaster
from skts.forecasting.options import ForecastingParams
from tests.forecasts import FH, INDEX, TWO, N, X, Y, small
from tests.settings import discovered

mpl.use("agg")
FOUND = discovered("forecaster")
#: Of sktime's checks those that take seconds; and the quick suite runs those of one forecaster.
LONG_CHECKS = {
    "test_fit_idempotent",
    "test_methods_have_no_side_effects",
    "test_non_state_changing_method_contract",
    "test_predict_time_index_in_sample_full",
    "test_predict_time_index_with_X",
    "test_predict_interval",
    "test_predict_time_index",
    "test_update_predict_predicted_index",
}


def sktime_checks():
    for (cls,), _, name in FOUND:
        _, checks = parametrize_with_checks(cls).args
        for _, check in checks:
            is_quick = cls is LSTMForecaster and check not in LONG_CHECKS
            marks = [] if is_quick else [pytest.mark.full]
            yield pytest.param(cls, check, marks=marks, id=f"{name}-{check}")


@pytest.mark.parametrize(("cls", "check"), [*sktime_checks()])
@pytest.mark.filterwarnings("ignore:.*skpro:UserWarning")  # sktime recommends to install it
@pytest.mark.filterwarnings("ignore:Sorting by default when concat")  # sktime's own frames
def test_sktimes_own_checks(cls, check):
    results = check_estimator(cls, tests_to_run=check, verbose=False)
    assert {k: v for k, v in results.items() if v != "PASSED"} == {}
    assert results


@pytest.mark.parametrize("cls", FOUND)
class TestContract:
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
        forecaster = small(cls, max_epochs=3, n_lags=2, window_length=4).fit(Y)
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

    def test_forecasts_from_windows_seen_already(self):
        forecaster = small(max_epochs=60, n_lags=6).fit(Y[:40])
        cv = SlidingWindowSplitter(window_length=10, fh=[1])
        forecasts = forecaster.update_predict(Y, cv, update_params=False)
        error = np.abs(forecasts - Y.loc[forecasts.index])
        assert len(forecasts) == 50
        assert error[:30].mean() < 1.5
        assert error.mean() < 1.5

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
