"""What networks read in place of the series: derivative, cumulative sum, spectrum."""

import numpy as np
import pytest
import torch
from scipy.signal import savgol_filter

import skts
from skts import explain
from skts.layers import CumulativeSum, Derivative, Spectrum
from tests.recording import X, Y
from tests.settings import small

RNG = np.random.default_rng(0)
SERIES = RNG.standard_normal((4, 2, 40))
NAMES = ("derivative", "cumulative_sum", "spectrum")
LAYERS = {"derivative": Derivative(), "cumulative_sum": CumulativeSum(), "spectrum": Spectrum(40)}
UNEQUAL = [x[: len(x) - 5 * (i % 3)] for i, x in enumerate(X)]


def read(layer, x, lengths=None):
    lengths = None if lengths is None else torch.tensor(lengths)
    found, _ = layer(torch.tensor(x), lengths)
    return found.numpy()


class TestDerivative:
    def test_is_the_filter_of_savitzky_and_golay_inside_the_series(self):
        expected = savgol_filter(SERIES, 11, 2, deriv=1)
        np.testing.assert_allclose(read(Derivative(), SERIES)[..., 5:-5], expected[..., 5:-5])

    @pytest.mark.parametrize("at", [0, 2, 38, 39])
    def test_near_the_ends_the_line_is_fitted_to_what_is_there(self, at):
        near = np.arange(max(0, at - 5), min(40, at + 6))
        slope = np.polyfit(near, SERIES[1, 1, near], 1)[0]
        assert read(Derivative(), SERIES)[1, 1, at] == pytest.approx(slope)

    def test_of_a_line_is_its_slope_however_high_it_lies(self):
        line = (1e6 + 0.25 * np.arange(30.0))[None, None].astype(np.float32)
        np.testing.assert_allclose(read(Derivative(), line), 0.25, rtol=1e-6)

    def test_of_one_time_point_is_zero(self):
        assert read(Derivative(), np.full((1, 1, 1), 7.0)) == 0


def test_cumulative_sum_is_that_of_the_centred_series_by_its_length():
    centred = SERIES - SERIES.mean(axis=2, keepdims=True)
    np.testing.assert_allclose(
        read(CumulativeSum(), SERIES), centred.cumsum(axis=2) / 40, atol=1e-12
    )


class TestSpectrum:
    def test_is_the_logarithm_of_fouriers_amplitudes_but_for_the_first(self):
        expected = np.log1p(np.abs(np.fft.rfft(SERIES)[..., 1:]))
        np.testing.assert_allclose(read(Spectrum(40), SERIES), expected, atol=1e-10)

    @pytest.mark.parametrize("n_timepoints", [7, 16, 55])
    def test_has_the_frequencies_of_the_longest_training_series(self, n_timepoints):
        centred = SERIES - SERIES.mean(axis=2, keepdims=True)
        frequencies = np.arange(1, n_timepoints // 2 + 1) / n_timepoints
        waves = np.exp(-2j * np.pi * np.arange(40)[:, None] * frequencies)
        expected = np.log1p(np.abs(centred @ waves))
        np.testing.assert_allclose(read(Spectrum(n_timepoints), SERIES), expected, atol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_a_shorter_series_is_read_as_if_it_were_alone(name):
    padded = SERIES.copy()
    padded[1, :, 23:] = 99.0  # must not be seen
    found = read(LAYERS[name], padded, [40, 23, 40, 40])
    alone = read(LAYERS[name], SERIES[1:2, :, :23])
    np.testing.assert_allclose(found[1:2, :, : alone.shape[2]], alone, atol=1e-12)
    if name != "spectrum":
        assert not found[1, :, 23:].any()


@pytest.mark.parametrize("name", NAMES)
class TestEstimators:
    def test_learn_from_it_and_keep_it_in_files(self, name, tmp_path):
        clf = small(skts.FCNClassifier, representation=name).fit(X, Y)
        assert not np.array_equal(
            clf.predict_proba(X), small(skts.FCNClassifier).fit(X, Y).predict_proba(X)
        )
        assert clf.score(X, Y) > 0.8
        clf.save(tmp_path / "clf.skts")
        again = skts.load(tmp_path / "clf.skts")
        assert again.representation == name
        np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))

    def test_take_series_of_unequal_length(self, name):
        clf = small(skts.FCNClassifier, representation=name, max_epochs=2).fit(UNEQUAL, Y)
        together = clf.predict_proba(UNEQUAL)
        alone = np.concatenate([clf.predict_proba([x]) for x in UNEQUAL[:5]])
        np.testing.assert_allclose(together[:5], alone, atol=1e-6)

    def test_the_onnx_model_has_it(self, name, tmp_path):
        runtime = pytest.importorskip("onnxruntime")
        reg = small(skts.FCNRegressor, representation=name, max_epochs=2).fit(X, X[:, 0])
        skts.export_onnx(reg, tmp_path / "reg.onnx")
        session = runtime.InferenceSession(tmp_path / "reg.onnx")
        (found,) = session.run(None, {"x": X[:, None].astype(np.float32)})
        np.testing.assert_allclose(found, reg.predict(X), rtol=1e-4, atol=1e-5)

    def test_the_onnx_model_takes_any_length(self, name, tmp_path):
        runtime = pytest.importorskip("onnxruntime")
        clf = small(skts.FCNClassifier, representation=name).fit(X, Y)
        skts.export_onnx(clf, tmp_path / "clf.onnx", dynamic_time=True)
        session = runtime.InferenceSession(tmp_path / "clf.onnx")
        for series in (X[:, :12], np.concatenate([X, X[:, :7]], axis=1)):
            series = series[:, None].astype(np.float32)
            (found,) = session.run(None, {"x": series})
            np.testing.assert_allclose(found, clf.predict_proba(series), atol=1e-4)

    def test_attributions_are_those_of_the_series(self, name):
        pytest.importorskip("captum")
        clf = small(skts.FCNClassifier, representation=name).fit(X, Y)
        found = explain.integrated_gradients(clf, X[:3], n_steps=200)
        assert found.shape == (3, 1, X.shape[1])
        assert np.abs(found).sum() > 0

    def test_cannot_change_between_fits_that_go_on(self, name):
        clf = small(skts.FCNClassifier, max_epochs=1, warm_start=True).fit(X, Y)
        with pytest.raises(ValueError, match="'representation': None.*got.*" + name):
            clf.set_params(representation=name).fit(X, Y)
        with pytest.raises(ValueError, match="set them back before saving"):
            clf.save("never.skts")


def test_a_network_for_one_length_reads_spectra_of_any():
    clf = small(skts.LSTMFCNClassifier, representation="spectrum", max_epochs=2).fit(UNEQUAL, Y)
    assert clf.predict([X[0], np.tile(X[1], 3)]).shape == (2,)


class TestMaps:
    def test_are_refused_of_a_spectrum(self):
        clf = small(skts.FCNClassifier, representation="spectrum", max_epochs=1).fit(X, Y)
        with pytest.raises(ValueError, match="frequencies, not time points"):
            explain.class_activation_maps(clf, X[:2])

    @pytest.mark.parametrize("name", ["derivative", "cumulative_sum"])
    def test_are_those_of_the_representations_steps(self, name):
        clf = small(skts.FCNClassifier, representation=name, max_epochs=2).fit(UNEQUAL, Y)
        maps = explain.class_activation_maps(clf, UNEQUAL[:3])
        assert [len(found) for found in maps] == [len(x) for x in UNEQUAL[:3]]
