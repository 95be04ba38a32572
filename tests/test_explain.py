"""Explanations: numbers that must add up, and planted segments that must be found."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Freezer

import skts
from skts.discovery import all_estimators
from skts.explain import (
    attention_context,
    attention_weights,
    average_attention,
    class_activation_maps,
    convolution_filters,
    filter_outputs,
)
from skts.explain.calls import calls_of, own_net
from skts.explain.layers import ATTENTION
from skts.layers import AverageOverTime
from skts.models.lstmfcn import AttentionCells
from skts.training.net import SeriesNet
from tests.settings import small

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 2, 20))
Y = np.array(["no", "yes"])[np.arange(24) % 2]
UNEQUAL = [x[:, : 9 + i % 12] for i, x in enumerate(X)]
LINEAR_HEADS = ["FCN", "LSTMFCN", "ALSTMFCN", "MLSTMFCN", "MALSTMFCN"]


def options_of(cls):
    return {"pooling": "average"} if "pooling" in cls().get_params() else {}


AVERAGING = [
    pytest.param(cls, id=name)
    for name, cls in all_estimators(["classifier", "regressor"])
    if "Ensemble" not in name and (name.startswith(("CNN", "LSTMC", "LSTMR")) or "FCN" in name)
]


def fitted(cls, X=X, **options):
    est = small(cls, max_epochs=3, **options_of(cls), **options)
    return est.fit(X, Y if is_classifier(est) else np.array([x[0, 0] for x in X]))


def logits_of(est, X):
    """What the network gives, ahead of softmax."""
    from skts.input.validation import check_series

    values, lengths = check_series(est, X, reset=False)
    inputs = {"x": torch.as_tensor(np.array(values))}
    if lengths is not None:
        inputs["lengths"] = torch.as_tensor(lengths)
    with torch.no_grad():
        return est.net_.infer(inputs).double().numpy()


@pytest.mark.parametrize("cls", AVERAGING)
@pytest.mark.parametrize("series", [X, UNEQUAL, X[:1]], ids=["equal", "unequal", "one"])
def test_maps_have_the_shape_of_the_series(cls, series):
    est = fitted(cls, X=UNEQUAL if series is UNEQUAL else X)
    maps = class_activation_maps(est, series)
    assert [len(m) for m in maps] == [x.shape[1] for x in series]
    assert isinstance(maps, list) == (series is UNEQUAL)
    assert np.isfinite(np.concatenate([*maps])).all()


@pytest.mark.parametrize("name", LINEAR_HEADS)
@pytest.mark.parametrize("series", [X, UNEQUAL], ids=["equal", "unequal"])
def test_maps_sum_to_the_logit(name, series):
    est = fitted(getattr(skts, f"{name}Classifier"), X=series)
    head = est.net_.module_.head
    rests = []  # what the other inputs of the linear layer give

    def keep(module, arguments, output):
        n_maps = est.filters[-1]
        others = arguments[0][:, :-n_maps].double()
        rests.append(others @ head.weight[:, :-n_maps].double().T + head.bias.double())

    hook = head.register_forward_hook(keep)
    logits = logits_of(est, series)
    hook.remove()
    rest = rests[0].detach().numpy()
    for column, label in enumerate(est.classes_):
        means = [m.mean() for m in class_activation_maps(est, series, label)]
        np.testing.assert_allclose(means + rest[:, column], logits[:, column], atol=1e-4)


def test_of_a_regressor_they_sum_to_the_prediction():
    est = fitted(skts.FCNRegressor)
    head = est.net_.module_.network.head
    maps = class_activation_maps(est, X)
    bias = head.bias.item() * est.target_scale_ + est.target_mean_
    np.testing.assert_allclose(maps.mean(axis=1) + bias, est.predict(X), rtol=1e-4, atol=1e-4)


def test_the_predicted_class_is_the_default():
    est = fitted(skts.LSTMFCNClassifier)
    predicted = est.predict(X)
    np.testing.assert_array_equal(
        class_activation_maps(est, X), class_activation_maps(est, X, predicted)
    )
    own = class_activation_maps(est, X[:1], predicted[0])
    np.testing.assert_allclose(own[0], class_activation_maps(est, X)[0], atol=1e-5)


@pytest.mark.parametrize("n_times", [60, 63])
def test_pooled_points_stand_where_they_come_from(n_times):
    est = small(
        skts.CNNRegressor,
        filters=(4, 4, 4),
        kernel_sizes=(1, 1, 1),
        pooling="average",
        max_epochs=1,
    )
    series = np.random.default_rng(0).normal(size=(20, n_times))
    est.fit(series, series[:, 0])
    spike = np.zeros((1, n_times))
    spike[0, 50] = 20
    (changed,) = class_activation_maps(est, spike) - class_activation_maps(est, 0 * spike)
    assert 48 <= np.abs(changed).argmax() <= 55


def test_frozen_layers_are_no_obstacle():
    est = fitted(skts.LSTMFCNClassifier, callbacks=[Freezer("conv.*")])
    assert class_activation_maps(est, X).shape == (24, 20)


@pytest.mark.parametrize("cls", [skts.FCNClassifier, skts.LSTMFCNClassifier, skts.CNNClassifier])
def test_planted_segments_are_found(cls):
    rng = np.random.default_rng(1)
    noise, starts = rng.normal(scale=0.3, size=(80, 60)), rng.integers(5, 40, size=80)
    shapes = {"hill": np.hanning(15), "wave": np.sin(np.linspace(0, 2 * np.pi, 15))}
    labels = np.array(list(shapes))[np.arange(80) % 2]
    for row, start, label in zip(noise, starts, labels, strict=True):
        row[start : start + 15] += 3 * shapes[label]
    est = small(cls, **(options_of(cls) | {"max_epochs": 60})).fit(noise[:50], labels[:50])
    assert est.score(noise[50:], labels[50:]) > 0.9
    peaks = class_activation_maps(est, noise[50:]).argmax(axis=1)
    inside = (peaks >= starts[50:]) & (peaks < starts[50:] + 15)
    assert inside.mean() > 0.8


def test_predictions_and_weights_stay_what_they_were():
    est = fitted(skts.ALSTMFCNClassifier)
    before = est.predict_proba(X)
    class_activation_maps(est, X)
    np.testing.assert_array_equal(est.predict_proba(X), before)
    assert all(p.grad is None for p in est.net_.module_.parameters())
    pools = [m for m in est.net_.module_.modules() if isinstance(m, AverageOverTime)]
    assert not any(pool._forward_hooks for pool in pools)


@pytest.mark.parametrize("explain", [class_activation_maps, filter_outputs, attention_weights])
def test_threads_do_not_see_each_other(explain, monkeypatch):
    est = fitted(skts.ALSTMFCNClassifier)
    halves = X[:12], X[12:]
    expected = [explain(est, half) for half in halves]
    both_are_in, infer = threading.Barrier(2), SeriesNet.infer

    def infer_together(net, inputs):
        both_are_in.wait(timeout=30)
        return infer(net, inputs)

    monkeypatch.setattr(SeriesNet, "infer", infer_together)
    with ThreadPoolExecutor(2) as threads:
        for found, serial in zip(threads.map(explain, [est] * 2, halves), expected, strict=True):
            np.testing.assert_array_equal(found, serial)


def test_filters_and_their_outputs():
    est = fitted(skts.FCNClassifier)
    weights, outputs = convolution_filters(est, 0), filter_outputs(est, X, 0)
    n_filters, _, width = weights.shape
    assert outputs.shape == (24, n_filters, 20)
    bias = est.net_.module_.conv.blocks[0].conv.bias.detach().numpy()
    padded = np.pad(X, [(0, 0), (0, 0), ((width - 1) // 2, width // 2)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=2)
    expected = np.einsum("nctk,fck->nft", windows, weights) + bias[:, None]
    np.testing.assert_allclose(outputs, expected, atol=1e-4)
    np.testing.assert_allclose(filter_outputs(est, X[:1], 2), filter_outputs(est, X, 2)[:1])
    conv_lstm = fitted(skts.ConvLSTMClassifier)
    assert filter_outputs(conv_lstm, X).shape[1] == len(convolution_filters(conv_lstm))


WITH_ATTENTION = {
    "additive": (skts.ALSTMFCNClassifier, {"dimension_shuffle": False}, (1, 20)),
    "additive, channels": (skts.MALSTMFCNClassifier, {}, (1, 2)),
    "additive, gru": (skts.ALSTMFCNClassifier, {"cell": "gru"}, (1, 2)),
    "multihead": (
        skts.ALSTMFCNClassifier,
        {"attention": "multihead", "dimension_shuffle": False},
        (4, 20),
    ),
    "SELSTMFCN": (skts.SELSTMFCNClassifier, {"attention": "multihead"}, (4, 2)),
    "CNN, before": (skts.CNNClassifier, {"attention": "before"}, (4, 20)),
    "CNN, after": (skts.CNNClassifier, {"attention": "after"}, (4, 5)),
    "LSTM": (skts.LSTMRegressor, {"attention": "after"}, (4, 20)),
    "causal": (skts.ALSTMClassifier, {"n_heads": 3}, (3, 20)),
    "causal, combined": (skts.LSTMALSTMClassifier, {"n_heads": 2}, (2, 20)),
}


class TestAttention:
    @pytest.mark.parametrize("name", WITH_ATTENTION)
    def test_rows_sum_to_one(self, name):
        cls, options, (n_heads, n_steps) = WITH_ATTENTION[name]
        weights = attention_weights(fitted(cls, **options), X)
        assert weights.shape == (24, n_heads, n_steps, n_steps)
        np.testing.assert_allclose(weights.sum(axis=3), 1, atol=1e-6)
        assert weights.min() >= 0

    def test_padding_has_no_weight(self):
        for cls, options in (
            (skts.ALSTMFCNClassifier, {"dimension_shuffle": False}),
            (skts.ALSTMFCNClassifier, {"dimension_shuffle": False, "attention": "multihead"}),
        ):
            weights = attention_weights(fitted(cls, X=UNEQUAL, **options), UNEQUAL)
            for of_one, x in zip(weights, UNEQUAL, strict=True):
                assert (of_one[:, : x.shape[1], x.shape[1] :] == 0).all()
                np.testing.assert_allclose(of_one[:, : x.shape[1]].sum(axis=2), 1, atol=1e-6)
                assert np.isnan(of_one[:, x.shape[1] :]).all()
        of_alstm = attention_weights(fitted(skts.ALSTMClassifier, X=UNEQUAL), UNEQUAL)
        assert [int(np.isfinite(w[0, :, 0]).sum()) for w in of_alstm] == [
            x.shape[1] for x in UNEQUAL
        ]

    def test_the_future_has_no_weight(self):
        est = fitted(skts.ALSTMClassifier, n_layers=2)
        for layer in range(2):
            weights = attention_weights(est, X, layer)
            assert (np.triu(weights, k=1) == 0).all()
        assert not np.array_equal(weights, attention_weights(est, X, 0))

    @pytest.mark.parametrize("name", ["multihead", "causal"])
    def test_they_are_what_the_layer_weighs_with(self, name):
        cls, options, _ = WITH_ATTENTION[name]
        est = fitted(cls, **options)
        (attention, *_) = [m for m in est.net_.module_.modules() if isinstance(m, ATTENTION)]
        x = torch.as_tensor(RNG.normal(size=(3, 7, attention.query.in_features))).float()
        with torch.no_grad():
            weights = attention.weights(x)
            value = attention.value(x)
            value = torch.tanh(value) if name == "causal" else value
            value = value.unflatten(2, (attention.n_heads, -1)).transpose(1, 2).double()
            heads = weights @ value
            if name == "causal":
                expected, out = heads.sum(dim=1), attention(x)[0]
            else:
                expected = attention.out(heads.transpose(1, 2).flatten(start_dim=2).float())
                out = attention(x)
        np.testing.assert_allclose(out.numpy(), expected.numpy(), atol=1e-5)

    @pytest.mark.parametrize("name", ["additive", "additive, channels", "additive, gru"])
    def test_additive_weights_are_those_of_the_steps(self, name, monkeypatch):
        cls, options, _ = WITH_ATTENTION[name]
        est, used = fitted(cls, **options), []
        original = AttentionCells._attend

        def attend(cells, *arguments):
            used.append(original(cells, *arguments))
            return used[-1]

        expected = attention_weights(est, X)
        monkeypatch.setattr(AttentionCells, "_attend", attend)
        est.predict(X)  # in one batch
        np.testing.assert_allclose(torch.cat(used, dim=1).numpy(), expected[:, 0], atol=1e-6)

    @pytest.mark.parametrize("name", ["multihead", "causal", "CNN, after"])
    def test_the_layer_gives_its_context(self, name):
        cls, options, _ = WITH_ATTENTION[name]
        est = fitted(cls, **options)
        net = own_net(est)
        (attention, *_) = [m for m in net.module_.modules() if isinstance(m, ATTENTION)]
        ((_, _, output),) = calls_of(est, net, X[:8], attention)
        context = torch.as_tensor(attention_context(est, X[:8])).float()
        if name == "causal":
            expected, output = context.sum(dim=1), output[0]
        else:
            expected = attention.out(context.transpose(1, 2).flatten(start_dim=2)).detach()
        np.testing.assert_allclose(output.detach().numpy(), expected.numpy(), atol=1e-5)

    def test_additive_context_averages_the_inputs(self):
        est = fitted(skts.ALSTMFCNClassifier, X=UNEQUAL, dimension_shuffle=False)
        context, weights = attention_context(est, UNEQUAL), attention_weights(est, UNEQUAL)
        for i, x in enumerate(UNEQUAL):
            n = x.shape[1]
            expected = weights[i, 0, :n, :n] @ x.T
            np.testing.assert_allclose(context[i, 0, :n], expected, atol=1e-6)
            assert np.isnan(context[i, 0, n:]).all()

    @pytest.mark.parametrize("series", [X, UNEQUAL], ids=["equal", "unequal"])
    def test_the_average_is_over_the_series_that_have_the_step(self, series):
        est = fitted(skts.ALSTMClassifier, X=series, n_heads=2, batch_size=7)
        average = average_attention(est, series)
        np.testing.assert_allclose(average, np.nanmean(attention_weights(est, series), axis=0))

    def test_what_has_none(self):
        with pytest.raises(ValueError, match="this FCNClassifier has no attention layers"):
            attention_weights(fitted(skts.FCNClassifier), X)


class TestMistakes:
    def test_no_global_average(self):
        with pytest.raises(ValueError, match="have it with pooling='average'"):
            class_activation_maps(small(skts.CNNClassifier, max_epochs=1).fit(X, Y), X)

    def test_what_is_no_estimator(self):
        ensemble = small(skts.SeedEnsembleClassifier)
        for function in (class_activation_maps, filter_outputs):
            with pytest.raises(TypeError, match="Of an ensemble, pass one of estimators_"):
                function(ensemble, X)

    def test_before_fit(self):
        with pytest.raises(NotFittedError):
            class_activation_maps(small(skts.FCNClassifier), X)

    def test_unknown_classes_and_blocks(self):
        est = fitted(skts.FCNClassifier)
        with pytest.raises(ValueError, match="classes must be among .*'maybe'"):
            class_activation_maps(est, X, "maybe")
        with pytest.raises(
            ValueError, match=r"one label or 24 labels, got an array of shape \(3,\)"
        ):
            class_activation_maps(est, X, ["no"] * 3)
        with pytest.raises(ValueError, match="one of the 3 convolutions .* got 3"):
            filter_outputs(est, X, 3)
        with pytest.raises(ValueError, match="classes must be None for a regressor"):
            class_activation_maps(fitted(skts.FCNRegressor), X, "no")
        with pytest.raises(ValueError, match="has no convolutions"):
            convolution_filters(fitted(skts.ALSTMClassifier))
