"""Forecasters and time points: repeated, unordered, missing ones; frequencies; short series."""

import re

import numpy as np
import pandas as pd
import pytest
from pandas.tseries.holiday import USFederalHolidayCalendar
from sktime.forecasting.base import ForecastingHorizon
from sktime.forecasting.naive import NaiveForecaster

import skts
from tests.forecasts import FH, INDEX, TWO, N, X, Y, panel, small

WAVE = np.sin(np.arange(24.0))
KINDS = {
    "integers": pd.RangeIndex(5, 29),
    "small integers": pd.Index(range(104, 128), dtype="int8"),
    "unsigned": pd.Index(range(24), dtype="uint64"),
    "periods": pd.period_range("2020-01", periods=24, freq="M"),
    "dates": pd.date_range("2020-01-01", periods=24, freq="D"),
    "month starts": pd.date_range("2020-01-01", periods=24, freq="MS"),
    "hours of a place": pd.date_range("2020-03-28 20:00", periods=24, freq="h", tz="Europe/Berlin"),
}
FAULTS = {
    "repeated": ([0, 1, 1, 2], "differ, got {1} in 2 rows"),
    "unordered": ([0, 2, 1, 3], "be in order, got {1} after {2}"),
}
of_every_kind = pytest.mark.parametrize("index", KINDS.values(), ids=KINDS)
disturbed = pytest.mark.parametrize("fault", FAULTS)


def quick(**options):
    return small(max_epochs=1, **options)


def faulty(data, fault):
    places, _ = FAULTS[fault]
    return data.iloc[[*places, *range(4, len(data))]]


def refused(label, data, fault, series=""):
    _, text = FAULTS[fault]
    wanted = f"the time points of {label} must {text.format(*data.index)}{series}"
    return pytest.raises(ValueError, match=re.escape(wanted))


class TestRepeatedAndUnordered:
    @of_every_kind
    @disturbed
    def test_in_every_method(self, index, fault):
        y = pd.Series(WAVE, index)
        x = y.to_frame("x")
        for missing in ("raise", "ffill"):
            with refused("y", y, fault):
                quick(missing=missing).fit(faulty(y, fault))
        with refused("X", y, fault):
            quick().fit(y, X=faulty(x, fault))
        forecaster = quick(exogenous="lagged").fit(y[:12], X=x[:12])
        before, y, x = forecaster.predict([1, 2]), y[12:], x[12:]
        with refused("y", y, fault):
            forecaster.update(faulty(y, fault), X=x)
        with refused("X", y, fault):
            forecaster.update(y, X=faulty(x, fault))
        with refused("X", y, fault):
            forecaster.predict([1, 2, 3], X=faulty(x, fault))
        pd.testing.assert_series_equal(forecaster.predict([1, 2]), before)

    @disturbed
    @pytest.mark.parametrize("levels", [1, 2])
    def test_in_panels_the_series_is_named(self, levels, fault):
        def wrapped(**series):
            whole = panel(*series.items())
            return whole if levels == 1 else pd.concat({"north": whole}, names=["part"])

        past, future = Y[:24].rename("y"), Y[24:30].rename("y")
        names = "('b',)" if levels == 1 else "('north', 'b')"
        wrong = wrapped(a=past, b=faulty(past, fault))
        for method in ("fit", "pretrain"):
            with refused("y", past, fault, f" of series {names}"):
                getattr(quick(), method)(wrong)
        y, options = wrapped(a=past, b=past), {"calibration_fraction": 0.3}
        forecaster = quick(exogenous="lagged", **options).fit(y, X=y)
        wrong = wrapped(a=future, b=faulty(future, fault))
        with refused("y", future, fault, f" of series {names}"):
            forecaster.update(wrong, X=wrong)
        with refused("X", future, fault, f" of series {names}"):
            forecaster.predict_quantiles(FH, X=wrong, alpha=[0.5])

    def test_an_hourly_year_in_local_time(self):
        hours = pd.date_range("2021", "2022", freq="h", tz="Europe/Berlin", inclusive="left")
        periods = hours.tz_localize(None).to_period("h")
        assert len(periods) == len(pd.period_range("2021", periods=8760, freq="h"))
        with pytest.raises(ValueError, match="must differ, got 2021-10-31 02:00 in 2 rows"):
            quick().fit(pd.Series(0.0, periods))

    def test_rows_without_a_time_point_or_a_series(self):
        missing = pd.DatetimeIndex([*pd.date_range("2020", periods=11), pd.NaT])
        with pytest.raises(ValueError, match="a time point in every row, got none in row 11"):
            quick().fit(pd.Series(WAVE[:12], missing))
        with pytest.raises(ValueError, match="must name the series of every row, got NaN"):
            quick().fit(panel(("a", Y), (np.nan, Y)))


class TestGaps:
    @of_every_kind
    def test_are_refused_or_missing_values(self, index):
        y = pd.Series(WAVE, index)
        gaps = y.drop(index[[4, 5, 9]])
        first = re.escape(str(index[4]))
        with pytest.raises(ValueError, match=f"no gaps, got 21 of 24 .* missing {first}: set"):
            quick().fit(gaps)
        with pytest.raises(ValueError, match=rf"no gaps.* series \('b',\), .* missing {first}"):
            quick().fit(panel(("a", y), ("b", gaps)))
        options = {"missing": "ffill", "n_lags": 2}
        as_nan = y.mask(y.index.isin(index[[4, 5, 9]]))
        forecasts = quick(**options).fit(gaps).predict([-1, 0, 1, 2])
        pd.testing.assert_series_equal(
            forecasts, quick(**options).fit(as_nan).predict([-1, 0, 1, 2])
        )

    @of_every_kind
    @pytest.mark.parametrize("places", [[12, 14], [13], [12, 14, 17]])
    def test_in_an_update(self, index, places):
        y = pd.Series(WAVE, index)
        lacking = index[[place for place in range(12, 18) if place not in places]][0]
        with pytest.raises(ValueError, match=f"missing {re.escape(str(lacking))}: set"):
            quick().fit(y[:12]).update(y.iloc[places])
        forecaster = quick(missing="ffill").fit(y[:12]).update(y.iloc[places])
        assert forecaster.predict([0]).index[0] == index[places[-1]]

    def test_integers_count_one_by_one(self):
        y = pd.Series(WAVE, pd.RangeIndex(0, 48, 2))
        with pytest.raises(ValueError, match="no gaps, got 24 of 47 .* the first one missing 1:"):
            quick().fit(y)
        ours = quick(missing="ffill").fit(y).predict([1, 2])
        assert ours.index.tolist() == [47, 48]

    @pytest.mark.parametrize("freq", ["D", "B", "MS", "ME", "W-WED", "QE", "15min"])
    def test_dates_with_gaps_keep_their_frequency(self, freq):
        whole = pd.date_range("2020-01-06", periods=30, freq=freq)
        y = pd.Series(np.arange(26.0), whole.delete([3, 11, 12, 20]))
        forecasts = quick(missing="ffill").fit(y).predict([1, 2, 3])
        assert forecasts.index.equals(pd.date_range(whole[-1], periods=4, freq=freq)[1:])

    @pytest.mark.parametrize("missing", ["raise", "ffill"])
    @pytest.mark.parametrize("days", [[0, 3], [0, 1, 4, 9, 16], [0, 3e-7, 6e-7, 900]])
    def test_dates_of_no_frequency(self, days, missing):
        y = pd.Series(1.0, pd.Timestamp("2020") + pd.to_timedelta(days, "D"))
        with pytest.raises(ValueError, match=r"of one frequency, got . dates without .*y.asfreq"):
            quick(missing=missing).fit(y)

    @pytest.mark.parametrize("exogenous", ["known", "lagged"])
    def test_in_x_ahead(self, exogenous):
        fits = {m: quick(exogenous=exogenous, missing=m) for m in ("raise", "ffill")}
        for forecaster in fits.values():
            forecaster.fit(Y[:50], X=X[:50])
        gap = X[50:55].drop(INDEX[51])
        with pytest.raises(ValueError, match="X must have no gaps, but lacks 2024-04"):
            fits["raise"].predict([1, 2, 3, 4], X=gap)
        filled = X[50:55].copy()
        filled.iloc[1] = filled.iloc[0]
        forecasts = fits["ffill"].predict([1, 2, 3, 4], X=gap)
        pd.testing.assert_series_equal(forecasts, fits["ffill"].predict([1, 2, 3, 4], X=filled))

    def test_x_that_lacks_rows_of_y(self):
        with pytest.raises(ValueError, match="X must have a row for every .* lacks 2020-08$"):
            quick().fit(Y, X=X.drop(INDEX[7]))


@pytest.mark.parametrize(
    "y",
    [
        Y[:0],
        TWO[:0],
        TWO[[]],
        np.empty(0),
        np.empty((3, 1, 0)),
        [TWO, TWO[:0]],
        [],
        panel(("a", Y))[:0],
    ],
)
def test_nothing_to_learn_from(y):
    with pytest.raises(
        ValueError, match=r"^y must (have at least one row and one column|hold a series), got"
    ):
        quick().fit(y)


@pytest.mark.parametrize("shape", [(N,), (N, 1), (1, 1, N)])
def test_what_is_masked_is_missing(shape):
    values = Y.to_numpy().reshape(shape)
    is_missing = values > np.median(values)
    masked = np.ma.masked_array(values, is_missing)
    holes = np.where(is_missing, np.nan, values)
    whole = quick().fit(values, X=values)
    for y, x in ((masked, values), (values, masked)):
        with pytest.raises(ValueError, match="contained missing data"):
            quick().fit(y, X=x)
        with pytest.raises(ValueError, match="contained missing data"):
            whole.update(y, X=x)
    forecasts = [quick(missing="ffill").fit(y).predict([1, 2]) for y in (masked, holes)]
    np.testing.assert_array_equal(*forecasts)


def test_y_that_is_not_given():
    for call in (quick().fit, quick().fit_predict, quick().pretrain):
        with pytest.raises(ValueError, match="y must be a series, .* got None"):
            call(None)


def test_spans_are_no_time_points():
    spans = Y.set_axis(pd.timedelta_range("0h", periods=len(Y), freq="h"))
    with pytest.raises(TypeError, match="of y must be integers, periods or dates, got a Timedelta"):
        quick().fit(spans)


OFFSETS = [
    *("BMS", "BME", "SMS", "SME", "bh", "C", "CBMS", "BQE", "BQS-FEB", "BYE", "WOM-2TUE"),
    *("2B", "W-WED", "3ME", "15min"),
]
OF_A_PLACE = ["BMS", "D", "2h"]


@pytest.mark.filterwarnings("ignore:The default of config ``remember_data``:FutureWarning")
class TestFrequencies:
    @pytest.mark.parametrize(
        ("freq", "tz"),
        [*((freq, None) for freq in OFFSETS), *((freq, "Europe/Berlin") for freq in OF_A_PLACE)],
    )
    def test_forecasts_are_labelled_as_by_sktimes_own(self, freq, tz):
        index = pd.date_range("2021-03-01 10:00", periods=24, freq=freq, tz=tz)
        y = pd.Series(WAVE, index)
        ours, theirs = quick().fit(y[:12]), NaiveForecaster().fit(y[:12])
        for n_known in (12, 18):
            for steps in ([1, 2, 3], [2, 5], [-3, -1, 2]):
                forecasts = ours.predict(steps)
                assert forecasts.index.equals(index[n_known - 1 + np.array(steps)])
                if steps[0] > 0:
                    expected = theirs.predict(steps).index
                    assert forecasts.index.equals(expected)
                    assert forecasts.index.dtype == expected.dtype
                absolute = ours.predict(ForecastingHorizon(forecasts.index, is_relative=False))
                np.testing.assert_array_equal(absolute, forecasts)
            for forecaster in (ours, theirs):
                forecaster.update(y[12:18], update_params=False)

    @pytest.mark.parametrize("wrapped", [lambda y: y, lambda y: panel(("a", y), ("b", -y))])
    def test_later_data_may_be_in_another_time_zone(self, wrapped):
        index = pd.date_range("2021-10-20", periods=24, tz="Europe/Berlin")
        y = pd.Series(WAVE, index, name="y")
        fits = []
        for zone in ("Europe/Berlin", "UTC"):
            later = wrapped(y[18:21].tz_convert(zone))
            forecaster = quick(exogenous="lagged").fit(wrapped(y[:18]), X=wrapped(y[:18]))
            forecaster.update(later, X=later)
            assert forecaster.cutoff.tz == index.tz
            fits.append(forecaster.predict([-1, 1], X=wrapped(y[21:22].tz_convert(zone))))
        assert fits[0].index.get_level_values(-1)[1] == index[21]
        assert fits[0].equals(fits[1])

    def test_days_of_24_hours_where_clocks_change(self):
        days = pd.date_range("2021-03-20", periods=24, tz="UTC").tz_convert("Europe/Berlin")
        forecaster = quick().fit(pd.Series(WAVE[:18], days[:18]))
        assert forecaster.predict([-12, 1, 6]).index.equals(days[[5, 18, 23]])
        forecaster.update(pd.Series(WAVE[18:21], days[18:21]), update_params=False)
        assert forecaster.predict([-15, 1]).index.equals(days[[5, 21]])

    @pytest.mark.parametrize(
        "freq",
        [
            pd.offsets.CustomBusinessDay(calendar=USFederalHolidayCalendar()),
            pd.offsets.CustomBusinessDay(weekmask="Mon Tue Thu"),
            pd.DateOffset(months=1),
        ],
    )
    def test_frequencies_that_no_word_tells(self, freq):
        index = pd.date_range("2021-01-04", periods=40, freq=freq)  # with two holidays ahead
        y = pd.DataFrame({"y": np.sin(np.arange(40.0))}, index)
        forecaster = quick(calibration_fraction=0.3).fit(y[:24], X=y[:24])
        forecasts = forecaster.predict_interval(np.arange(1, 17), X=y[24:], coverage=0.5)
        assert forecasts.index.equals(index[24:])
        forecaster.update(y[24:30], X=y[24:30])
        assert forecaster.predict([-20, 1], X=y[30:]).index.equals(index[[9, 30]])

    @pytest.mark.parametrize("unit", ["s", "ns"])
    @pytest.mark.parametrize("freq", ["D", "BME", None])
    def test_units_and_names(self, freq, unit, tmp_path):
        index = pd.date_range("2021-01-01", periods=30, freq=freq or "D", unit=unit, name="day")
        y = pd.Series(np.arange(30.0), index if freq else pd.DatetimeIndex(list(index), name="day"))
        forecaster = quick().fit(y[:-3])
        assert forecaster.predict([1, 2, 3]).index.equals(y.index[-3:])
        skts.save(forecaster, tmp_path / "forecaster.skts")
        again = skts.load(tmp_path / "forecaster.skts")
        pd.testing.assert_series_equal(again.predict([-5, 1]), forecaster.predict([-5, 1]))

    def test_series_of_a_panel_have_frequencies_of_their_own(self):
        days, weeks = (pd.date_range("2020-01-05", periods=9, freq=f) for f in ("D", "W-SUN"))
        y = panel(("days", pd.Series(WAVE[:9], days)), ("weeks", pd.Series(WAVE[:9], weeks)))
        found = quick().fit(y).predict([1, 2])
        assert found.loc["days"].index.tolist() == [days[-1] + pd.Timedelta(k, "D") for k in (1, 2)]
        assert found.loc["weeks"].index.tolist() == [
            weeks[-1] + pd.Timedelta(k, "D") for k in (7, 14)
        ]

    @pytest.mark.parametrize(
        ("index", "fh"),
        [
            (KINDS["periods"], pd.period_range("2022Q1", periods=2, freq="Q")),
            (KINDS["periods"], pd.date_range("2022-01-31", periods=2, freq="ME")),
            (KINDS["dates"], pd.date_range("2020-01-25", periods=2, tz="UTC")),
            (KINDS["dates"], ForecastingHorizon([25, 26], is_relative=False)),
            (KINDS["dates"], pd.DatetimeIndex(["2020-01-25 12:00"])),
            (KINDS["dates"], pd.DatetimeIndex(["2019-12-31"])),
            (KINDS["dates"], pd.to_timedelta([1, 30], "h")),
            (KINDS["integers"], ForecastingHorizon([4, 30], is_relative=False)),
        ],
    )
    def test_horizons_that_name_no_time_point_of_the_series(self, index, fh):
        forecaster = quick().fit(pd.Series(WAVE, index))
        with pytest.raises(
            ValueError, match="fh must have time points|time points of fh must have"
        ):
            forecaster.predict(fh)

    @pytest.mark.parametrize(
        "index", [KINDS["dates"], KINDS["hours of a place"], KINDS["integers"]]
    )
    def test_later_data_are_of_the_same_kind(self, index):
        forecaster = quick(exogenous="lagged").fit(Y[:50], X=X[:50])
        later = pd.Series(WAVE, index)
        with pytest.raises(
            ValueError, match="time points of y must have the type of those of y, period"
        ):
            forecaster.update(later, X=later.to_frame("a").assign(b=0.0))
        with pytest.raises(
            ValueError, match="time points of X must have the type of those of y, period"
        ):
            forecaster.predict([1], X=later.to_frame("a").assign(b=0.0))

    def test_later_data_are_of_as_many_levels(self):
        one, several = Y.to_frame("y"), panel(("a", Y))
        for first, other in ((one, several), (several, one)):
            forecaster = quick(exogenous="lagged").fit(first, X=first)
            with pytest.raises(
                ValueError, match=r"index of y must have . level\(s\) before the time points"
            ):
                forecaster.update(other, X=other)
            with pytest.raises(
                ValueError, match=r"index of X must have . level\(s\) before the time points"
            ):
                forecaster.predict([1], X=other)


SHORT = panel(("long", Y), ("two", Y[:2]), ("one", 100 * Y[:1]))
PARTS = {
    "validation": {"validation_fraction": 0.2},
    "calibration": {"calibration_fraction": 0.3},
    "both": {"validation_fraction": 0.2, "calibration_fraction": 0.2},
    "refit": {"validation_fraction": 0.2, "refit": True, "lr_schedule": None},
    "windows": {"validation_fraction": 0.2, "calibration_fraction": 0.2, "window_length": 4},
    "direct": {"validation_fraction": 0.2, "calibration_fraction": 0.2, "strategy": "direct"},
    "no baseline": {"validation_fraction": 0.2, "calibration_fraction": 0.2, "baseline": None},
}


class TestShortSeries:
    @pytest.mark.parametrize("options", PARTS.values(), ids=PARTS)
    def test_count_where_they_can(self, options):
        forecaster = quick(**options).fit(SHORT, fh=[1, 2])
        only = quick(**options).fit(panel(("long", Y)), fh=[1, 2])
        forecasts = forecaster.predict()
        assert forecasts.index.get_level_values(0).value_counts().to_dict() == {
            "long": 2,
            "two": 2,
            "one": 2,
        }
        assert np.isfinite(forecasts).all().all()
        if "calibration_fraction" in options:
            ours, theirs = (f.predict_interval(coverage=0.5) for f in (forecaster, only))
            width = ours.iloc[0, 1] - ours.iloc[0, 0]
            assert width < 2 * (theirs.iloc[0, 1] - theirs.iloc[0, 0])
        forecaster.update(panel(("new", Y[:1]), ("one", 100 * Y[1:3])))
        assert len(forecaster.predict()) == 8
        taught = quick(**options).pretrain(SHORT, fh=[1, 2])
        assert len(taught.fit(SHORT, fh=[1, 2]).predict()) == 6

    @pytest.mark.parametrize("options", PARTS.values(), ids=PARTS)
    def test_where_none_is_long_enough(self, options):
        short = panel(("two", Y[:2]), ("one", Y[:1]))
        wanted = "a series with at least 2 known time points|_fraction=.* leaves (none|1) of . time"
        for method in ("fit", "pretrain"):
            with pytest.raises(ValueError, match=wanted):
                getattr(quick(**options), method)(short, fh=[1, 2])
        for name in ("validation_fraction", "calibration_fraction"):
            with pytest.raises(ValueError, match=f"{name}=0.99.*(pass a longer|lower it)"):
                quick(**(options | {name: 0.99})).fit(Y[:50], fh=[1, 2])

    def test_a_scale_learnt_from_one_value_is_learnt_again(self):
        taught = quick().pretrain(panel(("a", Y), ("b", 2 * Y)))
        later = taught.clone().fit(1000 * Y[:1]).update(1000 * Y[1:], update_params=False)
        expected = taught.clone().fit(1000 * Y)
        pd.testing.assert_series_equal(later.predict(FH), expected.predict(FH))

    def test_dates_get_the_frequency_of_the_other_series(self, tmp_path):
        dated = Y.set_axis(pd.date_range("2020-01-31", periods=N, freq="BME"))
        forecaster = quick().fit(panel(("a", dated), ("b", dated[:2]), ("c", dated[:1])))
        skts.save(forecaster, tmp_path / "forecaster.skts")
        for one in (forecaster, skts.load(tmp_path / "forecaster.skts")):
            forecasts = one.predict([1])
            assert forecasts.loc["b"].index[0] == dated.index[2]
            assert forecasts.loc["c"].index[0] == dated.index[1]
        with pytest.raises(ValueError, match=r"missing 2020-02-28 00:00:00: set missing='ffill'"):
            quick().fit(panel(("a", dated), ("b", dated.iloc[[0, 2]])))


class TestNames:
    @pytest.mark.parametrize("names", [("a", "b"), (None, "b"), ("a", None), (3, 4)])
    @pytest.mark.parametrize("update_params", [False, True])
    def test_a_series_may_have_another_name(self, names, update_params):
        first, second = names
        options = {"calibration_fraction": 0.3}
        forecaster = quick(**options).fit(Y[:50].rename(first), X=X["a"][:50])
        forecaster.update(Y[50:].rename(second), X=X["b"][50:], update_params=update_params)
        assert forecaster.predict([1], X=X["a"][:1].set_axis(INDEX[-1:] + 1)).name == second
        same = quick(**options).fit(Y[:50], X=X["a"][:50])
        same.update(Y[50:], X=X["b"][50:].rename("a"), update_params=update_params)
        ahead = X["a"].set_axis(INDEX + N)
        pd.testing.assert_series_equal(
            forecaster.predict(FH, X=ahead), same.predict(FH, X=ahead), check_names=False
        )

    def test_frames_keep_their_columns(self):
        forecaster = quick().fit(TWO[["up"]][:50], X=X[:50])
        with pytest.raises(ValueError, match=r"y must have the columns that it had in fit, \['up'"):
            forecaster.update(TWO[["down"]][50:], X=X[50:])
        with pytest.raises(ValueError, match=r"X must have the columns that it had in fit"):
            forecaster.update(TWO[["up"]][50:], X=X["a"][50:])

    def test_of_x_after_pretrain(self):
        both = panel(("a", Y), ("b", -Y))
        taught = quick().pretrain(both, X=both)
        fits = []
        for x in (Y, Y.rename("other")):
            forecaster = taught.clone().fit(Y, X=x)
            fits.append(forecaster.predict([1], X=x.set_axis(INDEX + N)))
        pd.testing.assert_series_equal(*fits)
        arrays = np.stack([Y, -Y])[:, None]
        taught = quick().pretrain(arrays, X=arrays)
        y = Y.to_numpy()
        np.testing.assert_array_equal(
            taught.fit(y, X=y).predict([1], X=y[:1]).ravel(), fits[0].to_numpy()
        )

    def test_rows_of_arrays_follow_those_known(self):
        y, x = (data.set_axis(range(N)) for data in (TWO, X))
        parts = [slice(None, 50), slice(50, 55), slice(55, None)]
        forecasts = []
        for data in ((y, x), (y.to_numpy(), x.to_numpy())):
            (y1, x1), (y2, x2), (_, x3) = ([one[part] for one in data] for part in parts)
            forecaster = quick().fit(y1, X=x1).update(y2, X=x2)
            assert forecaster.cutoff[0] == 54
            forecasts.append(forecaster.predict([1, 2, 3], X=x3))
        np.testing.assert_array_equal(*forecasts)
        stacked = np.stack([Y.to_numpy(), -Y.to_numpy()])[:, None]
        later = quick().fit(stacked[:, :, :50]).update(stacked[:, :, 50:], update_params=False)
        frames = panel((0, Y.set_axis(range(N))), (1, -Y.set_axis(range(N))))
        same = quick().fit(frames.loc[pd.IndexSlice[:, :49], :])
        same.update(frames.loc[pd.IndexSlice[:, 50:], :], update_params=False)
        np.testing.assert_array_equal(
            later.predict([1]).ravel(), same.predict([1]).to_numpy().ravel()
        )


class TestMagnitudes:
    @pytest.mark.parametrize("power", [1000, 1015, -995, -1020])
    def test_do_not_matter(self, power):
        size = 2.0**power
        fits = []
        for unit in (1.0, size):
            forecaster = quick(calibration_fraction=0.4).fit(TWO * unit, X=X * unit)
            ahead = X.set_axis(INDEX + N) * unit
            forecaster.update(TWO[-9:] * unit, X=X[-9:] * unit)
            points, interval = (
                forecaster.predict(FH, X=ahead),
                forecaster.predict_interval(FH, ahead),
            )
            fits.append((points / unit, interval / unit, forecaster.predict([-9, 0]) / unit))
        for ours, expected in zip(fits[1], fits[0], strict=True):
            pd.testing.assert_frame_equal(ours, expected, rtol=1e-6)

    @pytest.mark.parametrize("kind", ["uint64", "float32", "bool", "Int64"])
    def test_kinds_of_numbers(self, kind):
        y = (10 * Y).round().astype(int) % 100
        y = (y > 50) if kind == "bool" else y
        forecasts = quick().fit(y.astype(kind)).predict(FH)
        pd.testing.assert_series_equal(forecasts, quick().fit(y.astype(float)).predict(FH))

    @pytest.mark.parametrize("constant", [1e302, -1e15, 4.0, 1e-8, -1e-300, 5e-324])
    def test_of_constant_series(self, constant):
        forecaster = quick().fit(pd.Series(constant, INDEX))
        np.testing.assert_allclose(forecaster.predict(FH), constant, rtol=0.2)
        forecaster.update(pd.Series([2 * constant], INDEX[-1:] + 1))
        assert np.isfinite(forecaster.predict(FH)).all()

    @pytest.mark.parametrize("far", [1e300, -1e40])
    def test_far_from_what_was_learnt(self, far):
        forecaster = quick(exogenous="lagged").fit(Y[:50], X=X[:50])
        before = forecaster.predict(FH)
        wild = X[50:].assign(b=far)
        with pytest.raises(ValueError, match=r"^X must be within 1e\+18 .* at 2024-03: correct it"):
            forecaster.predict(FH, X=wild)
        with pytest.raises(ValueError, match=r"^y must be within 1e\+18 .* at 2024-03: correct it"):
            forecaster.update(Y[50:].mask(Y[50:] != 0, far), X=X[50:])
        pd.testing.assert_series_equal(forecaster.predict(FH), before)

    def test_beyond_the_largest_number(self):
        growing = pd.Series(np.arange(1, 21) * 8.9e306)
        with pytest.raises(ValueError, match=r"forecasts exceed the largest number, 1.8e\+308"):
            quick().fit(growing).predict([5])
