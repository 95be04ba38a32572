"""Forecasters in files: whatever they were fitted on, what comes back forecasts the same."""

import copy
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sktime.exceptions import NotFittedError

import skts
from skts.discovery import all_estimators
from skts.forecasting import LSTMForecaster
from skts.persistence.files import read_file, write_file
from skts.persistence.storable import ENTRY
from tests.entries import check_every_part
from tests.forecasts import FH, INDEX, TWO, N, X, Y, panel, small

#: Written by skts 0.1.0 (`python -m tests.test_forecasting_files` the last); they must be read for
#: ever.
DATA = Path(__file__).parent / "data"
KEPT = {n: DATA / f"lstm-forecaster-format-{n}.skts" for n in (1, 2)}
KEPT_FORECASTS = [5.250770, 5.313565, 5.341391]
KEPT_LATER = pd.Series([5.5, 5.9], pd.period_range("2021-09", periods=2, freq="M"), name="kept")
#: After an update: of format 1 nothing of the optimiser is known.
KEPT_UPDATED = {1: [5.937045, 5.919955, 5.846579], 2: [5.702886, 5.507907, 5.315177]}
FOUND = [pytest.param(cls, id=name) for name, cls in all_estimators("forecaster")]
GAPS = Y.copy()
GAPS.iloc[[3, 20, 21]] = np.nan
PANEL = panel(("a", Y), ("b", 2 * Y[:40]))


def dated(**options):
    return Y.set_axis(pd.date_range("2021-03-20", periods=N, **options))


#: Series, and the options of forecasters that are fitted on them.
SERIES = {
    "periods": (Y, {}),
    "a number for a name": (Y.rename(3), {}),
    "no name": (Y.rename(None), {}),
    "columns": (TWO, {"baseline": "last"}),
    "columns with a name": (TWO.rename_axis(columns="what"), {}),
    "numbered": (Y.reset_index(drop=True), {}),
    "numbered by twos": (Y.set_axis(range(10, 10 + N)), {}),
    "array": (Y.to_numpy(), {}),
    "dates": (dated(freq="D"), {}),
    "dates of month ends": (dated(freq="ME"), {}),
    "dates of a place": (dated(freq="h", tz="Europe/Berlin"), {}),
    "two dates": (dated(freq="D")[:2], {"baseline": "last"}),
    "gaps": (GAPS, {"missing": "ffill"}),
    "windows": (Y, {"window_length": 9, "n_lags": 3}),
    "held out": (Y, {"calibration_fraction": 0.3}),
    "panel": (PANEL, {}),
    "hierarchy": (pd.concat({"north": PANEL, "south": 3 * PANEL}, names=["part"]), {}),
    "arrays of a panel": (np.stack([Y.to_numpy(), -Y.to_numpy()])[:, None], {}),
    "bfloat16": (Y, {"precision": "bfloat16"}),
}


#: Forecasters whose files are disturbed: series and exogenous ones, options.
STATES = {
    "one series": ((Y, None), {}),
    "a panel": (
        (PANEL, pd.concat({"a": X, "b": X[:40]}, names=["shop", "month"])),
        {"exogenous": "lagged", "calibration_fraction": 0.3},
    ),
}


def through_a_file(forecaster, folder, **options):
    skts.save(forecaster, folder / "forecaster.skts")
    return skts.load(folder / "forecaster.skts", **options)


def assert_equal(ours, theirs):
    if isinstance(theirs, np.ndarray):
        np.testing.assert_array_equal(ours, theirs)
    elif isinstance(theirs, pd.Series):
        pd.testing.assert_series_equal(ours, theirs, check_exact=True)
    else:
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


@pytest.mark.parametrize("cls", FOUND)
def test_every_forecaster_comes_back(cls, tmp_path):
    forecaster = small(cls, max_epochs=2, calibration_fraction=0.4).fit(TWO, X=X, fh=FH[:2])
    again = through_a_file(forecaster, tmp_path)
    assert type(again) is cls
    assert repr(again.get_params()) == repr(forecaster.get_params())
    losses = forecaster.history_[:, ("epoch", "train_loss", "dur")]
    assert again.history_[:, ("epoch", "train_loss", "dur")] == losses
    future = X.set_axis(INDEX + N)
    for method in ("predict", "predict_interval"):
        expected = getattr(forecaster, method)(X=future)
        assert_equal(getattr(again, method)(X=future), expected)


@pytest.mark.parametrize("name", SERIES)
def test_of_every_kind_of_series(name, tmp_path):
    y, options = SERIES[name]
    forecaster = small(max_epochs=2, **options).fit(y)
    again = through_a_file(forecaster, tmp_path)
    assert_equal(again.predict(FH), forecaster.predict(FH))
    assert again.cutoff.equals(forecaster.cutoff)
    if "calibration_fraction" in options:
        assert_equal(again.predict_interval(FH), forecaster.predict_interval(FH))


@pytest.mark.parametrize(
    "options", [{"strategy": "direct"}, {"exogenous": "lagged"}, {"n_lags": 4}]
)
def test_with_exogenous_series(options, tmp_path):
    forecaster = small(max_epochs=2, **options).fit(Y, X=X, fh=FH)
    again = through_a_file(forecaster, tmp_path)
    future = X.set_axis(INDEX + N)
    assert_equal(again.predict(X=future), forecaster.predict(X=future))


def test_an_absolute_horizon_is_kept(tmp_path):
    fh = pd.period_range("2025-02", periods=2, freq="M")
    forecaster = small(max_epochs=2).fit(Y, fh=fh)
    again = through_a_file(forecaster, tmp_path)
    assert again.predict().index.equals(fh)
    assert_equal(again.predict(), forecaster.predict())


@pytest.mark.parametrize("update_params", [False, True])
def test_before_and_after_an_update(update_params, tmp_path):
    forecaster = small(max_epochs=2, calibration_fraction=0.2).fit(Y[:40])
    again = through_a_file(forecaster, tmp_path)
    for one in (forecaster, again):
        one.update(Y[38:50] + 1, update_params=update_params)
    assert_equal(again.predict_interval(FH), forecaster.predict_interval(FH))
    assert_equal(through_a_file(again, tmp_path).predict(FH), forecaster.predict(FH))


def assert_updated_alike(forecaster, folder, X=None):
    """After each of two updates, as a copy and through files between them."""
    copies = [copy.deepcopy(forecaster), pickle.loads(pickle.dumps(forecaster))]
    copies.append(through_a_file(forecaster, folder))
    chained = forecaster
    for start in (48, 52):
        later = Y[start : start + 4]
        known = None if X is None else X.loc[later.index]
        chained = through_a_file(chained, folder, device="cpu").update(later, X=known)
        forecaster.update(later, X=known)
        future = None if X is None else X.set_axis(INDEX + start + 4)
        expected = forecaster.predict(FH, X=future)
        for one in copies:
            assert_equal(one.update(later, X=known).predict(FH, X=future), expected)
        assert_equal(chained.predict(FH, X=future), expected)


@pytest.mark.parametrize("cls", FOUND)
def test_updates_of_every_forecaster_go_on(cls, tmp_path):
    forecaster = small(cls, max_epochs=2, update_lr=0.05).fit(Y[:48], X=X[:48], fh=FH)
    assert_updated_alike(forecaster, tmp_path, X)


class TestPretrained:
    def test_and_no_more(self, tmp_path):
        forecaster = small(max_epochs=2).pretrain(PANEL)
        again = through_a_file(forecaster, tmp_path)
        assert again.state == "pretrained"
        assert again.get_pretrained_params(deep=False).keys() == {"pretrained_net_"}
        assert_equal(again.fit(Y).predict(FH), forecaster.fit(Y).predict(FH))

    @pytest.mark.parametrize("warm_start", [False, True])
    def test_and_fitted(self, warm_start, tmp_path):
        forecaster = small(max_epochs=2, warm_start=warm_start).pretrain(PANEL).fit(Y)
        again = through_a_file(forecaster, tmp_path)
        assert (again.net_ is again.pretrained_net_) == (not warm_start)
        assert again.warm_start == warm_start
        assert_equal(again.predict(FH), forecaster.predict(FH))
        assert_equal(again.fit(-Y).predict(FH), forecaster.fit(-Y).predict(FH))

    @pytest.mark.parametrize("warm_start", [False, True])
    @pytest.mark.parametrize("when", ["before fit", "after fit"])
    def test_and_updated(self, when, warm_start, tmp_path):
        forecaster = small(max_epochs=2, warm_start=warm_start).pretrain(PANEL)
        if when == "after fit":
            forecaster.fit(Y[:48])
        again = through_a_file(forecaster, tmp_path)
        if when == "before fit":
            forecaster.fit(Y[:48])
            again.fit(Y[:48])
        for one in (forecaster, again):
            one.update(Y[48:52]).update(Y[52:])
        assert_equal(again.predict(FH), forecaster.predict(FH))
        for one in (forecaster, again):
            one.pretrain(PANEL).fit(Y)
        assert_equal(again.predict(FH), forecaster.predict(FH))

    def test_not_at_all(self, tmp_path):
        again = through_a_file(small(max_epochs=2).fit(Y), tmp_path)
        assert not hasattr(again, "pretrained_net_")
        assert_equal(again.fit(-Y).predict(FH), small(max_epochs=2).fit(-Y).predict(FH))


def test_another_device(tmp_path):
    again = through_a_file(small(max_epochs=1, device="auto").fit(Y), tmp_path, device="cpu")
    assert again.device == "cpu"
    with pytest.raises(ValueError, match="device of LSTMForecaster must be 'auto'"):
        skts.load(tmp_path / "forecaster.skts", device="tpu")


class TestRefusedToSave:
    def test_what_is_not_fitted(self, tmp_path):
        with pytest.raises(NotFittedError):
            skts.save(small(), tmp_path / "forecaster.skts")

    @pytest.mark.parametrize(
        ("y", "message"),
        [
            (Y.rename(("a", object())), "cannot be stored"),
            (panel((pd.Timestamp("2020"), Y), (pd.Timestamp("2021"), Y)), "cannot be stored"),
        ],
    )
    def test_names_that_are_no_words(self, y, message, tmp_path):
        with pytest.raises(ValueError, match=message):
            skts.save(small(max_epochs=1).fit(y), tmp_path / "forecaster.skts")
        assert list(tmp_path.iterdir()) == []

    def test_a_class_of_ones_own(self, tmp_path):
        class Mine(LSTMForecaster):
            pass

        with pytest.raises(TypeError, match="is not a class of skts"):
            skts.save(small(Mine, max_epochs=1).fit(Y), tmp_path / "forecaster.skts")


@pytest.mark.parametrize(
    "offset",
    [
        pd.offsets.CustomBusinessDay(weekmask="Mon Tue Thu"),
        pd.offsets.BusinessHour(start="08:00"),
        pd.DateOffset(months=1),
    ],
)
def test_dates_whose_frequency_no_word_tells(offset, tmp_path):
    forecaster = small(max_epochs=1).fit(dated(freq=offset))
    with pytest.raises(ValueError, match="frequency .* cannot be stored"):
        skts.save(forecaster, tmp_path / "forecaster.skts")


class TestRefusedToLoad:
    @pytest.fixture
    @staticmethod
    def path(tmp_path):
        skts.save(small(max_epochs=1).fit(Y), tmp_path / "forecaster.skts")
        return tmp_path / "forecaster.skts"

    def test_mutated_files(self, path):
        content, expected = path.read_bytes(), skts.load(path).predict(FH)
        rng, refused = np.random.default_rng(0), 0
        for number in range(60):
            place = int(rng.integers(len(content) if number % 2 else 6000))
            byte = bytes([content[place] ^ int(rng.integers(1, 256))])
            path.write_bytes(content[:place] + byte + content[place + 1 :])
            try:
                again = skts.load(path)
            except ValueError:
                refused += 1
            else:  # a blank of the format's own padding
                assert_equal(again.predict(FH), expected)
        assert refused >= 58

    @pytest.mark.parametrize(
        "kind", ["one series", pytest.param("a panel", marks=pytest.mark.full)]
    )
    def test_entries_that_do_not_fit(self, kind, tmp_path):
        (y, X), options = STATES[kind]
        path = tmp_path / "forecaster.skts"
        skts.save(small(max_epochs=1, **options).fit(y, X=X, fh=FH), path)
        expected = skts.load(path).predict(FH)
        check_every_part(
            path,
            lambda forecaster: assert_equal(forecaster.predict(FH), expected),
            labels=("wave", "shop", "month", "a", "b", "y"),
        )


def test_what_a_later_version_wrote(tmp_path):
    skts.save(small(max_epochs=1).fit(Y), tmp_path / "forecaster.skts")
    header, tensors = read_file(tmp_path / "forecaster.skts", ENTRY, "")
    del header["digest"]
    header["versions"]["skts"] = "99.1"
    header["estimator"]["parameters"]["novel"] = 1
    write_file(tmp_path / "forecaster.skts", ENTRY, header, tensors)
    with pytest.raises(
        ValueError, match=r"'novel'.* It was written by skts 99.1, but this is skts"
    ):
        skts.load(tmp_path / "forecaster.skts")


@pytest.mark.parametrize("number", KEPT)
def test_a_file_of_every_format_is_read_for_ever(number):
    forecaster = skts.load(KEPT[number], device="cpu")
    forecasts = forecaster.predict([1, 2, 3])
    np.testing.assert_allclose(forecasts, KEPT_FORECASTS, rtol=1e-4)
    assert forecasts.index.equals(pd.period_range("2021-09", periods=3, freq="M"))
    assert forecasts.name == "kept"
    forecaster.update_lr = 0.05
    forecaster.update(KEPT_LATER)
    np.testing.assert_allclose(forecaster.predict([1, 2, 3]), KEPT_UPDATED[number], rtol=1e-4)


if __name__ == "__main__":
    index = pd.period_range("2020-01", periods=20, freq="M")
    kept = pd.Series(np.sin(np.arange(20.0)) + 5, index, name="kept")
    skts.save(small(calibration_fraction=0.2).fit(kept), KEPT[2])
    for forecaster in map(skts.load, KEPT.values()):
        print(forecaster.predict([1, 2, 3]).tolist())
        forecaster.update_lr = 0.05
        forecaster.update(KEPT_LATER)
        print(forecaster.predict([1, 2, 3]).tolist())
