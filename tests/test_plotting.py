"""Figures: each takes an Axes and returns it, and shows the numbers that skts.explain gives."""

from functools import cache

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.dates import ConciseDateFormatter
from sklearn.decomposition import PCA, KernelPCA
from sklearn.linear_model import RidgeClassifier
from sktime.datasets import load_airline
from sktime.datatypes import convert_to

import skts
from skts import plotting
from skts.explain import (
    attention_weights,
    channel_importance,
    class_activation_maps,
    filter_outputs,
)
from tests import forecasts
from tests.settings import small

mpl.use("agg")
X = np.random.default_rng(0).normal(size=(20, 2, 12))
Y = np.array(["no", "yes"])[np.arange(20) % 2]
AIRLINE = load_airline()
RELEVANCE = np.linspace(-1, 3, 24).reshape(2, 12)


@cache
def classifier():
    return small(skts.FCNClassifier, max_epochs=2, validation_fraction=0.2).fit(X, Y)


@cache
def univariate():
    return small(skts.FCNClassifier, max_epochs=1).fit(X[:, 0], Y)


@cache
def attentive():
    return small(skts.ALSTMClassifier, max_epochs=1).fit(X, Y)


@cache
def importance():
    return channel_importance(classifier(), X, Y, n_repeats=3, random_state=0)


PLOTS = {
    "plot_relevance": lambda ax: plotting.plot_relevance(X[0], RELEVANCE, ax=ax),
    "plot_channel_importance": lambda ax: plotting.plot_channel_importance(importance(), ax=ax),
    "plot_class_activation": lambda ax: plotting.plot_class_activation(classifier(), X[0], ax=ax),
    "plot_embedding": lambda ax: plotting.plot_embedding(classifier(), X, Y, ax=ax),
    "plot_filter": lambda ax: plotting.plot_filter(classifier(), X[0], ax=ax),
    "plot_forecast": lambda ax: plotting.plot_forecast(AIRLINE[-12:], ax=ax),
    "plot_attention": lambda ax: plotting.plot_attention(attentive(), X, ax=ax),
    "plot_learning_curves": lambda ax: plotting.plot_learning_curves(classifier(), ax=ax),
    "plot_confusion_matrix": lambda ax: plotting.plot_confusion_matrix(classifier(), X, Y, ax=ax),
}


@pytest.fixture(autouse=True)
def no_open_figures():
    """Also before a test: the doctests that ran in this process may have left some."""
    plt.close("all")
    yield
    plt.close("all")


def test_all_are_here():
    assert {name for name in vars(plotting) if name.startswith("plot_")} == PLOTS.keys()


@pytest.mark.parametrize("name", PLOTS)
def test_it_takes_an_axes_and_returns_it(name):
    _, ax = plt.subplots()
    n_open = len(plt.get_fignums())
    assert PLOTS[name](ax) is ax
    assert len(plt.get_fignums()) == n_open
    assert PLOTS[name](None) is not ax
    assert ax.get_xlabel()
    assert ax.get_ylabel()


def test_colours_are_the_relevance():
    (relevance,) = class_activation_maps(classifier(), X[:1], "no")
    ax = plotting.plot_class_activation(classifier(), X[0], "no", channel=1)
    (line,) = ax.collections
    starts = np.array([piece[0] for piece in line.get_segments()])
    np.testing.assert_allclose(starts[::2], np.column_stack([np.arange(11), X[0, 1, :11]]))
    np.testing.assert_allclose(line.get_array()[::2], relevance[:11])
    assert ax.figure.axes[1].get_ylabel() == "relevance for no"


def test_channels_are_coloured_on_one_scale():
    for channel in range(2):
        ax = plotting.plot_relevance(X[0], RELEVANCE, channel=channel, label="logit")
        (line,) = ax.collections
        assert (line.norm.vmin, line.norm.vmax) == (-3, 3)
        np.testing.assert_allclose(line.get_array()[::2], RELEVANCE[channel, :11])
        assert ax.get_ylabel() == f"channel {channel}"
        assert ax.figure.axes[1].get_ylabel() == "logit"
    plotting.plot_relevance(X[0, 0], np.zeros(12)).figure.canvas.draw()
    with pytest.raises(ValueError, match=r"the shape of x, \(2, 12\), or \(12,\), got \(11,\)"):
        plotting.plot_relevance(X[0], np.zeros(11))


def test_importance_is_drawn_with_its_spread():
    ax = plotting.plot_channel_importance(importance(), names=["x", "y"])
    np.testing.assert_allclose([p.get_width() for p in ax.patches], importance().importances_mean)
    (spread,) = ax.collections
    halves = [np.ptp(piece[:, 0]) / 2 for piece in spread.get_segments()]
    np.testing.assert_allclose(halves, importance().importances_std)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["x", "y"]
    with pytest.raises(ValueError, match=r"one entry for each of 2 channels, got \['x'\]"):
        plotting.plot_channel_importance(importance(), names=["x"])
    with pytest.raises(ValueError, match=r"got several: pass one of \['accuracy'\]"):
        plotting.plot_channel_importance({"accuracy": importance()})


def test_a_filter_is_drawn():
    ax = plotting.plot_filter(classifier(), X[0], 3, block=1)
    np.testing.assert_allclose(
        ax.get_lines()[1].get_ydata(), filter_outputs(classifier(), X[:1], 1)[0, 3]
    )
    with pytest.raises(
        ValueError, match="index must be one of the 16 filters, counted from 0, got 16"
    ):
        plotting.plot_filter(classifier(), X[0], 16, block=1)


def test_attention_is_the_mean():
    ax = plotting.plot_attention(attentive(), X[Y == "no"])
    expected = attention_weights(attentive(), X[Y == "no"]).mean(axis=0)[0]
    np.testing.assert_allclose(ax.images[0].get_array(), expected)
    with pytest.raises(ValueError, match="head must be one of"):
        plotting.plot_attention(attentive(), X, head=9)


def test_both_losses_are_drawn():
    ax = plotting.plot_learning_curves(classifier())
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["training", "validation"]


def test_a_line_of_one_point_is_seen():
    clf = small(skts.FCNClassifier, max_epochs=1, validation_fraction=0.3).fit(X, Y)
    assert [line.get_marker() for line in plotting.plot_learning_curves(clf).lines] == ["o", "o"]
    short = small(skts.ConvLSTMClassifier, max_epochs=1, kernel_sizes=(12,)).fit(X, Y)
    assert [line.get_marker() for line in plotting.plot_filter(short, X[0]).lines] == ["None", "o"]


def test_mistakes():
    with pytest.raises(
        ValueError, match="channel must be one of the 2 channels, counted from 0, got 3"
    ):
        plotting.plot_filter(classifier(), X[0], channel=3)
    with pytest.raises(TypeError, match="of an ensemble, pass one of estimators_"):
        plotting.plot_learning_curves(small(skts.SeedEnsembleClassifier))


def test_more_than_one_series():
    with pytest.raises(ValueError, match=r"one series, .* got shape \(20, 2, 12\): pass X\[0\]"):
        plotting.plot_class_activation(classifier(), X)


OF_SERIES = {
    "plot_class_activation": plotting.plot_class_activation,
    "plot_filter": plotting.plot_filter,
}
MANY = {
    "a table": (univariate, X[:, 0], r"the 1 channel\(s\) .* got shape \(20, 12\): pass X\[0\]"),
    "a list": (classifier, list(X), r"got a list: pass X\[0\]"),
    "unequal lengths": (univariate, [X[0, 0], X[1, 0, :5]], r"got a list: pass X\[0\]"),
    "a panel": (
        classifier,
        convert_to(X, "pd-multiindex", as_scitype="Panel"),
        r"got shape \(240, 2\): pass X\[0\]",
    ),
    "other channels": (classifier, X[0, :1], r"the 2 channel\(s\) .* got shape \(1, 12\)"),
    "other axes": (classifier, X[0].T, r"got shape \(12, 2\): .*, or x.T if it is \(T, C\)"),
    "text": (classifier, "series", "got a str"),
}


@pytest.mark.parametrize("plot", OF_SERIES.values(), ids=OF_SERIES)
@pytest.mark.parametrize("kind", MANY)
def test_what_is_not_one_series_of_the_estimator(plot, kind):
    estimator, x, message = MANY[kind]
    with pytest.raises(ValueError, match=f"^x must be one series.*{message}"):
        plot(estimator(), x)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("plot", OF_SERIES.values(), ids=OF_SERIES)
@pytest.mark.parametrize("wrap", [torch.tensor, np.ma.array, list, lambda x: pd.DataFrame(x.T)])
def test_one_series_may_be_what_fit_takes(plot, wrap):
    drawn, expected = plot(classifier(), wrap(X[0]), channel=1), plot(classifier(), X[0], channel=1)
    for line, known in zip(drawn.get_lines(), expected.get_lines(), strict=True):
        np.testing.assert_array_equal(line.get_xydata(), known.get_xydata())


def test_relevance_of_many_series():
    with pytest.raises(ValueError, match=r"X\[0\] and relevance\[0\]"):
        plotting.plot_relevance(X[:, 0], X[:, :1])


@pytest.mark.parametrize("number", [True, 0.0, -1, 9, "0", None])
def test_what_is_no_number_of_a_thing(number):
    calls = {
        "channel": lambda: plotting.plot_class_activation(classifier(), X[0], channel=number),
        "index": lambda: plotting.plot_filter(classifier(), X[0], 99 if number == 9 else number),
        "block": lambda: plotting.plot_filter(classifier(), X[0], block=number),
        "layer": lambda: plotting.plot_attention(attentive(), X, layer=number),
        "head": lambda: plotting.plot_attention(attentive(), X, head=number),
    }
    for name, call in calls.items():
        with pytest.raises(ValueError, match=f"{name} must be .*, got "):
            call()
    with pytest.raises(ValueError, match="n_repeats must be an integer of at least 1, got"):
        channel_importance(classifier(), X, Y, n_repeats=-1 if number == 9 else number)


class TestEmbedding:
    def test_a_class_has_its_points(self):
        ax = plotting.plot_embedding(classifier(), X, Y)
        features = classifier().transform(X)
        points = PCA(2, random_state=0).fit_transform(features)
        for label, of_class in zip(("no", "yes"), ax.collections, strict=True):
            np.testing.assert_allclose(of_class.get_offsets(), points[label == Y])
            assert of_class.get_label() == label

    def test_targets_have_a_scale(self):
        reg = small(skts.FCNRegressor, max_epochs=1).fit(X, X[:, 0, 0])
        ax = plotting.plot_embedding(reg, X, X[:, 0, 0])
        np.testing.assert_array_equal(ax.collections[0].get_array(), X[:, 0, 0])
        assert ax.figure.axes[1].get_ylabel() == "target"

    def test_a_reducer(self):
        ax = plotting.plot_embedding(classifier(), X, reducer=KernelPCA(2))
        assert ax.get_xlabel() == "dimension 1"
        with pytest.raises(ValueError, match="reducer must return 2 columns for 20 series"):
            plotting.plot_embedding(classifier(), X, reducer=KernelPCA(3))

    def test_what_cannot_be_drawn(self):
        with pytest.raises(TypeError, match="expected an estimator with transform"):
            plotting.plot_embedding(RidgeClassifier(), X)
        with pytest.raises(ValueError, match="at least 2 series"):
            plotting.plot_embedding(classifier(), X[:1])
        with pytest.raises(ValueError, match="y must have no missing values, got 20"):
            plotting.plot_embedding(classifier(), X, np.full(20, None))
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            plotting.plot_embedding(classifier(), X, Y[:-1])


def forecast_of(y=AIRLINE):
    """The forecast and intervals of a year, of an index of whatever kind."""
    forecaster = forecasts.small(max_epochs=1, n_lags=2, calibration_fraction=0.5).fit(y)
    steps = range(1, 13)
    return forecaster.predict(steps), forecaster.predict_interval(steps, coverage=[0.5, 0.8])


def drawn(ax):
    return dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))


def test_a_forecast_is_drawn_on_dates():
    history, truth = AIRLINE[:-12], AIRLINE[-12:]
    forecast, interval = forecast_of(history)
    before = interval.copy()
    ax = plotting.plot_forecast(forecast, history=history, truth=truth, interval=interval)
    pd.testing.assert_frame_equal(interval, before)
    parts = drawn(ax)
    names = ["forecast, interval of 80 %", "forecast, interval of 50 %"]
    assert sorted(parts) == sorted(["history", "truth", "forecast", *names])
    assert isinstance(ax.xaxis.get_major_formatter(), ConciseDateFormatter)
    for name, values in {"history": history, "truth": truth, "forecast": forecast}.items():
        times, numbers = parts[name].get_data()
        np.testing.assert_array_equal(numbers, values)
        np.testing.assert_array_equal(times, values.index.to_timestamp())
    for name, coverage in zip(names, (0.8, 0.5), strict=True):
        limits = interval.droplevel(0, axis="columns")[coverage]
        (path,) = parts[name].get_paths()
        np.testing.assert_allclose(path.get_extents().ymin, limits["lower"].min())
        np.testing.assert_allclose(path.get_extents().ymax, limits["upper"].max())
    assert ax.get_ylabel() == "Number of airline passengers"


def numbered(y):
    return y.reset_index(drop=True)


def dated(y):
    return y.set_axis(y.index.to_timestamp().tz_localize("Europe/Paris"))


@pytest.mark.parametrize("kind", [numbered, dated])
def test_a_forecast_of_other_time_points(kind):
    y = kind(AIRLINE)
    forecast, _ = forecast_of(y)
    ax = plotting.plot_forecast(forecast, history=y)
    ax.figure.canvas.draw()
    np.testing.assert_array_equal(drawn(ax)["forecast"].get_xdata(), forecast.index)


def test_forecasts_are_compared_on_one_axes():
    _, ax = plt.subplots()
    for end in (-24, -12):
        forecast = AIRLINE[end:][:12]
        for label, color in (("a", "red"), ("b", "blue")):
            plotting.plot_forecast(forecast, truth=AIRLINE, label=label, color=color, ax=ax)
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["truth", "a", "b"] == [*drawn(ax)]
    assert [line.get_color() for line in ax.get_lines()[1::2]] == ["red", "blue"] * 2


def test_one_series_of_many():
    y = hierarchy()
    forecast, interval = (frame.groupby(level=[0, 1]).tail(3) for frame in (y, interval_of(y)))
    for name in (("a", "y"), ("b", "x")):
        ax = plotting.plot_forecast(forecast, history=y, interval=interval, series=name)
        np.testing.assert_array_equal(drawn(ax)["history"].get_ydata(), y.loc[name, "demand"])
        np.testing.assert_array_equal(
            drawn(ax)["forecast"].get_ydata(), forecast.loc[name, "demand"]
        )
        assert ax.get_title() == ", ".join(name)
        assert ax.get_ylabel() == "demand"
    message = r"^series must be one of \[\('a', 'x'\), .*\], as in forecast, got "
    for wrong in (None, "a", ("a", "z")):
        with pytest.raises(ValueError, match=message):
            plotting.plot_forecast(forecast, series=wrong)
    panel = y.loc["a"]
    ax = plotting.plot_forecast(panel, series="y")
    np.testing.assert_array_equal(drawn(ax)["forecast"].get_ydata(), panel.loc["y", "demand"])
    alone = panel.loc[["y"]]  # a panel of one series
    assert plotting.plot_forecast(alone, history=alone).get_title() == "y"
    with pytest.raises(ValueError, match="None for a single series, as in forecast, got 'y'"):
        plotting.plot_forecast(AIRLINE, series="y")
    with pytest.raises(ValueError, match=r"one of \['y'\], as in history, got 'x'"):
        plotting.plot_forecast(panel, history=alone, series="x")


def hierarchy():
    index = pd.MultiIndex.from_product([["a", "b"], ["x", "y"], range(8)])
    return pd.DataFrame({"demand": np.arange(32.0)}, index)


def interval_of(y):
    columns = pd.MultiIndex.from_product([["demand"], [0.9], ["lower", "upper"]])
    return pd.DataFrame(np.column_stack([y - 1, y + 1]), y.index, columns)


def test_one_column_of_several():
    y = pd.DataFrame({"up": np.arange(90.0), "down": -np.arange(90.0)})
    forecast, interval = forecast_of(y)
    ax = plotting.plot_forecast(forecast, history=y, interval=interval, column="down")
    np.testing.assert_array_equal(drawn(ax)["forecast"].get_ydata(), forecast["down"])
    assert ax.get_ylabel() == "down"
    limits = interval["down"][0.8]
    (path,) = drawn(ax)["forecast, interval of 80 %"].get_paths()
    np.testing.assert_allclose(path.get_extents().ymax, limits["upper"].max())
    for wrong in (None, "left"):
        with pytest.raises(
            ValueError, match=r"column must be one of the columns of .*, \['up', 'down'\], got"
        ):
            plotting.plot_forecast(forecast, column=wrong)
    with pytest.raises(
        ValueError, match=r"one of the columns of interval, \['up', 'down'\], got None"
    ):
        plotting.plot_forecast(forecast["up"], interval=interval)


def test_a_forecast_of_one_step_and_limits_that_are_infinite_are_seen():
    y = pd.DataFrame({"demand": np.arange(5.0)})
    ax = plotting.plot_forecast(y[-1:], history=y[:1], interval=interval_of(y)[-1:])
    assert [line.get_marker() for line in ax.get_lines()] == ["o", "o"]
    (piece,) = drawn(ax)["forecast, interval of 90 %"].get_segments()
    np.testing.assert_array_equal(piece, [[4, 3], [4, 5]])
    interval = interval_of(y)
    interval.iloc[3:, 1] = np.inf
    ax = plotting.plot_forecast(y, interval=interval)
    assert "forecast, interval of 90 %, infinite at 2 of 5 time points" in drawn(ax)
    assert np.isfinite(ax.get_ylim()).all()


def test_what_is_no_forecast():
    y = AIRLINE
    with pytest.raises(TypeError, match="truth must be a Series or DataFrame .* got a ndarray"):
        plotting.plot_forecast(y, truth=y.to_numpy())
    with pytest.raises(TypeError, match="forecast must be a Series .* got a NoneType"):
        plotting.plot_forecast(None)
    with pytest.raises(TypeError, match="interval must have the columns of predict_interval"):
        plotting.plot_forecast(y, interval=y.to_frame())
    with pytest.raises(ValueError, match=r"must be integers, .* \(period\[M\]\), got int64"):
        plotting.plot_forecast(y, history=numbered(y))
    assert plt.get_fignums() == []


def test_a_forecast_is_not_drawn_beside_another_series():
    index = pd.MultiIndex.from_product([["a"], range(3)])
    of_a = pd.DataFrame({"y": [1.0, 2.0, 3.0]}, index=index)
    of_b = of_a.rename(index={"a": "b"})
    for given in ({"truth": of_b}, {"history": of_b, "truth": pd.concat([of_a, of_b])}):
        with pytest.raises(ValueError, match="series must be one of"):
            plotting.plot_forecast(of_a, **given)
    assert plotting.plot_forecast(of_a, truth=of_b.droplevel(0)).get_title() == "a"
