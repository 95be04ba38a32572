"""Archive folders in both layouts, what sktime ships, and clear words where there is nothing."""

import numpy as np
import pytest

from skts import LSTMFCNClassifier
from skts.datasets import list_ucr, load_ucr, load_ucr_parts
from tests.settings import DATA, needs_data, small


def write_tsv(folder, name, train, test):
    (folder / name).mkdir()
    for split, rows in (("TRAIN", train), ("TEST", test)):
        lines = ["\t".join(map(str, row)) for row in rows]
        (folder / name / f"{name}_{split}.tsv").write_text("\n".join(lines) + "\n")


def test_tsv_layout_and_both_splits(tmp_path):
    write_tsv(tmp_path, "Own", [[1, 0.5, 2], [-1, 3, 4]], [[1, 5, 6]])
    X, y = load_ucr("Own", path=tmp_path)
    np.testing.assert_array_equal(X, [[0.5, 2], [3, 4], [5, 6]])
    assert y.tolist() == ["1", "-1", "1"]
    assert load_ucr("Own", "test", tmp_path)[0].tolist() == [[5, 6]]


def test_padding_makes_a_list_in_both_splits(tmp_path):
    write_tsv(tmp_path, "Own", [["a", 1, 2, 3], ["b", 4, 5, 6]], [["a", 7, 8, "NaN"]])
    X, _ = load_ucr("Own", "train", tmp_path)
    assert [x.tolist() for x in X] == [[[1, 2, 3]], [[4, 5, 6]]]
    assert load_ucr("Own", "test", tmp_path)[0][0].tolist() == [[7, 8]]


def test_both_parts_in_one_reading(tmp_path):
    write_tsv(tmp_path, "Own", [["a", 1, 2, 3], ["b", 4, 5, 6]], [["a", 7, 8, "NaN"]])
    for name, path in (("Own", tmp_path), ("ItalyPowerDemand", None)):
        for split, (X, y) in zip(("train", "test"), load_ucr_parts(name, path), strict=True):
            X_alone, y_alone = load_ucr(name, split, path)
            assert type(X) is type(X_alone)
            assert all(np.array_equal(*pair) for pair in zip(X, X_alone, strict=True))
            assert y.tolist() == y_alone.tolist()


def test_missing_values_stay(tmp_path):
    write_tsv(tmp_path, "Own", [["a", 1, "NaN", 3], ["b", 4, 5, "NaN"]], [["a", 7, 8, 9]])
    X, _ = load_ucr("Own", path=tmp_path)
    np.testing.assert_array_equal(X, [[1, np.nan, 3], [4, 5, np.nan], [7, 8, 9]])


def test_missing_values_of_one_split_make_them_so_in_both(tmp_path):
    write_tsv(tmp_path, "Own", [["NA", 1, "NaN", 3]], [["b", 7, 8, "NaN"]])
    X, y = load_ucr("Own", path=tmp_path)
    np.testing.assert_array_equal(X, [[1, np.nan, 3], [7, 8, np.nan]])
    assert y.tolist() == ["NA", "b"]


def test_odd_files(tmp_path):
    write_tsv(tmp_path, "Own", [['"c', 1], ["NaN", 1, 2, 3]], [["b", "?", 2, 3]])
    X, y = load_ucr("Own", path=tmp_path)
    assert y.tolist() == ['"c', "NaN", "b"]
    np.testing.assert_array_equal(X, [[1, np.nan, np.nan], [1, 2, 3], [np.nan, 2, 3]])
    (tmp_path / "Own" / "Own_TEST.tsv").write_text("1 2 3\n")
    with pytest.raises(ValueError, match=r"Own_TEST.tsv must hold .* tab-separated"):
        load_ucr("Own", path=tmp_path)


def test_the_environment_names_the_folder(tmp_path, monkeypatch):
    write_tsv(tmp_path, "Own", [[1, 0.5]], [[2, 5]])
    monkeypatch.setenv("SKTS_DATA", str(tmp_path))
    assert load_ucr("Own")[0].shape == (2, 1)
    assert list_ucr() == ["Own"]


@pytest.mark.parametrize(
    ("name", "shape"), [("GunPoint", (50, 150)), ("BasicMotions", (40, 6, 100))]
)
def test_what_sktime_ships(name, shape, monkeypatch):
    monkeypatch.delenv("SKTS_DATA", raising=False)
    X, y = load_ucr(name, "train")
    assert X.shape == shape
    assert y.dtype.kind == "U"
    assert name in list_ucr()


def test_unequal_sets_come_as_lists():
    X, y = load_ucr("JapaneseVowels", "train")
    assert len(X) == len(y) == 270
    assert {x.shape[0] for x in X} == {12}
    assert len({x.shape[1] for x in X}) > 5


def test_a_name_that_is_nowhere_names_the_folders_and_the_remedy(tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"{tmp_path}.*SKTS_DATA.*Nowhere_TRAIN.tsv"):
        load_ucr("Nowhere", path=tmp_path)


def test_an_archive_folder_that_is_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        load_ucr("GunPoint", path=tmp_path / "absent")


def test_split_is_checked():
    with pytest.raises(ValueError, match="split must be 'train', 'test' or None, got 'TRAIN'"):
        load_ucr("GunPoint", "TRAIN")


@needs_data
def test_every_set_of_a_real_archive_loads():
    names = list_ucr(DATA / "ucr")
    assert len(names) == 46
    for name in names:
        X, y = load_ucr(name, path=DATA / "ucr")
        assert len(X) == len(y) > 20
        expected = list if name in ("GesturePebbleZ1", "PickupGestureWiimoteZ") else np.ndarray
        assert isinstance(X, expected), name


@needs_data
def test_ts_and_tsv_of_one_set_are_the_same():
    here, y_here = load_ucr("GunPoint", path=DATA / "ucr")
    shipped, y_shipped = load_ucr("GunPoint")
    np.testing.assert_allclose(here, shipped, atol=1e-6)
    assert y_here.tolist() == y_shipped.tolist()


@needs_data
def test_a_multivariate_ts_folder():
    X, y = load_ucr("NATOPS", "test", DATA / "uea")
    assert X.shape == (180, 24, 51)
    assert len(set(y)) == 6


@needs_data
def test_real_missing_values_and_unequal_lengths_train():
    for name, options in (
        ("DodgerLoopGame", {"missing": "interpolate", "normalize": "series"}),
        ("PickupGestureWiimoteZ", {}),
    ):
        train = load_ucr(name, "train", DATA / "ucr")
        clf = small(LSTMFCNClassifier, max_epochs=30, **options).fit(*train)
        assert clf.score(*train) > 0.5
