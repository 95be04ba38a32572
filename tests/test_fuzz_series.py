"""Random series, targets and options: the right kind of result, or a judge's error.

What is taken must not lose, reorder or relabel anything: predictions are those for the same series
in plain arrays, after training on plain arrays.
"""

import contextlib

import numpy as np
import pandas as pd
import polars as pl
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sktime.datatypes import convert_to

from skts import FCNClassifier, FCNRegressor
from tests.fuzzing import Refused, bounded, judged, often_first

NETWORK = {"filters": (2, 2), "kernel_sizes": (3, 2), "max_epochs": 1, "random_state": 0}
NAN, INF = np.nan, np.inf


def frames(X):
    return [pd.DataFrame(x.T.astype(float)) for x in X]


def shortened(X):
    """Series of unequal length: each starts as in X."""
    return [x[:, : max(1, x.shape[1] - i % 3)] for i, x in enumerate(X)]


def as_panel(kind):
    return lambda X: convert_to(frames(X), kind, as_scitype="Panel")


#: How series (n, C, T) are given: the container, and the same series in plain arrays; None where
#: they are none and must be refused.
CONTAINERS = {
    "array": (np.asarray, np.asarray),
    "table": (lambda X: X[:, 0], lambda X: X[:, :1]),
    "fortran": (np.asfortranarray, np.asarray),
    "list": (list, np.asarray),
    "list of 1-D": (lambda X: list(X[:, 0]), lambda X: X[:, :1]),
    "lists": (lambda X: X.tolist(), np.asarray),
    "objects": (lambda X: X.astype(object), np.asarray),
    "pandas": (lambda X: pd.DataFrame(X[:, 0]), lambda X: X[:, :1]),
    "nullable": (
        lambda X: pd.DataFrame(X[:, 0].astype(float)).astype("Float64"),
        lambda X: X[:, :1],
    ),
    "polars": (lambda X: pl.DataFrame(X[:, 0].astype(float)), lambda X: X[:, :1]),
    "tensor": (torch.tensor, np.asarray),
    "tensors": (lambda X: list(map(torch.tensor, X)), np.asarray),
    "masked": (
        lambda X: np.ma.masked_array(X, X > 9),
        lambda X: np.where(X > 9, NAN, X),
    ),
    "multi-index": (as_panel("pd-multiindex"), np.asarray),
    "nested": (as_panel("nested_univ"), np.asarray),
    "unequal": (shortened, shortened),
    "unequal frames": (lambda X: frames(shortened(X)), shortened),
    "channels last": (lambda X: X.transpose(0, 2, 1), lambda X: X.transpose(0, 2, 1).copy()),
    "4-D": (lambda X: X[None], None),
    "1-D": (lambda X: X[0, 0], None),
    "a number": (lambda X: float(X.flat[0]), None),
    "complex": (lambda X: X.astype(float) + 1j, None),
    "dates": (lambda X: np.full(X.shape, np.datetime64("2020-01-01")), None),
    "dict": (lambda X: {"x": X}, None),
    "generator": (iter, None),
    "nothing": (lambda X: None, None),
    "none of them": (lambda X: X[:0], None),
    "no time points": (lambda X: X[:, :, :0], None),
    "one of no time points": (lambda X: [*X, X[0, :, :0]], None),
    "one of other channels": (lambda X: [*X, np.concatenate([X[0], X[0]])], None),
}


@st.composite
def series(draw):
    """A container and plain arrays of the same series, or None for these."""
    shape = draw(st.tuples(st.integers(1, 8), st.integers(1, 3), st.integers(1, 9)))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    X = 5 * rng.normal(size=shape) * draw(st.sampled_from([1, 1, 1, 1, 1, 1e-30, 1e30, 1e300]))
    odd = draw(st.sampled_from([(), (), (), (), (), (NAN,), (INF,), (NAN, -INF)]))
    X.flat[: len(odd)] = odd
    if np.isfinite(X).all() and np.abs(X).max() < 100:
        X = X.astype(draw(st.sampled_from(["f8", "f4", "f2", "i8", "i1", "bool"])))
    contained, plain = CONTAINERS[draw(often_first(CONTAINERS))]
    return contained(X), plain and plain(X)


DAYS = np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]")
LABELS = [
    [0, 1],
    [3, 7, -1],
    ["a", "b"],
    [True, False],
    [1.0, 2.0],
    [1.5, 2.5],
    ["a", 1],
    ["a", None],
    [1.0, NAN],
    [1, NAN],
    [True, 2],
    list(DAYS),
    [b"a", b"b"],
    [(1, 2), (3,)],
    [1 + 1j, 2.0],
    [2**62, 2**62 + 1],
]
#: How targets are given.
COLUMNS = {
    "list": list,
    "tuple": tuple,
    "array": np.array,
    "objects": lambda y: pd.Series(y, dtype=object).to_numpy(),
    "pandas": pd.Series,
    "pandas, its index reversed": lambda y: pd.Series(y, index=range(len(y))[::-1]),
    "categories": lambda y: pd.Series(pd.Categorical(y)),
    "nullable": lambda y: pd.Series(y, dtype="Int64"),
    "polars": pl.Series,
    "frame": lambda y: pd.DataFrame({"y": y}),
    "tensor": torch.tensor,
    "one column": lambda y: np.array(y)[:, None],
    "masked": lambda y: np.ma.masked_array(y, [True] + [False] * (len(y) - 1)),
    "one more": lambda y: [*y, y[0]],
    "two columns": lambda y: np.array([y, y]).T,
    "nothing": lambda y: None,
}


@st.composite
def targets(draw, kinds):
    """A function of a number of series: targets as given, and as a list."""
    values = draw(st.one_of(st.just(kinds[0]), st.sampled_from(kinds)))
    drawn = draw(st.lists(st.sampled_from(values), min_size=9, max_size=9))
    column = COLUMNS[draw(often_first(COLUMNS))]

    def of(n):
        try:
            return column(drawn[:n]), drawn[:n]
        except (ValueError, TypeError, RuntimeError, pl.exceptions.PolarsError):
            return drawn[:n], drawn[:n]  # this library has no such column

    return of


WEIGHTS = st.sampled_from(
    [
        *[None] * 6,
        np.ones,
        np.zeros,
        lambda n: np.arange(n) % 2,
        lambda n: -np.ones(n),
        lambda n: np.ones(n + 1),
        lambda n: np.full(n, 1e308),
        lambda n: np.full(n, NAN),
    ]
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "missing": st.sampled_from(["raise", "interpolate"]),
        "normalize": st.sampled_from([None, "series"]),
        "batch_size": st.sampled_from([1, 3, 16]),
        "validation_fraction": st.sampled_from([None, 0.3, 0.9]),
        "precision": st.sampled_from(["float32", "bfloat16", "auto"]),
    },
)


def check(estimator, outputs, series, target, weights):
    """Fit and predict; the outputs where both were taken, else Refused.

    They must be those of the same estimator, trained on the same in plain arrays, of each series
    alone.
    """
    given_X, plain = series
    n = 4 if plain is None else len(plain)
    given_y, y = target(n)
    weight = weights and weights(n)
    try:
        with judged():
            estimator.fit(given_X, given_y, sample_weight=weight)
    except Refused:
        assert "net_" not in vars(estimator)
        raise
    with judged():
        found = outputs(estimator, given_X)
    assert plain is not None, "what holds no series was taken"
    assert len(found) == n
    with judged():
        same = clone(estimator).fit(plain, y, sample_weight=weight)
    np.testing.assert_array_equal(outputs(same, plain), found)
    for i in range(n):
        alone = outputs(same, plain[i : i + 1])
        np.testing.assert_allclose(alone, found[i : i + 1], rtol=1e-4, atol=1e-5)
    return found, y


@bounded(200)
@given(series(), targets(LABELS), WEIGHTS, OPTIONS)
def test_classifier(series, target, weights, options):
    clf = FCNClassifier(**NETWORK, **options)
    with contextlib.suppress(Refused):
        found, labels = check(clf, lambda est, X: est.predict_proba(X), series, target, weights)
        assert len(clf.classes_) == len(set(labels))
        assert all(label in labels for label in clf.classes_)
        assert found.shape[1] == len(clf.classes_)
        np.testing.assert_allclose(found.sum(axis=1), 1)
        np.testing.assert_array_equal(clf.predict(series[0]), clf.classes_[found.argmax(axis=1)])


NUMBERS = [
    [0.5, -1.0, 2.0],
    [1, 2, 7],
    [True, False],
    [1e305, -1e305, 0.0],
    [1e-305, 2e-305],
    [5e-324, 0.0],
    [1e16, 1e16 + 2],
    ["1", "2.5"],
    ["a", "b"],
    [1.0, NAN],
    [1.0, INF],
    [1.0, None],
    [1 + 1j, 2.0],
    list(DAYS),
]


@bounded(200)
@given(series(), targets(NUMBERS), WEIGHTS, OPTIONS)
def test_regressor(series, target, weights, options):
    reg = FCNRegressor(**NETWORK, **options)
    with contextlib.suppress(Refused):
        found, _ = check(reg, lambda est, X: est.predict(X), series, target, weights)
        assert found.dtype == np.float64
        assert found.ndim == 1
        assert np.isfinite(found).all()
