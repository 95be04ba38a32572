"""Series from long frames, and windows of series with what comes after them."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sktime.datasets import load_airline, load_longley, load_lynx
from sktime.datatypes import convert_to

import skts
from skts.datasets import from_long, load_ucr, windows
from tests.settings import small

FRAME = pd.DataFrame(
    {
        "id": ["b", "a", "b", "a", "b", "a"],
        "day": [0, 5, 1, 6, 2, 9],
        "x": [1.0, 2.0, 3.0, np.nan, 5.0, 6.0],
        "z": [1, 2, 3, 4, 5, 6],
        "label": ["yes", "no"] * 3,
    }
)
LONG = {"instance": "id", "time": "day"}
AIRLINE = load_airline()


def long_of(X, y):
    """Series as a long frame, shuffled, but for the order of time."""
    frames = [
        pd.DataFrame(np.atleast_2d(x).T).assign(id=i, t=range(np.shape(x)[-1]), label=label)
        for i, (x, label) in enumerate(zip(X, y, strict=True))
    ]
    return pd.concat(frames).sample(frac=1, random_state=0).sort_values("t", kind="stable")


@pytest.mark.parametrize("name", ["BasicMotions", "JapaneseVowels"])
def test_an_archives_series_come_back(name):
    series, labels = load_ucr(name, split="train")
    X, y = from_long(long_of(series, labels), instance="id", time="t", target="label")
    assert isinstance(X, type(series))
    assert sorted(y.index) == list(range(len(series)))
    for x, place, label in zip(X, y.index, y, strict=True):
        np.testing.assert_array_equal(x, series[place])
        assert label == labels[place]
    clf = small(skts.FCNClassifier, max_epochs=1).fit(X, y)
    assert set(clf.classes_) == set(labels)


def test_instances_are_in_the_order_of_their_first_rows():
    X, instances = from_long(FRAME, **LONG, channels=["z", "x"])
    np.testing.assert_array_equal(X, [[[1, 3, 5]] * 2, [[2, 4, 6], [2, np.nan, 6]]])
    pd.testing.assert_index_equal(instances, pd.Index(["b", "a"], name="id"))
    X, y = from_long(FRAME, **LONG, channels=["z"], target="label")
    pd.testing.assert_series_equal(y, pd.Series(["yes", "no"], instances, name="label"))
    assert from_long(FRAME.drop(columns="label"), **LONG)[0].shape == (2, 2, 3)


TIMES = {
    "dates": lambda days: pd.Timestamp("2020-01-01") + pd.to_timedelta(days, unit="D"),
    "local time": lambda days: (
        pd.Timestamp("2020-01-01", tz="Europe/Paris") + pd.to_timedelta(days, unit="D")
    ),
    "periods": lambda days: pd.PeriodIndex.from_ordinals(days, freq="M"),
    "spans": lambda days: pd.to_timedelta(days, unit="s"),
    "numbers": lambda days: days / 7,
    "nullable": lambda days: days.astype("Int64"),
}


@pytest.mark.parametrize("kind", TIMES)
def test_time_points_of_any_kind(kind):
    frame = FRAME.assign(day=TIMES[kind](FRAME["day"]))
    X, _ = from_long(frame, **LONG, channels=["z"])
    np.testing.assert_array_equal(X[:, 0], [[1, 3, 5], [2, 4, 6]])
    with pytest.raises(ValueError, match="must be sorted, .* in instance a: frame.sort_values"):
        from_long(frame[::-1], **LONG, channels=["z"])


def test_values_that_are_missing_are_nan():
    nullable = FRAME.convert_dtypes().assign(z=pd.array([1, 2, None, 4, 5, 6], "Int64"))
    X, _ = from_long(nullable, **LONG, channels=["x", "z"])
    expected = [[[1, 3, 5], [1, np.nan, 5]], [[2, np.nan, 6], [2, 4, 6]]]
    np.testing.assert_array_equal(X, expected)
    assert X.dtype == np.float64


@pytest.mark.parametrize("unit", ["numbers", "dates"])
def test_polars_frames(unit):
    frame = FRAME.assign(day=TIMES[unit](FRAME["day"]))
    frame = pl.DataFrame({name: frame[name].to_list() for name in frame})
    frame = frame.with_columns(pl.col("x").fill_nan(None))
    X, y = from_long(frame, **LONG, target="label")
    expected, labels = from_long(FRAME, **LONG, target="label")
    np.testing.assert_array_equal(X, expected)
    assert y.to_dict() == labels.to_dict()
    with pytest.raises(TypeError, match=r"pass frame\.collect\(\)"):
        from_long(frame.lazy(), **LONG)


def changed(column, row, value):
    frame = FRAME.astype({"x": float})
    frame.loc[row, column] = value
    return frame


WRONG = {
    "no frame": (FRAME.to_numpy(), "frame must be a DataFrame of pandas or polars, got a ndarray"),
    "no row": (FRAME[:0], r"frame must have one row per time point, got the shape \(0, 5\)"),
    "no such column": (FRAME.drop(columns="day"), r"must have the columns .*, without \['day'\]$"),
    "in the index": (FRAME.set_index(["id", "day"]), r"\['id', 'day'\]: pass frame.reset_index"),
    "text": (FRAME.assign(x="1"), r"channels must hold real numbers, got .*'x'.*to_numeric"),
    "complex": (FRAME.assign(x=1j), "channels must hold real numbers"),
    "a repeated time point": (
        changed("day", 3, 5),
        "must be unique, got 5 after 5 in instance a: d",
    ),
    "times not in order": (changed("day", 3, 1), "must be sorted, got 1 after 5 in instance a"),
    "times of text": (FRAME.assign(day=list("abcdef")), "'day' must hold numbers, dates or per"),
    "no instance": (changed("id", 0, None), "'id' must have a value in every row, got 1 missing"),
    "no time": (changed("day", 0, np.nan), "'day' must have a value in every row, got 1 missing"),
    "no target": (changed("label", 0, None), r"'label' must have .*dropna\(subset=\['label'\]\)"),
    "two targets": (changed("label", 5, "yes"), "the same in all .*, got yes after no in .* a$"),
    "an empty channel": (FRAME.assign(x=[1, np.nan] * 3), "every channel, but a has none of x"),
    "an empty category": (
        FRAME.assign(id=pd.Categorical(FRAME["id"], ["a", "b", "c"])),
        r"every instance must have a row, .* \['c'\] of 'id' have none: .*remove_unused_categories",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_frames_that_are_refused(kind):
    frame, message = WRONG[kind]
    with pytest.raises((TypeError, ValueError), match=message):
        from_long(frame, **LONG, channels=["x", "z"], target="label")


def test_columns_that_are_refused():
    with pytest.raises(TypeError, match=r"got a string: pass \['x'\]"):
        from_long(FRAME, **LONG, channels="x")
    for channels in ([], ["x", "x"], ["x", "day"]):
        with pytest.raises(ValueError, match="must be different columns, with at least one"):
            from_long(FRAME, **LONG, channels=channels)
    with pytest.raises(TypeError, match="columns of dtypes {'label': .*Select channels"):
        from_long(FRAME, **LONG)


NUMBERS = st.integers(1, 5)


@given(
    lengths=st.lists(st.integers(2, 12), min_size=1, max_size=3),
    length=NUMBERS,
    horizon=NUMBERS,
    stride=NUMBERS,
)
def test_windows_are_those_that_a_loop_finds(lengths, length, horizon, stride):
    rng = np.random.default_rng(0)
    series = [rng.normal(size=(2, n)) for n in lengths]
    if min(lengths) < length + horizon:
        with pytest.raises(ValueError, match=f"must have at least {length + horizon} time points"):
            windows(series, length, horizon, stride=stride)
        return
    X, target = windows(series, length, horizon, stride=stride)
    found = [
        (x[:, start : start + length], x[:, start + length + horizon - 1])
        for x in series
        for start in range(0, x.shape[1] - length - horizon + 1, stride)
    ]
    np.testing.assert_array_equal(X, [window for window, _ in found])
    np.testing.assert_array_equal(target, [value for _, value in found])


def test_a_regressor_learns_from_windows():
    y = np.log(load_lynx())
    X, target = windows(y[:-24], 24, 1)
    assert X.shape == (len(y) - 48, 1, 24)
    assert target.shape == (len(y) - 48,)
    reg = skts.HydraMiniRocketRegressor(random_state=0).fit(X, target)
    X_test, truth = windows(y[-48:], 24, 1)
    assert np.abs(reg.predict(X_test) - truth).mean() < 0.7 * np.abs(truth - y[:-24].mean()).mean()
    last = y[-24:].to_numpy()[None, None]
    assert reg.predict(last).shape == (1,)


SERIES = np.arange(10.0)
PANEL = np.arange(48.0).reshape(3, 2, 8)
OF_ONE = {
    "list": list(range(10)),
    "array": SERIES,
    "masked": np.ma.array(SERIES),
    "Series": pd.Series(SERIES),
    "dates": pd.Series(SERIES, pd.date_range("2020-01-31", periods=10, freq="BME")),
    "frame": pd.DataFrame({"a": SERIES}),
    "polars": pl.Series(range(10)),
}


@pytest.mark.parametrize("kind", OF_ONE)
def test_one_series(kind):
    X, target = windows(OF_ONE[kind], 4, 2, stride=2)
    np.testing.assert_array_equal(X, [[[0, 1, 2, 3]], [[2, 3, 4, 5]], [[4, 5, 6, 7]]])
    np.testing.assert_array_equal(target, [5, 7, 9])
    X[:] = 0  # a copy: nothing else has changed
    np.testing.assert_array_equal(np.asarray(OF_ONE[kind]).ravel(), SERIES)


def test_several_channels():
    y = load_longley()[1]
    X, target = windows(y, 5, 1)
    assert X.shape == (len(y) - 5, y.shape[1], 5)
    np.testing.assert_array_equal(X[0], y[:5].to_numpy().T)
    np.testing.assert_array_equal(target, y[5:].to_numpy())


MULTIINDEX = convert_to(PANEL, "pd-multiindex", as_scitype="Panel")
PANELS = {
    "array": PANEL,
    "list of arrays": list(PANEL),
    "list of frames": [pd.DataFrame(x.T) for x in PANEL],
    "multi-index": MULTIINDEX,
    "nested": convert_to(PANEL, "nested_univ", as_scitype="Panel"),
    "hierarchy": pd.concat({"a": MULTIINDEX[:16], "b": MULTIINDEX[16:]}),
}


@pytest.mark.parametrize("kind", PANELS)
def test_no_window_crosses_two_series(kind):
    X, target = windows(PANELS[kind], 5, 2)
    one_by_one = [windows(pd.DataFrame(x.T), 5, 2) for x in PANEL]
    np.testing.assert_array_equal(X, np.concatenate([X for X, _ in one_by_one]))
    np.testing.assert_array_equal(target, np.concatenate([y for _, y in one_by_one]))


def test_several_series_of_one_channel():
    y = MULTIINDEX.iloc[:, 0]
    X, target = windows(y, 5, 2)
    assert (X.shape, target.shape) == ((6, 1, 5), (6,))
    np.testing.assert_array_equal(windows(PANEL[:, 0, None], 5, 2)[0], X)


NOT_WINDOWED = {
    "too short": (SERIES[:5], "at least 6 time points .*horizon.*, got 5 in series 0"),
    "one too short": ([SERIES, SERIES[:3]], "got 3 in series 1: lower length or horizon"),
    "a table": (PANEL[:, 0], r"got an array of shape \(3, 8\): pass pandas.DataFrame\(y\) if"),
    "a number": (np.float64(3), r"got an array of shape \(\)"),
    "nothing": ([], "at least 6 time points .* got 0 in series 0"),
    "text": (list("abcdefgh"), "y must hold series of real numbers"),
    "channels": ([PANEL[0], PANEL[0, :1]], r"must have the same number of channels, got \[1, 2\]"),
    "not in order": (pd.Series(SERIES)[::-1], "sorted, series 0 of y has 8 after a later one"),
    "twice": (
        pd.Series(SERIES, [0, *range(9)]),
        "be unique, series 0 of y has 0 more than",
    ),
    "a gap": (pd.Series(SERIES).drop(4), "no gaps, series 0 of y has 5 after 3: fill them"),
    "a month less": (AIRLINE.drop(AIRLINE.index[7]), "no gaps, .* 1949-09 after 1949-07"),
    "a day less": (
        pd.Series(SERIES, pd.date_range("2020", periods=10)).drop(pd.Timestamp("2020-01-04")),
        "no gaps, .* 2020-01-05 00:00:00 after 2020-01-03",
    ),
    "a gap in a panel": (MULTIINDEX.drop((1, 3)), "no gaps, series 1 of y has 4 after 2"),
}


@pytest.mark.parametrize("kind", NOT_WINDOWED)
def test_series_that_have_no_windows(kind):
    y, message = NOT_WINDOWED[kind]
    with pytest.raises((TypeError, ValueError), match=message):
        windows(y, 4, 2)


@pytest.mark.parametrize("number", [0, -1, 1.5, True, None])
def test_what_is_no_number_of_time_points(number):
    for name in ("length", "horizon", "stride"):
        numbers = {"length": 4, "horizon": 2} | {name: number}
        with pytest.raises(ValueError, match=f"{name} must be an integer of at least 1, got"):
            windows(SERIES, **numbers)


@pytest.mark.parametrize(
    "dates",
    [
        pd.date_range("2020-01-15", periods=8, freq=pd.DateOffset(months=1)),
        pd.DatetimeIndex([f"{2020 + i // 4}-{1 + i % 4 * 3}-15" for i in range(8)]),
        pd.date_range("2020-01-01", periods=8, freq="SMS"),
    ],
)
def test_windows_of_calendar_dates(dates):
    X, _ = windows(pd.Series(range(8), index=dates), 2, 1)
    assert X.shape == (6, 1, 2)
    with pytest.raises(ValueError, match="must have no gaps"):
        windows(pd.Series(range(7), index=dates.delete(3)), 2, 1)


def test_a_column_of_any_name_is_a_channel():
    X, _ = from_long(FRAME.rename(columns={"z": "collect"}), **LONG, channels=["collect"])
    assert X.shape == (2, 1, 3)
