"""Random series, indices and horizons: forecasts at the right time points, or a judge's error.

Where sktime's naive forecaster takes the same series, its time points are those that are right.
"""

import contextlib
import warnings

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from sktime.forecasting.naive import NaiveForecaster

from skts.forecasting import LSTMForecaster
from tests.fuzzing import Refused, bounded, judged, often_first

INDICES = {
    "range": lambda n: pd.RangeIndex(3, 3 + n),
    "integers": lambda n: pd.Index(np.arange(-2, n - 2, dtype="int32")),
    "every other": lambda n: pd.RangeIndex(0, 2 * n, 2),
    "months": lambda n: pd.period_range("2020-11", periods=n, freq="M"),
    "weeks": lambda n: pd.period_range("2020-12-01", periods=n, freq="W-WED"),
    "hours": lambda n: pd.period_range("2020-03-28", periods=n, freq="h"),
    **{
        freq: (lambda n, freq=freq: pd.date_range("2020-03-27", periods=n, freq=freq))
        for freq in "D h 15min 2h B C bh MS ME BMS BME SMS QS-FEB YE W-WED 2W".split()
    },
    "no frequency": lambda n: pd.DatetimeIndex(list(pd.date_range("2020-01-01", periods=n))),
    "time zone": lambda n: pd.date_range("2020-03-28", periods=n, freq="h", tz="Europe/Berlin"),
    "days of a zone": lambda n: pd.date_range("2020-03-28", periods=n, tz="Europe/Berlin"),
    "numbers": lambda n: pd.Index(np.arange(n) / 2),
    "words": lambda n: pd.Index([f"t{i:02}" for i in range(n)]),
    "spans": lambda n: pd.timedelta_range("0h", periods=n, freq="h"),
}


def repeated(y, i):
    return y.iloc[sorted([*range(len(y)), i])]


def swapped(y, i):
    order = list(range(len(y)))
    order[i], order[i - 1] = order[i - 1], order[i]
    return y.iloc[order]


#: What is done to a series at a place; True where forecasts of it would be a silent change.
ACCIDENTS = {
    "none": (lambda y, i: y, False),
    "a time point is missing": (lambda y, i: y.drop(y.index[i]), False),
    "it comes twice": (repeated, True),
    "two are swapped": (swapped, True),
}
VALUES = {
    "ordinary": lambda rng, n: rng.normal(size=n),
    "integers": lambda rng, n: rng.integers(0, 9, size=n),
    "bools": lambda rng, n: rng.integers(0, 2, size=n) == 1,
    "constant": lambda rng, n: np.full(n, 7.0),
    "huge": lambda rng, n: rng.normal(size=n) * 1e302,
    "tiny": lambda rng, n: rng.normal(size=n) * 1e-298,
    "far from 0": lambda rng, n: 1e15 + rng.normal(size=n),
    "missing": lambda rng, n: np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
    "infinite": lambda rng, n: np.where(rng.random(n) < 0.3, np.inf, rng.normal(size=n)),
    "words": lambda rng, n: np.array(["a", "b"], dtype=object)[rng.integers(0, 2, size=n)],
}
CONTAINERS = {
    "series": lambda y: y,
    "frame": lambda y: y.to_frame("y"),
    "two columns": lambda y: pd.DataFrame({"a": y, "b": y}),
    "panel": lambda y: pd.concat({"p": y.to_frame("y"), "q": y.to_frame("y")}, names=["id", "t"]),
}
AHEAD = st.lists(st.integers(1, 5), min_size=1, max_size=3, unique=True).map(sorted)
HORIZONS = st.one_of(
    AHEAD,
    AHEAD,
    st.lists(st.integers(-4, 6), min_size=1, max_size=4, unique=True),
    st.sampled_from([1, 0, -30, [], [1.5], ["a"], None, np.array([1, 2])]),
)


@st.composite
def series(draw):
    """A series, its accident at a place."""
    n = draw(st.sampled_from([12, 11, 10, 9, 8, 7, 3, 2, 1, 0]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    values = VALUES[draw(often_first(VALUES))](rng, n)
    index = INDICES[draw(st.sampled_from(list(INDICES)))](n)
    return pd.Series(values, index)


class Naive(NaiveForecaster):
    _config = {"remember_data": False}  # sktime warns of its default


def naive(y, fh):
    """The time points of the naive forecaster, or None where it fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return Naive().fit(y, fh=fh).predict().index
        except Exception:  # whatever it is, it is not ours
            return None


@bounded(250)
@given(
    series(),
    often_first(ACCIDENTS),
    st.integers(0, 9),
    often_first(CONTAINERS),
    HORIZONS,
    st.fixed_dictionaries(
        {},
        optional={
            "missing": st.just("ffill"),
            "strategy": st.just("direct"),
            "window_length": st.sampled_from([2, 5]),
            "validation_fraction": st.sampled_from([0.2, 0.9]),
            "calibration_fraction": st.sampled_from([0.2, 0.9]),
            "baseline": st.sampled_from([None, "last"]),
        },
    ),
    st.integers(0, 5),
)
def test_forecaster(y, accident, place, container, fh, options, n_later):
    change, must_refuse = ACCIDENTS[accident]
    if len(y) < 3:
        change, must_refuse = ACCIDENTS["none"]
    y = change(y, 1 + place % max(1, len(y) - 2))
    split = len(y) if must_refuse else max(0, len(y) - n_later)
    whole = CONTAINERS[container](y)
    first = CONTAINERS[container](y.iloc[:split])
    forecaster = LSTMForecaster(max_epochs=1, n_cells=2, random_state=0, **options)
    with contextlib.suppress(Refused):
        with judged():
            forecaster.fit(first, fh=fh)
        assert not must_refuse, f"{accident}, and the series was taken"
        with judged():
            forecasts = forecaster.predict(fh)
        check(forecasts, first, fh)
        if split < len(y) and not options.get("strategy"):
            with judged():
                forecaster.update(CONTAINERS[container](y.iloc[split:]), update_params=False)
                forecasts = forecaster.predict(fh)
            check(forecasts, whole, fh)


def check(forecasts, y, fh):
    assert type(forecasts) is type(y)
    if isinstance(y, pd.DataFrame):
        assert list(forecasts.columns) == list(y.columns)
    assert np.isfinite(forecasts.to_numpy()).all()
    expected = naive(y, fh)
    if expected is not None:
        pd.testing.assert_index_equal(forecasts.index, expected, exact="equiv", check_names=False)
