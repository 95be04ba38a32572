"""Forecasts of all kinds of series: indices, columns, exogenous ones, panels, gaps."""

import numpy as np
import pandas as pd
import pytest
import torch
from sktime.forecasting.base import ForecastingHorizon
from sktime.utils._testing.hierarchical import _make_hierarchical as frames

from skts.forecasting.layout import window_start, windows
from tests.forecasts import FH, INDEX, TWO, N, X, Y, panel, small, untrained, weights, weights_of


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
        y = Y.set_axis(index)
        forecaster = small(max_epochs=3).fit(y[:-3]).update(y[-3:], update_params=False)
        reference = small(max_epochs=3).fit(Y[:-3]).update(Y[-3:], update_params=False)
        forecasts = forecaster.predict([-2, 0, 1, 5])
        np.testing.assert_allclose(forecasts, reference.predict([-2, 0, 1, 5]), rtol=1e-6)
        step = index[1] - index[0]
        assert forecasts.index.tolist() == [index[-1] + k * step for k in (-2, 0, 1, 5)]

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
            weights_of(further.pretrained_net_),
            weights_of(net),
        )
        assert not torch.equal(weights(further), weights(taught))
        with pytest.raises(ValueError, match="fit after pretrain must have the options and"):
            small(n_lags=6).pretrain(y).fit(TWO)

    def test_a_pretrained_network_reads_what_it_was_taught(self):
        y = panel(("a", Y), ("b", 2 * Y))
        x = pd.concat({"a": X, "b": X}, names=["shop", "month"])
        taught = small(exogenous="lagged").pretrain(y, X=x)
        assert np.isfinite(taught.clone().fit(Y, X=X).predict(FH)).all()
        for other in (X[["b", "a"]], X.rename(columns={"b": "c"}), None):
            with pytest.raises(ValueError, match="must have the options and columns of pretrain"):
                taught.clone().fit(Y, X=other)
        direct = small(strategy="direct").pretrain(y, fh=[1, 2, 3])
        assert len(direct.clone().fit(Y, fh=[2]).predict()) == 1
        with pytest.raises(ValueError, match="no larger fh"):
            direct.clone().fit(Y, fh=[4])
        with pytest.raises(ValueError, match="fh must be passed to pretrain"):
            small(strategy="direct").pretrain(y)

    def test_an_exogenous_series_without_one_to_forecast_is_named(self):
        y = frames((2,), min_timepoints=30, max_timepoints=30)
        X = frames((3,), min_timepoints=32, max_timepoints=32)
        X.columns = ["x"]
        times = y.index.get_level_values(-1).unique()
        past = X[X.index.get_level_values(-1).isin(times)]
        with pytest.raises(ValueError, match="only the series of y, got 1 more, such as h0_2"):
            small().fit(y, X=past, fh=[1, 2])
        forecaster = small().fit(y, X=past.loc[["h0_0", "h0_1"]], fh=[1, 2])
        future = X.drop(past.index)
        with pytest.raises(ValueError, match="only the series of y in fit, got 1 more"):
            forecaster.predict(X=future)
        assert forecaster.predict(X=future.loc[["h0_0", "h0_1"]]).shape == (4, 1)

    def test_a_series_new_in_update_joins_a_panel(self):
        forecaster = small(max_epochs=2).fit(panel(("a", Y), ("c", 2 * Y)))
        forecaster.update(panel(("b", 5 * Y)), update_params=False)
        forecasts = forecaster.predict([1])
        assert forecasts.index.get_level_values(0).tolist() == ["a", "b", "c"]
        assert forecasts.loc["b"].iloc[0, 0] == pytest.approx(5 * forecasts.loc["a"].iloc[0, 0])

    def test_panels_that_end_at_different_times_and_short_ones(self):
        y = panel(("a", Y), ("b", Y[:8]))
        forecasts = small(n_lags=12, max_epochs=2).fit(y).predict([1])
        assert forecasts.index.tolist() == [("a", INDEX[-1] + 1), ("b", INDEX[8])]
        fh = ForecastingHorizon(INDEX[-2:] + 2, is_relative=False)
        direct = small(max_epochs=2, strategy="direct").fit(panel(("a", Y), ("b", Y[:40])), fh=fh)
        assert direct.predict().index.get_level_values(1).tolist() == [*fh.to_pandas()] * 2
        direct.update(panel(("c", Y[:30])), update_params=False)
        with pytest.raises(ValueError, match=r"at most 22 steps, .* got 32: fit again"):
            direct.predict()

    def test_direct_forecasts_read_the_x_that_is_given(self):
        forecaster = small(strategy="direct", max_epochs=30).fit(Y[:-6], X=X[:-6], fh=FH)
        other = X[-6:] + 1
        first = forecaster.predict(X=X[-6:])
        fresh = small(strategy="direct", max_epochs=30).fit(Y[:-6], X=X[:-6], fh=FH)
        expected = fresh.predict(X=other)
        assert (expected != first).all()
        pd.testing.assert_series_equal(forecaster.predict(X=other), expected)
        with pytest.raises(ValueError, match="X must have a row for every"):
            forecaster.predict(X=X[-6:-1])

    def test_a_constant_column_is_not_scaled_by_its_rounding_error(self):
        tenths = pd.Series(0.1, INDEX)
        assert tenths.to_numpy().std() > 0
        forecaster = small(max_epochs=2).fit(panel(("a", Y), ("b", tenths)))
        forecaster.update(panel(("b", pd.Series([0.2], [INDEX[-1] + 1]))))
        assert forecaster.history_[-1]["train_loss"] < 10

    def test_missing_values(self):
        gaps = Y.mask(np.arange(N) % 7 == 3).mask(np.arange(N) < 2)
        with pytest.raises(ValueError, match="cannot handle missing data"):
            small().fit(gaps)
        options = {"missing": "ffill", "n_lags": 2, "max_epochs": 3}
        forecaster = small(**options).fit(gaps)
        assert np.isfinite(forecaster.predict(FH)).all()
        forecaster.update(pd.Series([np.nan], [INDEX[-1] + 1], name="wave"), update_params=False)
        assert forecaster.predict([1]).index[0] == INDEX[-1] + 2
        assert np.isfinite(forecaster.predict([1])).all()
        with pytest.raises(ValueError, match=r"every column of y must have a value among the 60"):
            small(**options).fit(TWO.assign(up=np.nan))

    def test_a_missing_last_value_is_the_one_before(self):
        y = Y.mask(Y.index == INDEX[-1])
        stands = untrained(missing="ffill", baseline="last").fit(y)
        with torch.no_grad():
            stands.net_.module_.spread.zero_()
        assert stands.predict([1]).iloc[0] == pytest.approx(Y.iloc[-2])

    def test_infinity(self):
        with pytest.raises(ValueError, match="y must hold finite numbers, got infinity: replace"):
            small().fit(Y.mask(Y > 12, np.inf))
        forecaster = small(max_epochs=1).fit(Y[:-1], X=X[:-1])
        with pytest.raises(ValueError, match="X must hold finite numbers, got infinity"):
            forecaster.predict([1], X=X[-1:] / 0)

    def test_a_horizon_before_the_first_time_point(self):
        forecaster = small(max_epochs=1).fit(Y)
        assert len(forecaster.predict([-(N - 1)])) == 1
        with pytest.raises(
            ValueError, match="fh must have steps of at least -59, because 60 time points are known"
        ):
            forecaster.predict([-N])

    def test_an_index_with_gaps(self):
        gaps = Y.drop(INDEX[20:35])
        with pytest.raises(ValueError, match=r"no gaps, got 45 of 60 .*missing='ffill'"):
            small(max_epochs=1).fit(gaps)
        options = {"max_epochs": 3, "missing": "ffill"}
        forecaster = small(**options).fit(gaps)
        as_nan = small(**options).fit(Y.mask(Y.index.isin(INDEX[20:35])))
        pd.testing.assert_series_equal(forecaster.predict(FH), as_nan.predict(FH))
        forecaster = small(max_epochs=1).fit(Y[:40])
        with pytest.raises(ValueError, match=r"no gaps, got 50 of 60"):
            forecaster.update(Y[50:])
        assert forecaster.predict([1]).index[0] == INDEX[40]
        later = small(**options).fit(Y[:40]).update(Y[50:], update_params=False)
        assert later.predict([-15, 1]).index.tolist() == [INDEX[44], INDEX[-1] + 1]

    def test_dates_without_a_frequency(self):
        days = pd.date_range("2020-01-01", periods=N + 1, freq="D").delete(7)
        with pytest.raises(ValueError, match=r"must be of one frequency.*y.asfreq"):
            small(max_epochs=1).fit(Y.set_axis(days))
        y = Y.set_axis(pd.DatetimeIndex(days)).asfreq("D")
        forecasts = small(max_epochs=1, missing="ffill").fit(y).predict([1])
        assert forecasts.index[0] == days[-1] + pd.Timedelta("1D")

    def test_too_short_a_series(self):
        with pytest.raises(ValueError, match="a series with at least 2 known time points"):
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
