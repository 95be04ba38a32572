"""Every container gives the same series; every bad input a clear error, and nothing half done."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sktime.datatypes import convert_to

from skts import FCNClassifier, FCNRegressor, LSTMFCNClassifier, LSTMFCNRegressor
from skts.input.validation import check_series
from tests.settings import small

RNG = np.random.default_rng(0)
FLAT = RNG.normal(size=(12, 9))
CUBE = RNG.normal(size=(12, 2, 9))
RAGGED = [RNG.normal(size=(2, n)) for n in (9, 3, 1, 5, 9, 7, 2, 4, 6, 8, 9, 3)]
LABELS = np.arange(12) % 2


def read(X, **options):
    return check_series(LSTMFCNClassifier(**options), X, reset=True)


def as_frames(series):
    return [pd.DataFrame(x.T) for x in series]


@pytest.mark.parametrize(
    "X",
    [
        FLAT.tolist(),
        np.asfortranarray(FLAT),
        np.repeat(FLAT, 2, axis=1)[:, ::2],
        pd.DataFrame(FLAT),
        pl.DataFrame(FLAT),
        torch.tensor(FLAT, requires_grad=True),
        [torch.tensor(x) for x in FLAT],
        list(FLAT),
        FLAT[:, None, :],
        FLAT.astype(object),
        convert_to(FLAT[:, None, :], "nested_univ", as_scitype="Panel"),
    ],
    ids="lists fortran strided pandas polars torch tensors list-of-1d cube object nested".split(),
)
def test_univariate_containers_are_one(X):
    values, lengths = read(X)
    assert values.dtype == np.float32
    assert values.flags.c_contiguous
    assert lengths is None
    np.testing.assert_array_equal(values, FLAT.astype(np.float32)[:, None, :])


@pytest.mark.parametrize(
    "kind", ["cube", "lists", "list", "frames", "pd-multiindex", "nested_univ"]
)
def test_multivariate_containers_are_one(kind):
    own = {
        "cube": CUBE,
        "lists": CUBE.tolist(),
        "list": list(CUBE),
        "frames": as_frames(CUBE),
    }
    X = own[kind] if kind in own else convert_to(CUBE, kind, as_scitype="Panel")
    values, lengths = read(X)
    assert lengths is None
    np.testing.assert_array_equal(values, CUBE.astype(np.float32))


@pytest.mark.parametrize("kind", ["list", "df-list", "pd-multiindex", "nested_univ"])
def test_unequal_containers_are_one(kind):
    X = RAGGED
    if kind != "list":
        X = convert_to(as_frames(RAGGED), kind, as_scitype="Panel")
    values, lengths = read(X)
    assert values.shape == (12, 2, 9)
    assert lengths.tolist() == [x.shape[1] for x in RAGGED]
    for row, series in zip(values, RAGGED, strict=True):
        np.testing.assert_array_equal(row[:, : series.shape[1]], series.astype(np.float32))
        assert not row[:, series.shape[1] :].any()


def test_ints_and_bools_are_numbers():
    np.testing.assert_array_equal(read(np.arange(12).reshape(3, 4))[0][2, 0], [8, 9, 10, 11])
    np.testing.assert_array_equal(read(np.eye(3, dtype=bool))[0][1, 0], [0, 1, 0])


def test_interpolation_fills_inside_linearly_and_the_ends_with_the_nearest():
    nan = np.nan
    X = [np.array([nan, 1, nan, nan, 4, nan]), np.array([nan, 2.0])]
    values, _ = read(X, missing="interpolate")
    np.testing.assert_array_equal(values[:, 0], [[1, 1, 2, 3, 4, 4], [2, 2, 0, 0, 0, 0]])
    assert np.isnan(X[0][0])  # the caller's data stays as it was


def test_normalisation_is_per_series_and_channel_over_valid_points():
    X = [np.array([[1.0, 3.0], [5.0, 5.0]]), 1e6 + np.array([[0.0, 3.0, 0.0, 3.0]] * 2)]
    values, _ = read(X, normalize="series")
    np.testing.assert_array_equal(values[0], [[-1, 1, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(values[1], [[-1, 1, -1, 1]] * 2)


def test_the_largest_numbers_normalise_too():
    with_ordinary, with_large = (read(FLAT * s, normalize="series")[0] for s in (1.0, 1e300))
    np.testing.assert_allclose(with_large, with_ordinary, atol=1e-6)


@pytest.mark.parametrize("offset", [0.1, 3e7, 1e-20])
def test_a_constant_series_normalises_to_zeros(offset):
    assert not read(np.full((2, 7), offset), normalize="series")[0].any()


BAD_X = {
    "nan": (np.where(FLAT > 1, np.nan, FLAT), ValueError, "NaN.*missing='interpolate'"),
    "inf": (np.where(FLAT > 1, np.inf, FLAT), ValueError, "infinity.*Replace the value"),
    "too large": (FLAT * 1e300, ValueError, "float32 contains infinity"),
    "empty": (np.empty((0, 9)), ValueError, "0 sample"),
    "no points": (np.empty((12, 0)), ValueError, "0 feature"),
    "empty cube": (np.empty((12, 2, 0)), ValueError, r"not empty; got .* \(12, 2, 0\)"),
    "empty list": ([], ValueError, "1D array"),
    "ragged lists": ([[1, 2, 3], [4, 5]], ValueError, r"nested lists.*np.asarray"),
    "ragged object": (
        np.array([FLAT[0], FLAT[1, :3]], dtype=object),
        ValueError,
        "ndarray of series. Pass",
    ),
    "4-D": (np.zeros((12, 2, 3, 4)), ValueError, r"shape \(12, 2, 3, 4\)"),
    "1-D": (FLAT[0], ValueError, "Reshape your data"),
    "1-D bools": (FLAT[0] > 0, ValueError, "Reshape your data"),
    "strings": (np.full((12, 9), "a"), ValueError, "bytes/strings"),
    "objects": (np.full((12, 9), object(), dtype=object), TypeError, "argument must be"),
    "dates": (np.zeros((12, 9), dtype="datetime64[s]"), TypeError, "real numbers.*datetime64"),
    "complex": (FLAT + 1j, ValueError, "Complex data not supported"),
    "channels differ": ([CUBE[0], CUBE[1, :1]], ValueError, "series 0 .* has 2, series 1 has 1"),
    "an empty series": ([FLAT[0], FLAT[0, :0]], ValueError, r"series 1 of the list .* \(1, 0\)"),
    "a scalar": ([FLAT[0], FLAT[0, 0]], ValueError, r"series 1 of the list .* \(\)"),
    "complex tensor": (torch.tensor(FLAT) + 1j, TypeError, "real numbers, got dtype .*complex"),
    "empty frame": (pd.DataFrame(), ValueError, r"not empty; got a DataFrame of shape \(0, 0\)"),
    "a Series": (
        pd.Series(FLAT[0], index=list("abcdefghi")),
        ValueError,
        "2-dimensional container",
    ),
    "a Series of series": (
        pd.Series(list(FLAT), index=range(1, 13)),
        ValueError,
        "of series. Pass",
    ),
    "a column of dates": (
        pd.DataFrame({"a": [1.0, 2.0], "b": pd.to_datetime(["2020", "2021"])}),
        TypeError,
        "real numbers, got columns of dtypes .*datetime",
    ),
    "a panel out of order": (
        convert_to(CUBE, "pd-multiindex", as_scitype="Panel").iloc[::-1],
        ValueError,
        "time points sorted",
    ),
    "frames at odds": (
        [pd.DataFrame({"u": [1.0], "v": [2.0]}), pd.DataFrame({"v": [1.0], "u": [2.0]})],
        ValueError,
        r"channels \['u', 'v'\] in this order",
    ),
    "text series": ([FLAT[0], np.array(["a"])], TypeError, "real numbers"),
}


@pytest.mark.parametrize(("X", "error", "message"), BAD_X.values(), ids=BAD_X)
def test_bad_series_are_named(X, error, message):
    clf = LSTMFCNClassifier()
    with pytest.raises(error, match=message):
        clf.fit(X, LABELS[: len(X)])
    assert vars(clf) == vars(LSTMFCNClassifier())


def test_a_channel_without_any_value_cannot_be_interpolated():
    X = CUBE.copy()
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="all values in channel 1 of series 3 of X are missing"):
        read(X, missing="interpolate")


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (LABELS[:-1], ValueError, r"inconsistent numbers of samples: \[12, 11\]"),
        (np.linspace(0, 1, 12), ValueError, "continuous"),
        (np.zeros(12), ValueError, "at least 2 classes, got 1 class"),
        (None, ValueError, "requires y to be passed"),
        (np.where(LABELS, np.nan, 1.0), ValueError, "NaN"),
        (["a", 1] * 6, TypeError, "labels of one type, got 1 and 'a'"),
        (["a", np.nan] * 6, TypeError, "labels of one type, got nan and 'a'"),
        ([(1, 2), (3,)] * 6, ValueError, "one target per series, got a list of sequences"),
        (np.array(["a", True] * 6, dtype=object), TypeError, "labels of one type, got True and"),
        (np.ones((12, 2)), ValueError, "1d array"),
    ],
)
def test_bad_labels_are_named(y, error, message):
    with pytest.raises(error, match=message):
        LSTMFCNClassifier().fit(FLAT, y)


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (["a"] * 12, ValueError, "real numbers: could not convert string to float"),
        (
            np.full(12, "a"),
            ValueError,
            "real numbers: could not convert string to float",
        ),
        ([None] + [1.0] * 11, ValueError, "Input y contains NaN"),
        (np.full(12, "2020", dtype="datetime64[Y]"), TypeError, "real numbers, got .*datetime64"),
    ],
)
def test_what_is_no_target_of_a_regressor(y, error, message):
    with pytest.raises(error, match=message):
        LSTMFCNRegressor().fit(FLAT, y)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (-np.ones(12), "Negative values"),
        (np.full(12, np.nan), "NaN"),
        (float("nan"), "sample_weight contains NaN"),
        (np.zeros(12), "at least one non-zero"),
        (np.ones(3), r"sample_weight.shape == \(3,\)"),
    ],
)
def test_bad_weights_are_named(weight, message):
    with pytest.raises(ValueError, match=message):
        LSTMFCNClassifier().fit(FLAT, LABELS, sample_weight=weight)


@pytest.mark.parametrize("cls", [LSTMFCNClassifier, FCNRegressor])
def test_predict_before_fit(cls):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        cls().predict(FLAT)


def test_infinity_beside_missing_values_is_named_as_such():
    X = FLAT.copy()
    X[0, :2] = np.nan, np.inf
    with pytest.raises(ValueError, match="infinity.*at time point 1. Replace the value"):
        read(X, missing="interpolate")


@pytest.mark.parametrize("cls", [LSTMFCNClassifier, LSTMFCNRegressor])
def test_a_prediction_that_is_no_number_is_an_error(cls):
    est = small(cls, max_epochs=1).fit(FLAT, LABELS)
    X = FLAT.copy()
    X[3] = 3e38
    with pytest.raises(ValueError, match="1 series of X; the first is series 3.*normalize"):
        est.predict(X)


def test_channels_by_another_order_of_names_are_refused():
    X = convert_to(CUBE, "pd-multiindex", as_scitype="Panel").set_axis(["u", "v"], axis=1)
    clf = small(LSTMFCNClassifier, max_epochs=1).fit(X, LABELS)
    assert clf.channel_names_in_ == ["u", "v"]
    with pytest.raises(ValueError, match=r"\['u', 'v'\] in this order.* got \['v', 'u'\]"):
        clf.predict(X[["v", "u"]])
    np.testing.assert_array_equal(clf.predict_proba(X), clf.predict_proba(CUBE))


class TestShapeAtPredict:
    def test_another_length_names_both(self):
        clf = small(LSTMFCNClassifier, max_epochs=1).fit(CUBE, LABELS)
        with pytest.raises(ValueError, match="fitted on series of 9 time points.* has 5"):
            clf.predict(CUBE[:, :, :5])
        with pytest.raises(ValueError, match="fitted on series of 9 time points.* has 3"):
            clf.predict(RAGGED)

    def test_a_table_of_another_width_names_both(self):
        for cls in (LSTMFCNClassifier, FCNClassifier):
            clf = small(cls, max_epochs=1).fit(FLAT, LABELS)
            with pytest.raises(ValueError, match="X has 5 features.* expecting 9 features"):
                clf.predict(FLAT[:, :5])

    def test_other_channels_name_both(self):
        clf = small(LSTMFCNClassifier, max_epochs=1).fit(CUBE, LABELS)
        with pytest.raises(ValueError, match="2 channel.*X has 1"):
            clf.predict(CUBE[:, :1])
        with pytest.raises(ValueError, match=r"2 channels; the series in a 2-D X .*\(n, 2, 9\)"):
            clf.predict(FLAT)

    def test_a_table_and_a_cube_of_one_channel_are_the_same(self):
        clf = small(LSTMFCNClassifier, max_epochs=1).fit(FLAT, LABELS)
        np.testing.assert_array_equal(clf.predict_proba(FLAT), clf.predict_proba(FLAT[:, None, :]))

    def test_networks_of_any_length_take_any_length(self):
        for clf in (
            small(FCNClassifier, max_epochs=1),
            small(LSTMFCNClassifier, max_epochs=1, dimension_shuffle=False),
        ):
            clf.fit(CUBE, LABELS)
            assert clf.predict_proba(CUBE[:, :, :5]).shape == (12, 2)
            together = clf.predict_proba(RAGGED)
            alone = np.concatenate([clf.predict_proba(x[None]) for x in RAGGED])
            np.testing.assert_allclose(together, alone, atol=1e-5)

    def test_fitted_on_unequal_series_takes_shorter_ones_alone_or_together(self):
        clf = small(LSTMFCNClassifier, max_epochs=1).fit(RAGGED, LABELS)
        assert clf.n_timepoints_in_ == 9
        together = clf.predict_proba(RAGGED)
        alone = np.concatenate([clf.predict_proba([x]) for x in RAGGED])
        np.testing.assert_allclose(together, alone, atol=1e-5)
        with pytest.raises(ValueError, match="at most 9 time points.* has 12"):
            clf.predict([np.zeros((2, 12))])


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (FLAT[:, :1], LABELS),
        (FLAT[:, :3], LABELS),
        (FLAT[:2], LABELS[:2]),
        (np.ones((12, 9)), LABELS),
        (RNG.normal(size=(4, 1000, 3)), LABELS[:4]),
        (RNG.normal(size=(17, 5)), np.arange(17) % 2),  # a last batch of one
    ],
    ids=["one point", "below the kernels", "two series", "constant", "1000 channels", "odd batch"],
)
@pytest.mark.parametrize("options", [{}, {"batch_size": 1}], ids=["batches", "batch of one"])
def test_odd_shapes_work(X, y, options):
    clf = small(LSTMFCNClassifier, max_epochs=2, **options).fit(X, y)
    assert np.isfinite(clf.predict_proba(X)).all()


def test_one_series_is_enough_for_a_regressor():
    assert small(LSTMFCNRegressor, max_epochs=2).fit(FLAT[:1], [3.0]).predict(FLAT).shape == (12,)


@pytest.mark.parametrize(
    "labels",
    [["no", "yes"], [False, True], [3, -7], [1.0, 2.0]],
    ids=["str", "bool", "int", "float"],
)
def test_labels_come_back_as_they_went_in(labels):
    y = np.array(labels)[LABELS]
    clf = small(LSTMFCNClassifier, max_epochs=1).fit(FLAT, y)
    assert clf.classes_.tolist() == sorted(labels)
    assert clf.predict(FLAT).dtype == y.dtype
    assert set(clf.predict(FLAT)) <= set(labels)


def test_pandas_labels_and_column_names():
    frame = pd.DataFrame(FLAT, columns=[f"t{i}" for i in range(9)])
    clf = small(LSTMFCNClassifier, max_epochs=1).fit(frame, pd.Series(LABELS).map({0: "a", 1: "b"}))
    assert clf.feature_names_in_.tolist() == list(frame.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        clf.predict(frame.rename(columns={"t0": "u"}))
    clf.fit(CUBE, LABELS)
    assert not hasattr(clf, "feature_names_in_")
