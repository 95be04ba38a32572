"""Exported models in half precision and in integers give nearly what the estimators give."""

import itertools
import json
from functools import cache

import numpy as np
import pytest

import skts
from skts.datasets import load_ucr_parts
from skts.export import compare_onnx
from tests.settings import (
    DATA,
    SAME_LABEL_IN_INT8,
    UNLIKE_IN_INT8,
    discovered,
    is_classifier_class,
    is_ensemble,
    needs_data,
    small,
)
from tests.test_export import is_unrolled, of_any_length
from tests.test_persistence import size_limit  # noqa: F401 (a fixture)

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")

QUICK = skts.FCNClassifier
CLASSES = discovered(quick=lambda cls: cls is QUICK)
CLASSIFIERS = discovered("classifier", quick=lambda cls: cls is QUICK)
OF_ARCHIVE = (pytest.mark.full, needs_data)
#: Of 24, 128 and 60 time points, with 2, 3 and 6 classes, and 1029, 900 and 300 test series.
SETS = {"ItalyPowerDemand": (), "CBF": OF_ARCHIVE, "SyntheticControl": OF_ARCHIVE}


@cache
def parts(name="ItalyPowerDemand"):
    return load_ucr_parts(name, None if name == "ItalyPowerDemand" else DATA / "ucr")


@cache
def fitted(cls, name="ItalyPowerDemand"):
    """Trained until it is sure of something; a regressor of the mean of three time points."""
    (X, y), _ = parts(name)
    return small(cls, max_epochs=100).fit(X, y if is_classifier_class(cls) else X[:, 3:6].mean(1))


def compressed(est, path, precision, X, **options):
    calibration = {"calibration": X} if precision == "int8" else {}
    skts.export_onnx(est, path, precision=precision, **calibration, **options)
    return path


@pytest.mark.parametrize("cls", CLASSES)
def test_float16_on_real_series(cls, tmp_path):
    (X, _), (X_test, _) = parts()
    path = compressed(fitted(cls), tmp_path / "est.onnx", "float16", X)
    unit = 1.0 if is_classifier_class(cls) else X[:, 3:6].mean(axis=1).std()
    found = compare_onnx(fitted(cls), path, X_test)
    assert found["largest_difference"] < 1e-2 * unit
    assert onnxruntime.InferenceSession(path).get_inputs()[0].type == "tensor(float)"


def pairs():
    """Each classifier with each set; MultiView, whose members have tests of their own, with one."""
    for param, (name, marks) in itertools.product(CLASSIFIERS, SETS.items()):
        (cls,) = param.values
        if cls is not skts.MultiViewClassifier or name == "ItalyPowerDemand":
            yield pytest.param(cls, name, marks=[*param.marks, *marks], id=f"{param.id}-{name}")


@pytest.mark.parametrize(("cls", "name"), [*pairs()])
def test_int8_gives_the_same_labels(cls, name, tmp_path):
    (X, _), (X_test, _) = parts(name)
    path = compressed(fitted(cls, name), tmp_path / "est.onnx", "int8", X)
    found = compare_onnx(fitted(cls, name), path, X_test)
    measured, _ = UNLIKE_IN_INT8.get((cls.__name__, name), (SAME_LABEL_IN_INT8, ""))
    assert found["same_label"] >= measured


@pytest.mark.full
@pytest.mark.parametrize("cls", discovered("regressor"))
def test_int8_of_regressors_stays_near(cls, tmp_path):
    (X, _), (X_test, _) = parts()
    path = compressed(fitted(cls), tmp_path / "est.onnx", "int8", X)
    deviation = X[:, 3:6].mean(axis=1).std()
    # of the worst of 1029 series, beyond the ranges of the 67 that calibrated
    assert compare_onnx(fitted(cls), path, X_test)["largest_difference"] < deviation


@pytest.mark.full
def test_what_is_smaller(tmp_path):
    (X, y), _ = parts()
    est = skts.FCNClassifier(max_epochs=1, random_state=0).fit(X, y)
    sizes = {
        precision: compare_onnx(est, compressed(est, tmp_path / precision, precision, X), X)[
            "bytes"
        ]
        for precision in ("float32", "float16", "int8")
    }
    assert sizes["float16"] < 0.51 * sizes["float32"]
    assert sizes["int8"] < 0.27 * sizes["float32"]


@pytest.mark.full
@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_the_rest_of_the_file_is_that_of_float32(precision, tmp_path):
    X = parts()[0][0]
    path = compressed(fitted(QUICK), tmp_path / "est.onnx", precision, X, dynamic_time=True)
    session = onnxruntime.InferenceSession(path)
    told = json.loads(session.get_modelmeta().custom_metadata_map["skts"])
    assert told == {"classes": ["1", "2"], "min_timepoints": 2}
    (x,), (output,) = session.get_inputs(), session.get_outputs()
    assert (x.name, x.type, output.name, output.type) == (
        *("x", "tensor(float)"),
        *("probabilities", "tensor(float)"),
    )
    assert compare_onnx(fitted(QUICK), path, X[:, None, :15])["same_label"] > 0.9


@pytest.mark.full
@pytest.mark.parametrize("precision", ["float16", "int8"])
@pytest.mark.parametrize(
    "cls", [p for p in CLASSIFIERS if not is_ensemble(p.values[0]) and not is_unrolled(p.values[0])]
)
def test_series_of_any_and_unequal_lengths(cls, precision, tmp_path):
    (X, y), (X_test, _) = parts()
    ragged = [x[: 14 + i % 11] for i, x in enumerate(X)]
    est = small(cls, max_epochs=100, **of_any_length(cls)).fit(ragged, y)
    path = compressed(est, tmp_path / "est.onnx", precision, ragged, dynamic_time=True)
    found = compare_onnx(est, path, [x[: 14 + i % 11] for i, x in enumerate(X_test)])
    assert found["same_label"] >= (0.99 if precision == "float16" else 0.95)


@pytest.mark.full
@pytest.mark.parametrize(
    ("precision", "kinds"), [("float16", {"FLOAT16"}), ("int8", {"FLOAT16", "INT8"})]
)
def test_no_weight_is_left_in_float32(precision, kinds, tmp_path):
    path = compressed(fitted(skts.LSTMClassifier), tmp_path / "est.onnx", precision, parts()[0][0])
    stored = onnx.load(path).graph.initializer
    large = [weight for weight in stored if np.prod(weight.dims) >= 1000]
    assert {onnx.TensorProto.DataType.Name(weight.data_type) for weight in large} == kinds


@pytest.mark.full
@pytest.mark.parametrize("scale", [1e-6, 1e6])
@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_series_beyond_half_precision(precision, scale, tmp_path):
    (X, y), (X_test, _) = parts()
    est = small(QUICK, max_epochs=30, normalize="series").fit(X * scale, y)
    path = compressed(est, tmp_path / "est.onnx", precision, X * scale)
    assert compare_onnx(est, path, X_test * scale)["same_label"] >= 0.98


class TestEnsemblesOfTwoScalings:
    @pytest.mark.parametrize("first", ["series", None])
    def test_are_compared_on_the_series_themselves(self, first, tmp_path):
        (X, y), _ = parts()
        members = [
            (str(normalize), small(QUICK, max_epochs=2, normalize=normalize))
            for normalize in ("series", None)
        ]
        est = skts.EnsembleClassifier(members if first else members[::-1], weights=None)
        skts.export_onnx(est.fit(5 * X + 30, y), tmp_path / "est.onnx")
        assert compare_onnx(est, tmp_path / "est.onnx", 5 * X + 30)["largest_difference"] < 1e-5


class TestMistakes:
    def test_the_file_of_another_estimator(self, tmp_path):
        (X, y), _ = parts()
        skts.export_onnx(fitted(QUICK), tmp_path / "est.onnx")
        other = small(QUICK, max_epochs=1).fit(X, np.char.add("class ", y))
        with pytest.raises(ValueError, match=r"the classes \['class 1', 'class 2'\], got a model"):
            compare_onnx(other, tmp_path / "est.onnx", X)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"precision": "int4"}, r"precision must be one of \['float32', 'float16', 'int8'\]"),
            (
                {"precision": "int8"},
                "got calibration=None with precision='int8'. Pass training series",
            ),
            ({"calibration": np.zeros((3, 24))}, "calibration=series with precision='float32'"),
            (
                {"precision": "float16", "calibration": np.zeros((3, 24))},
                "calibration=series with precision='float16'",
            ),
            ({"precision": "int8", "calibration": np.zeros((3, 1, 20))}, "takes series of 24 time"),
            ({"precision": "int8", "calibration": np.full((3, 24), np.nan)}, "NaN"),
        ],
    )
    def test_options(self, options, message, tmp_path):
        with pytest.raises(ValueError, match=message):
            skts.export_onnx(fitted(QUICK), tmp_path / "x", **options)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.full
    def test_series_that_the_model_does_not_take(self, tmp_path):
        X = parts()[0][0]
        skts.export_onnx(fitted(QUICK), tmp_path / "x", dynamic_time=True)
        with pytest.raises(ValueError, match="takes no lengths.*series of 20 to 24 time points"):
            compare_onnx(fitted(QUICK), tmp_path / "x", [X[0], X[1, :20]])
        with pytest.raises(TypeError, match="expected a fitted classifier"):
            compare_onnx("fcn", tmp_path / "x", X)
        with pytest.raises(FileNotFoundError):
            compare_onnx(fitted(QUICK), tmp_path / "missing", X)

    @pytest.mark.full
    def test_what_cannot_be_written_whole(self, tmp_path, size_limit):  # noqa: F811 (the fixture)
        path = tmp_path / "est.onnx"
        path.write_text("former")
        with pytest.raises(OSError, match="File too large"):
            compressed(fitted(QUICK), path, "int8", parts()[0][0])
        assert path.read_text() == "former"
        assert [p.name for p in tmp_path.iterdir()] == ["est.onnx"]
