"""What input may be made of: masks, other axes than ours, containers of other packages."""

import re
from collections import deque
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sktime.datatypes import convert_to

from skts import FCNClassifier, FCNRegressor, LSTMFCNClassifier, explain
from tests.settings import small
from tests.test_validation import CUBE, FLAT, LABELS, RAGGED, read

MASK = FLAT > 1
LONG = pd.DataFrame(
    {
        "id": np.repeat(list("abcdefghijkl"), 9),
        "time": np.tile(pd.date_range("2020", periods=9), 12),
        "value": FLAT.ravel(),
    }
)
MISSING = {
    "masked": np.ma.array(FLAT, mask=MASK),
    "masked cube": np.ma.array(FLAT, mask=MASK)[:, None],
    "masked ints": np.ma.array((10 * FLAT).astype(int), mask=MASK),
    "masked float32": np.ma.array(FLAT.astype(np.float32), mask=MASK),
    "masked objects": np.ma.array(FLAT.astype(object), mask=MASK),
    "list of masked": list(np.ma.array(FLAT, mask=MASK)),
    "list of masked (1, T)": list(np.ma.array(FLAT, mask=MASK)[:, None]),
    "lists of masked": [[x] for x in np.ma.array(FLAT, mask=MASK)],
    "lists of None": np.where(MASK, None, FLAT).tolist(),
    "objects with NA": np.where(MASK, pd.NA, FLAT),
    "list of objects with NA": list(np.where(MASK, pd.NA, FLAT)),
    "nullable": pd.DataFrame(FLAT).astype("Float64").mask(MASK),
    "nullable ints": pd.DataFrame((10 * FLAT).astype(int)).astype("Int64").mask(MASK),
    "frame of objects": pd.DataFrame(np.where(MASK, pd.NA, FLAT)),
    "polars": pl.DataFrame(np.where(MASK, np.nan, FLAT)).fill_nan(None),
    "list of pandas": [
        pd.Series(x, dtype="Float64").mask(m) for x, m in zip(FLAT, MASK, strict=True)
    ],
    "list of polars": [pl.Series(x).fill_nan(None) for x in np.where(MASK, np.nan, FLAT)],
    "nested": pd.DataFrame(
        {"a": [pd.Series(x, dtype=object) for x in np.where(MASK, pd.NA, FLAT)]}
    ),
    "multi-index": LONG.set_index(["id", "time"])
    .astype("Float64")
    .mask(LONG["value"].to_numpy()[:, None] > 1),
}


@pytest.mark.parametrize("kind", MISSING)
def test_what_is_masked_or_none_is_missing(kind):
    X = MISSING[kind]
    with pytest.raises(ValueError, match=r"X contains NaN.*series 0, .*missing='interpolate'"):
        read(X)
    known = (10 * FLAT).astype(int) if kind.endswith("ints") else FLAT
    known = known.astype(np.float32) if kind.endswith("float32") else known
    expected, _ = read(np.where(MASK, np.nan, known), missing="interpolate")
    np.testing.assert_array_equal(read(X, missing="interpolate")[0], expected)


def test_a_mask_without_masked_values_changes_nothing():
    for X in (FLAT, CUBE, np.arange(12).reshape(3, 4)):
        np.testing.assert_array_equal(read(np.ma.array(X))[0], read(X)[0])


def test_what_is_masked_is_missing_in_predict_too():
    clf = small(FCNClassifier, max_epochs=1).fit(FLAT, LABELS)
    with pytest.raises(ValueError, match="X contains NaN"):
        clf.predict(MISSING["masked"])


@pytest.mark.parametrize("name", ["y", "sample_weight"])
@pytest.mark.parametrize("cls", [FCNClassifier, FCNRegressor])
def test_a_masked_target_or_weight_is_refused(cls, name):
    given = {"y": LABELS, "sample_weight": np.ones(12)}
    masked = given | {name: np.ma.array(given[name], mask=np.arange(12) == 7)}
    with pytest.raises(ValueError, match=f"{name} must have a value .* series 7 is masked"):
        cls().fit(FLAT, **masked)
    small(cls, max_epochs=1).fit(FLAT, **{k: np.ma.array(v) for k, v in given.items()})


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "string", "category"])
def test_labels_of_pandas_own_types(dtype):
    labels = pd.Series(LABELS, dtype="Int64").astype(dtype)
    clf = small(FCNClassifier, max_epochs=1).fit(FLAT, labels)
    assert type(clf.classes_.tolist()[0]) is type(labels.tolist()[0])
    with pytest.raises(ValueError, match="y contains NaN"):
        clf.fit(FLAT, labels.mask(LABELS == 1))


@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_a_nested_tensor_is_a_list_of_series(layout):
    series = [torch.tensor(x[0]) for x in RAGGED]
    values, lengths = read(torch.nested.nested_tensor(series, layout=layout))
    expected, _ = read(series)
    np.testing.assert_array_equal(values, expected)
    assert lengths.tolist() == [len(x) for x in series]


SWAPPED = {
    "cube": FLAT[:, :, None],
    "tensor": torch.tensor(FLAT[:, :, None]),
    "list": list(FLAT[:, :, None]),
    "lists": FLAT[:, :, None].tolist(),
    "masked": np.ma.array(FLAT[:, :, None]),
}


class TestAxesTheWrongWayRound:
    @pytest.mark.parametrize("kind", SWAPPED)
    @pytest.mark.parametrize("one_epoch", [False, True])
    def test_fit_warns_once(self, kind, one_epoch):
        clf, X = small(FCNClassifier, max_epochs=1), SWAPPED[kind]
        fit = partial(clf.partial_fit, classes=[0, 1]) if one_epoch else clf.fit
        with pytest.warns(UserWarning, match=r"\(12, 9, 1\) is read as \(n, C, T\)") as warned:
            fit(X, LABELS)
        clf.predict(X)
        clf.partial_fit(X, LABELS)
        (warning,) = warned
        assert warning.filename == __file__
        remedies = r"pass (X\.transpose\(.*?\)), or (np\.swapaxes\(.*?\)) if"
        remedies = re.search(remedies, str(warning.message))
        for remedy in remedies.groups()[kind in ("list", "lists", "tensor") :]:
            np.testing.assert_array_equal(read(eval(remedy))[0], read(FLAT)[0])

    def test_frames_name_their_axes(self):
        read([pd.DataFrame([x]) for x in FLAT])
        read(convert_to(FLAT[:, :, None], "pd-multiindex", as_scitype="Panel"))
        read(convert_to(FLAT[:, :, None], "nested_univ", as_scitype="Panel"))

    @pytest.mark.parametrize("cls", [FCNClassifier, FCNRegressor])
    @pytest.mark.parametrize("X", [FLAT[:, None], CUBE])
    def test_predict_names_them(self, cls, X):
        est = small(cls, max_epochs=1).fit(X, LABELS)
        swapped = X.transpose(0, 2, 1)
        for series in (swapped, list(swapped)):
            with pytest.raises(ValueError, match=r"X has 9: .* transpose\(0, 2, 1\)|X.transpose"):
                est.predict(series)

    def test_of_unequal_lengths(self):
        with pytest.raises(ValueError, match=r"series 0 .* has 9, .* pass \[x.T for x in X\]"):
            read([x.T for x in RAGGED])

    def test_of_a_table(self):
        with pytest.raises(ValueError, match=r"samples: \[9, 12\].*are series, pass X.T"):
            LSTMFCNClassifier().fit(FLAT.T, LABELS)


class Pairs(torch.utils.data.Dataset):
    def __len__(self):
        return 12

    def __getitem__(self, i):
        if i == 12:
            raise IndexError
        return torch.tensor(FLAT[i]), LABELS[i]


#: What is no array, and the remedy that the message must name, for X or what else it calls it.
REFUSED = {
    "dataset": (Pairs(), "np.stack([x for x, y in dataset])"),
    "loader": (torch.utils.data.DataLoader(Pairs(), 5), "np.concatenate([x for x, y in loader])"),
    "generator": ((x for x in FLAT), "list(X)"),
    "pairs": (zip(FLAT, LABELS, strict=True), "[x for x, y in X]"),
    "dict": (dict(enumerate(FLAT)), "list(X.values())"),
    "lazy": (pl.DataFrame(FLAT).lazy(), "X.collect()"),
    "sparse tensor": (torch.tensor(FLAT).to_sparse(), "X.to_dense()"),
    "sparse": (sparse.csr_array(FLAT), None),
    "sparse matrices": ([sparse.csr_array(x[None]) for x in FLAT], "[x.toarray() for x in X]"),
    "records": (
        np.array(list(map(tuple, FLAT)), dtype=[(f"t{i}", float) for i in range(9)]),
        "np.array(X.tolist())",
    ),
    "path": ("series.csv", None),
    "bytes": (b"series", None),
    "a pathlib path": (Path("series.csv"), None),
    "none": (None, None),
    "a number": (3.0, None),
    "dicts": ([{"a": 1.0}] * 12, None),
    "meta": (torch.empty(12, 9, device="meta"), None),
    "frames of many": ([LONG.set_index(["id", "time"])], "pd.concat(X)"),
    "ids and times": (LONG, "X.set_index(['id', 'time']).sort_index()"),
    "numbers": (
        LONG.assign(id=np.repeat(range(12), 9), time=np.tile(range(9), 12)),
        "X.set_index(['id', 'time']).sort_index()",
    ),
    "polars": (
        pl.DataFrame(LONG.to_dict("list")),
        "pd.DataFrame(X.to_dict(as_series=False)).set_index(['id', 'time']).sort_index()",
    ),
    "sktime's long": (
        LONG.set_axis(["case_id", "reading_id", "value"], axis=1).assign(dim_id="a"),
        "X.pivot(index=['case_id', 'reading_id'], columns='dim_id', values='value').sort_index()",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("fitted", [False, True])
def test_what_is_no_array_is_refused_with_a_remedy_that_works(kind, fitted):
    X, remedy = REFUSED[kind]
    clf = small(FCNClassifier, max_epochs=1)
    act = clf.fit(FLAT, LABELS).predict if fitted else partial(clf.fit, y=LABELS)
    with pytest.raises((TypeError, ValueError)) as error:
        act(X)
    message = str(error.value)
    assert len(message) < 600
    if remedy is None:
        return
    assert remedy in message
    if not fitted:  # the iterators are not used up
        mended = eval(remedy, globals(), {"X": X, "dataset": X, "loader": X})
        np.testing.assert_array_equal(read(mended)[0], read(FLAT)[0])


@pytest.mark.parametrize("wrap", [np.asarray, list, pd.Series, pl.Series, torch.tensor, deque])
def test_one_series_alone(wrap):
    X = wrap(FLAT[0])
    with pytest.raises(ValueError, match=r"Reshape your data: .*list of arrays") as error:
        read(X)
    remedy = re.search(r"Reshape your data: (.*?) is one series of 9 time points", str(error.value))
    np.testing.assert_array_equal(read(eval(remedy.group(1)))[0], read(FLAT[:1])[0])


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_columns_that_are_no_numbers_are_named(frame):
    X = frame({"name": list("abcdefghijkl"), "v": np.arange(12.0)})
    with pytest.raises(
        TypeError, match=r"columns of dtypes \{'name': .*set_index\(\['id', 'time'\]"
    ):
        read(X)


TIMES = {
    "ints": pd.RangeIndex(9),
    "dates": pd.date_range("2020", periods=9),
    "periods": pd.period_range("2020", periods=9, freq="M"),
}


@pytest.mark.parametrize("kind", TIMES)
@pytest.mark.parametrize("rows", [[0, 1, 1, *range(2, 8)], [1, 0, *range(2, 9)]])
def test_time_points_that_are_repeated_or_not_in_order_are_named(kind, rows):
    times, named = TIMES[kind][rows], TIMES[kind][rows[2] if 8 not in rows else 0]
    series = [pd.Series(x, index=TIMES[kind]) for x in FLAT[:2]] + [pd.Series(FLAT[2], index=times)]
    panels = [series, [x.to_frame() for x in series], pd.DataFrame({"a": series})]
    if 8 not in rows:  # the others sktime refuses
        panels.append(pd.concat(dict(enumerate(series))).to_frame())
    for panel in panels:
        with pytest.raises(ValueError, match=f"series 2 of X has {named}"):
            read(panel)
    read([x.set_axis(list("cabdefghi")) for x in series])


def test_frames_of_polars_have_what_pandas_has():
    booleans = pl.DataFrame(FLAT > 0).with_columns(column_3=pl.lit(None, dtype=pl.Boolean))
    expected = (FLAT > 0).astype(float)
    expected[:, 3] = np.nan
    values, _ = read(booleans, missing="interpolate")
    np.testing.assert_array_equal(values, read(expected, missing="interpolate")[0])
    decimals = pl.DataFrame(FLAT.round(2)).cast(pl.Decimal(10, 2))
    expected = decimals.cast(pl.Float64).to_numpy()
    np.testing.assert_array_equal(read(decimals)[0], read(expected)[0])


class Foreign:
    """As arrays of other packages are: its items, and numbers too, are arrays."""

    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def __getitem__(self, i):
        return type(self)(self.values[i])

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


class Shaped(Foreign):
    @property
    def shape(self):
        return np.shape(self.values)

    @property
    def dtype(self):
        return np.asarray(self.values).dtype


def test_arrays_of_other_packages():
    np.testing.assert_array_equal(read(Foreign(FLAT))[0], read(FLAT)[0])
    with pytest.raises(ValueError, match=r"np.asarray\(series\) for series in X"):
        read(Foreign([x[0].tolist() for x in RAGGED]))
    with pytest.raises(ValueError, match="Reshape your data: "):
        read(Shaped(FLAT[0]))
    with pytest.raises(ValueError, match=r"Pass X.to_frame\(\)"):
        read(LONG.set_index(["id", "time"])["value"])


@pytest.mark.parametrize("cls", [FCNClassifier, FCNRegressor])
def test_tensors_with_gradients_are_targets_and_weights(cls):
    y, weight = (torch.tensor(a, dtype=torch.float32) for a in (LABELS, np.arange(12)))
    with_gradients = y.clone().requires_grad_(), weight.clone().requires_grad_()
    one = small(cls, max_epochs=1).fit(FLAT, *with_gradients)
    other = small(cls, max_epochs=1).fit(FLAT, y.numpy(), weight.numpy())
    np.testing.assert_array_equal(one.predict(FLAT), other.predict(FLAT))


def test_labels_that_are_masked_or_objects_are_refused_with_a_remedy():
    with pytest.raises(ValueError, match=r"pass classes.compressed\(\)"):
        FCNClassifier().partial_fit(FLAT, LABELS, classes=np.ma.array([0, 1, 2], mask=[0, 0, 1]))
    dates = np.array(["2020", "2021"], dtype="M8[D]").astype(object)[LABELS]
    for y, remedy in ((LABELS.astype(object), "np.asarray(list(y))"), (dates, "y.astype(str)")):
        with pytest.raises(ValueError, match="Unknown label type: .*y holds objects") as error:
            FCNClassifier().fit(FLAT, y)
        assert remedy in str(error.value)
        small(FCNClassifier, max_epochs=1).fit(FLAT, eval(remedy))


def test_read_only_arrays_are_taken():
    X, y, weight = CUBE.astype(np.float32), LABELS.copy(), np.ones(12)
    for array in (X, y, weight):
        array.flags.writeable = False
    clf = small(FCNClassifier, max_epochs=1).fit(X, y, weight)
    clf.partial_fit(X, y, sample_weight=weight)
    reg = small(FCNRegressor, max_epochs=1).fit(X, y.astype(float), weight)
    assert clf.predict(X).shape == reg.predict(X).shape == (12,)
    assert explain.class_activation_maps(clf, X).shape == (12, 9)
    assert explain.integrated_gradients(clf, X, n_steps=50).shape == X.shape
    assert explain.channel_importance(clf, X, y, n_repeats=1).importances.shape == (2, 1)
