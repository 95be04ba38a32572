"""What a user has set in torch around a call changes nothing that the call gives."""

import contextlib
import threading

import numpy as np
import pytest
import torch

import skts
from skts import explain, export
from skts.device import torch_defaults
from tests import forecasts
from tests.settings import small

X = np.random.default_rng(0).normal(size=(12, 2, 12)).astype(np.float32)
Y = np.arange(12) % 2
OPTIONS = {"max_epochs": 2, "batch_size": 4}


@contextlib.contextmanager
def default_dtype(dtype):
    torch.set_default_dtype(dtype)
    try:
        yield
        assert torch.get_default_dtype() == dtype
    finally:
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def default_device():
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextlib.contextmanager
def grad_disabled():
    torch.set_grad_enabled(False)
    try:
        yield
        assert not torch.is_grad_enabled()
    finally:
        torch.set_grad_enabled(True)


SETTINGS = {
    "float64": lambda: default_dtype(torch.float64),
    "float16": lambda: default_dtype(torch.float16),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "inference_mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "set_grad_enabled": grad_disabled,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "default_device": default_device,
    "device": lambda: torch.device("meta"),
}


@pytest.fixture(params=SETTINGS)
def setting(request):
    return SETTINGS[request.param]


def classifier():
    clf = small(skts.LSTMFCNClassifier, validation_fraction=0.5, **OPTIONS).fit(X, Y)
    return clf.predict_proba(X)


def updated():
    """Optimiser, attention and dropout of other kinds, and a training that goes on."""
    options = {"optimizer": torch.optim.NAdam, "attention": "before", "lr_schedule": None}
    clf = small(skts.CNNClassifier, **OPTIONS | options).fit(X, Y)
    return clf.partial_fit(X, Y).predict_proba(X)


def in_bfloat16():
    return small(skts.FCNRegressor, precision="bfloat16", **OPTIONS).fit(X, X[:, 0, 0]).predict(X)


def forecast():
    known = forecasts.small(cls=skts.forecasting.ALSTMForecaster, max_epochs=2, window_length=8)
    known.fit(forecasts.Y[:50])
    first = known.predict(forecasts.FH)
    known.update(forecasts.Y[50:])
    return np.concatenate([first, known.predict(forecasts.FH)])


FITS = [classifier, updated, in_bfloat16, forecast]


@pytest.fixture(scope="module")
def known():
    """What each call gives without any setting."""
    torch.set_num_threads(1)
    return {call: call() for call in FITS}


@pytest.mark.parametrize("call", FITS)
def test_fits_and_forecasts_are_the_same(call, setting, known):
    with setting():
        found = call()
    np.testing.assert_array_equal(found, known[call])


@pytest.fixture(scope="module")
def clf():
    return small(skts.LSTMFCNClassifier, **OPTIONS).fit(X, Y)


@pytest.fixture(scope="module")
def attentive():
    return small(skts.ALSTMClassifier, **OPTIONS).fit(X, Y)


def test_what_is_fitted_is_used_as_ever(clf, attentive, setting):
    uses = {
        "predict_proba": lambda: clf.predict_proba(X),
        "maps": lambda: explain.class_activation_maps(clf, X),
        "gradients": lambda: explain.integrated_gradients(attentive, X, n_steps=20),
        "occlusion": lambda: explain.occlusion(clf, X[:2]),
        "filters": lambda: explain.convolution_filters(clf),
        "filter outputs": lambda: explain.filter_outputs(clf, X),
        "attention": lambda: explain.attention_weights(attentive, X),
        "context": lambda: explain.attention_context(attentive, X),
        "average": lambda: explain.average_attention(attentive, X),
    }
    expected = {name: use() for name, use in uses.items()}
    with setting():
        found = {name: use() for name, use in uses.items()}
    for name in uses:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


def test_files_are_written_and_read_as_ever(clf, setting, tmp_path):
    forecaster = forecasts.small(max_epochs=1).fit(forecasts.Y)
    skts.save(clf, tmp_path / "clf")
    skts.save(forecaster, tmp_path / "forecaster")
    with setting():
        skts.save(clf, tmp_path / "clf again")
        skts.save(forecaster, tmp_path / "forecaster again")
        loaded, other = (skts.load(tmp_path / name) for name in ("clf again", "forecaster again"))
        made = small(skts.FCNClassifier, **OPTIONS).fit(X, Y)
        np.testing.assert_array_equal(other.predict(forecasts.FH), forecaster.predict(forecasts.FH))
    for name in ("clf", "forecaster"):
        assert (tmp_path / name).read_bytes() == (tmp_path / f"{name} again").read_bytes()
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))
    made.save(tmp_path / "made")
    for est in (loaded, made):
        weights = list(est.net_.module_.parameters())
        assert not any(weight.is_inference() for weight in weights)
        assert {(weight.dtype, weight.device.type) for weight in weights} == {
            (torch.float32, "cpu")
        }
        est.partial_fit(X, Y)  # outside of what it was made in


@pytest.mark.parametrize("name", ["float64", "device"])
def test_programs_are_exported_as_ever(name, clf):
    x = torch.as_tensor(X)
    expected = export.exported_program(clf).module()(x=x)
    with SETTINGS[name]():
        program = export.exported_program(clf)
    assert torch.equal(program.module()(x=x), expected)


def test_series_made_in_inference_mode_are_taken(clf):
    with torch.inference_mode():
        series = torch.as_tensor(X).clone()
    assert series.is_inference()
    fitted = small(skts.LSTMFCNClassifier, **OPTIONS).fit(series, Y)
    np.testing.assert_array_equal(fitted.predict_proba(series), clf.predict_proba(X))


def test_threads_that_overlap_leave_the_default_type():
    first, second = torch_defaults(), torch_defaults()
    inside, leave = threading.Event(), threading.Event()

    def stay():
        with second:
            inside.set()
            assert leave.wait(60)
            types.append(torch.get_default_dtype())

    types, thread = [], threading.Thread(target=stay)
    with default_dtype(torch.float64):
        with first:
            thread.start()
            assert inside.wait(60)
        leave.set()
        thread.join()
        assert types == [torch.float32]
