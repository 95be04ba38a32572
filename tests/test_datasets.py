"""Archive folders in both layouts, what sktime ships, and clear words where there is nothing."""

import numpy as np
import pytest

from skts import LSTMFCNClassifier
from skts.datasets import find_missing, list_ucr, load_ucr, load_ucr_parts
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


def test_odd_labels(tmp_path):
    write_tsv(tmp_path, "Own", [['"c', 1, 2, 3], ["NA", 1, 2, 3]], [["b", "?", 2, 3]])
    X, y = load_ucr("Own", path=tmp_path)
    assert y.tolist() == ['"c', "NA", "b"]
    np.testing.assert_array_equal(X, [[1, 2, 3], [1, 2, 3], [np.nan, 2, 3]])


HEADER = (
    "#Café\n@problemName Own\n@timeStamps false\n@univariate true\n@classLabel true A b\n@data\n"
)


def write(folder, suffix, train, test=None):
    """Both files of the data set "Own", the test part right unless it is given."""
    right = {".tsv": "1\t0.5\t2\n2\t3\t4\n", ".ts": f"{HEADER}0.5,2:a\n3,4:b\n"}[suffix]
    (folder / "Own").mkdir()
    for split, content in (("TRAIN", train), ("TEST", right if test is None else test)):
        content = content if isinstance(content, bytes) else content.encode()
        (folder / "Own" / f"Own_{split}{suffix}").write_bytes(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("label\tx1\tx2\n1\t0.5\t2\n", r"TRAIN.tsv, line 1: value 1 must be a number .*got 'x1'"),
        ("1\t0.5\t2\n2\t0,5\t2\n", "line 2: value 1 must be a number with a decimal point.*'0,5'"),
        ("1\t0.5\t2\n\n2\t3\tNA\n", "line 3: value 2 must be .*, or NaN, .*'NA'"),
        ("1\t0.5\tTrue\n", "line 1: value 2 must be a number .*'True'"),
        ("1\t0.5\x002\t3\n", "line 1: text must have no NUL"),
        ("1\t0.5\tinf\n", "line 1: a value must be finite"),
        ("1\t0.5\t2\nJä\t3\t4\n".encode("latin-1"), "line 2: text must be in UTF-8, got b'J"),
        ("1\t0.5\t2\n".encode("utf-16"), "line 1: text must be in UTF-8"),
        ("1\t0.5\t2\n2\t3\n", "line 2: there must be 3 columns, as in line 1, got 2. Pad"),
        ("1\t0.5\t2\n2\t3\t4\t5\n", "line 2: there must be 3 columns, as in line 1, got 4"),
        ("1\t0.5\t2\n\t3\t4\n", "line 2: a label must not be missing"),
        ("1\t0.5\t2\nNaN\t3\t4\n", "line 2: a label must not be missing"),
        ("1\t0.5\t2\n\t\t\n", "line 2: a label must not be missing"),
        ("", "TRAIN.tsv must hold .* got an empty file"),
        ("\n \n", "TRAIN.tsv must hold .* got an empty file"),
        ("1\n2\n", "line 1: the file must hold a label and tab-separated values"),
        ("1 0.5 2\n", "line 1: the file must hold a label and tab-separated values"),
        ("1,0.5,2\n", r"line 1: .* \(not commas\), got '1,0.5,2'"),
        ("1\tNaN\tNaN\n2\t?\t\n", "must have values, but all are missing"),
    ],
)
def test_a_malformed_tsv_file_is_named_with_the_line(tmp_path, content, message):
    write(tmp_path, ".tsv", content)
    for load in (load_ucr, load_ucr_parts):
        with pytest.raises(ValueError, match=rf"Own_TRAIN.*{message}|Own_{message}"):
            load("Own", path=tmp_path)
    assert list_ucr(tmp_path) == ["Own"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER + "0.5,2:a\n3,4\n", "line 8: there must be 1 channels, .* got 0 channels"),
        (HEADER + "0.5,2:a\n3,4:\n", "line 8: a label must not be missing"),
        (HEADER + "0.5,2:a\n3,4:?\n", "line 8: a label must not be missing"),
        (HEADER + "0.5,2:a\n3,4:c\n", "line 8: a label must be one of A, b, got 'c'"),
        (HEADER + "0.5,2:a\n3,4:5,6:a\n", "line 8: there must be 1 channels, .* got 2 channels"),
        (HEADER + "0.5,2:a\n3;4:a\n", "line 8: value 1 of channel 1 must be a number .*'3;4'"),
        (HEADER + "0.5,NA:a\n", "line 7: value 2 of channel 1 must be a number .*'na'"),
        (HEADER + "0.5,:a\n", "line 7: value 2 of channel 1 must be a number .*''"),
        (HEADER + "0.5,inf:a\n", "line 7: the values of channel 1 must be finite"),
        (HEADER + "0.5\t2\ta\n", "line 7: there must be 1 channels"),
        (HEADER, "there must be series after '@data', got none"),
        (HEADER.replace("@data\n", "0.5,2:a\n"), "line 6: '@data' must precede the first"),
        (HEADER.replace("@data\n", ""), "there must be '@data' and series, got neither"),
        (HEADER.replace("A b", "A a") + "1:a\n", "line 5: classes must differ in more than case"),
        (HEADER.encode() + b"0.5:\xe4\n", "line 7: text must be in UTF-8"),
        (
            HEADER.replace("@univariate true", "@dimensions 2") + "1:2:a\n3:a\n",
            "line 8: .* 2 chann",
        ),
        (HEADER.replace("@univariate true", "@dimensions x") + "1:a\n", "line 4: @dimensions must"),
        (HEADER.replace("@univariate true", "") + "1:2:a\n3:a\n", "line 8: there must be 2 chann"),
        (
            HEADER.replace("@univariate true", "") + "1,2:2:a\n",
            "line 7: .*equal numbers of values, got 2, 1",
        ),
        (HEADER.replace("@univariate true", "") + "1,2:1,2:a\n", "TEST.ts: .* 2 channels.*, got 1"),
        (
            HEADER.replace("Stamps false", "stamps true") + "(0,1),2:a\n",
            r"line 7: .*\(time, value\)",
        ),
        (
            HEADER.replace("Stamps false", "stamps true") + "(0,1),(0,2):a\n",
            "line 7: the times of a series must be unique, got '0'",
        ),
        (
            HEADER.replace("Stamps false", "stamps true") + "(10,1),(9,2):a\n",
            "line 7: the times of a series must be sorted, got '10, 9'",
        ),
        (
            HEADER.replace("Stamps false", "stamps true")
            + "(2020-01-02 00:00,1),(2020-01-01 00:00,2):a\n",
            "line 7: the times of a series must be sorted",
        ),
        (HEADER + "1_0:a\n", "line 7: value 1 of channel 1 must be a number .*'1_0'"),
    ],
)
def test_a_malformed_ts_file_is_named_with_the_line(tmp_path, content, message):
    write(tmp_path, ".ts", content)
    with pytest.raises(ValueError, match=rf"Own_TRAIN.*{message}|Own_{message}"):
        load_ucr("Own", path=tmp_path)
    assert list_ucr(tmp_path) == ["Own"]


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".tsv", "\ufeff1\t0.5\t2\r\n\r\n2\t3\t4\r\n\r\n \r\n"),
        (".tsv", "1\t0.5\t2\n2\t3\t4"),
        (".tsv", "1\t0.5\t2\t\n2\t 3 \t4\t"),
        (".ts", "\ufeff" + (HEADER + "0.5, 2:a\n\n3,4 : b\n\n").replace("\n", "\r\n")),
        (".ts", (HEADER + "0.5,2:A\n3,4:b").encode("latin-1")),  # in a comment
        (".ts", HEADER.replace("Stamps false", "stamps true") + "(1,0.5),(2,2):a\n(1,3),(2,4):b"),
        (
            ".ts",
            HEADER.replace("Stamps false", "stamps true")
            + "(2020-01-01 10:00:00,0.5), (2020-01-01 11:00:00,2):a\n(10:00,3),(11:00,4):b",
        ),
    ],
)
def test_what_editors_and_systems_do_to_files_is_read(tmp_path, suffix, content):
    write(tmp_path, suffix, content)
    X, y = load_ucr("Own", "train", tmp_path)
    np.testing.assert_array_equal(X, [[0.5, 2], [3, 4]])
    assert y.tolist() == {".tsv": ["1", "2"], ".ts": ["a", "b"]}[suffix]


class TestWhatHasNoClasses:
    """Decided by what files say."""

    @pytest.mark.parametrize(
        ("tag", "message"),
        [
            (
                "@targetLabel true",
                "TRAIN.ts, line 5: .*'@classLabel true'.*got '@targetLabel true'",
            ),
            ("@classLabel false", "TRAIN.ts: .*must declare '@classLabel true' and its classes"),
            ("", "TRAIN.ts: .*must declare '@classLabel true' and its classes"),
        ],
    )
    def test_in_an_archive(self, tmp_path, tag, message):
        write(tmp_path, ".ts", HEADER.replace("@classLabel true A b", tag) + "1,2:0.53\n2,3:0.71\n")
        assert list_ucr(tmp_path) == []
        assert find_missing(["Own"], tmp_path) == ["Own"]
        with pytest.raises(TypeError, match=r"a list of names.*pass \['GunPoint'\]"):
            find_missing("GunPoint")
        with pytest.raises(ValueError, match=message):
            load_ucr("Own", path=tmp_path)

    def test_among_what_sktime_ships(self, monkeypatch):
        monkeypatch.delenv("SKTS_DATA", raising=False)
        others = ["Airline", "Covid3Month", "Tecator", "segmentation"]
        assert not {*others} & {*list_ucr()}
        assert find_missing([*others, "GunPoint", "Adiac"]) == others
        assert {"GunPoint", "BasicMotions", "PLAID"} <= {*list_ucr()}
        with pytest.raises(ValueError, match=r"Tecator_TRAIN.ts, line \d+: .*@targetLabel true"):
            load_ucr("Tecator")
        with pytest.raises(FileNotFoundError, match="'Airline' is neither in"):
            load_ucr("Airline")


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


@pytest.mark.parametrize("name", [None, 3, ["GunPoint"]])
def test_a_name_is_a_string(name):
    with pytest.raises(TypeError, match="name must be a string, such as 'GunPoint', got "):
        load_ucr(name)
