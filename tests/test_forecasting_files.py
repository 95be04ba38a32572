"""Forecasters in files: whatever they were fitted on, what comes back forecasts the same."""

import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sktime.exceptions import NotFittedError

import skts
from skts._files import check_digest, read_file, write_file
from skts.discovery import all_estimators
from skts.forecasting import LSTMForecaster
from skts.persistence import ENTRY
from tests.forecasts import FH, INDEX, TWO, N, X, Y, panel, small

#: Written by skts 0.1.0 (`python -m tests.test_forecasting_files`); it must be read for ever.
KEPT = Path(__file__).parent / "data" / "lstm-forecaster-format-1.skts"
KEPT_FORECASTS = [5.250770, 5.313565, 5.341391]
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


@pytest.mark.filterwarnings("ignore:Converting to PeriodArray")  # sktime does, with time zones
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
    forecaster = small(max_epochs=2, calibration_fraction=0.2, optimizer=torch.optim.SGD)
    forecaster.set_params(weight_decay=0.0).fit(Y[:40])
    again = through_a_file(forecaster, tmp_path)
    for one in (forecaster, again):  # of SGD nothing but the weights is kept
        one.update(Y[38:50] + 1, update_params=update_params)
    assert_equal(again.predict_interval(FH), forecaster.predict_interval(FH))
    assert_equal(through_a_file(again, tmp_path).predict(FH), forecaster.predict(FH))


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

        with pytest.raises(TypeError, match="is a class of its own"):
            skts.save(small(Mine, max_epochs=1).fit(Y), tmp_path / "forecaster.skts")


def test_dates_whose_frequency_no_word_tells(tmp_path):
    offset = pd.offsets.CustomBusinessDay(weekmask="Mon Tue Thu")
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
                assert_equal(skts.load(path).predict(FH), expected)
            except ValueError:
                refused += 1
        assert refused >= 58

    def test_entries_that_do_not_fit(self, path):
        """Every part of what a forecaster knows, replaced with a digest that fits."""
        whole, tensors = read_file(path, ENTRY, "")
        check_digest(path, whole, tensors)
        del whole["digest"]
        n_parts, refused = len(parts_of(whole["estimator"]["state"])), 0
        for number in range(n_parts):
            for wrong in (None, -7, "x", {"tensor": "99"}, 10**13, []):
                header = copy.deepcopy(whole)
                holder, key = parts_of(header["estimator"]["state"])[number]
                holder[key] = wrong
                write_file(path, ENTRY, header, tensors)
                try:
                    skts.load(path)
                except ValueError:
                    refused += 1
        assert refused > 3 * n_parts


def parts_of(tree):
    """Pairs of a container and a key in it, of all parts of JSON."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    found = []
    for key, value in items:
        found.append((tree, key))
        if isinstance(value, dict | list):
            found += parts_of(value)
    return found


def test_a_file_of_every_format_is_read_for_ever():
    forecaster = skts.load(KEPT, device="cpu")
    forecasts = forecaster.predict([1, 2, 3])
    np.testing.assert_allclose(forecasts, KEPT_FORECASTS, rtol=1e-4)
    assert forecasts.index.equals(pd.period_range("2021-09", periods=3, freq="M"))
    assert forecasts.name == "kept"


if __name__ == "__main__":
    index = pd.period_range("2020-01", periods=20, freq="M")
    kept = pd.Series(np.sin(np.arange(20.0)) + 5, index, name="kept")
    skts.save(small(calibration_fraction=0.2).fit(kept), KEPT)
    print(skts.load(KEPT).predict([1, 2, 3]).tolist())
