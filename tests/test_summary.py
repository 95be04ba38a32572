"""The summary of a network: counts against counts by hand, and nothing changed by counting."""

import math

import numpy as np
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sktime.exceptions import NotFittedError as SktimeNotFittedError
from torch import nn

import skts
from skts import FCNClassifier, InceptionClassifier, LSTMClassifier, LSTMFCNClassifier
from skts.layers import Linear, Pointwise, SameConv, SeparableConv
from skts.models.alstm import CausalAttention
from tests import forecasts
from tests.networks import n_trainable
from tests.settings import discovered, is_classifier_class, is_ensemble, is_solved, small

NETWORKS = [
    case for case in discovered(quick=is_classifier_class) if not is_ensemble(case.values[0])
]

X = np.random.default_rng(0).normal(size=(20, 2, 12))
Y = np.arange(20) % 2
UNEQUAL = [x[:, : 4 + i % 9] for i, x in enumerate(X)]


def univariate(n_timepoints):
    return np.random.default_rng(0).normal(size=(20, n_timepoints))


def by_name(summary):
    return {layer.name: layer for layer in summary.layers}


@pytest.mark.parametrize("cls", NETWORKS)
class TestEveryNetwork:
    def test_tells_ahead_of_training_what_holds_after_it(self, cls):
        est = small(cls, max_epochs=1)
        before, state = clone(est), torch.get_rng_state()
        summary = est.summary(X, Y)
        assert repr(est) == repr(before)
        assert vars(est).keys() == vars(before).keys()
        assert torch.equal(torch.get_rng_state(), state)
        fitted = est.fit(X, Y)
        assert fitted.summary() == summary == fitted.summary(X, Y)
        assert summary.n_parameters == n_trainable(fitted.net_.module_)
        assert summary.multiply_adds > 0
        assert (summary.batch_size is None) == is_solved(cls)

    def test_leaves_a_fitted_estimator_as_it_was(self, cls):
        est = small(cls, max_epochs=1).fit(X, Y)
        weights = {name: t.clone() for name, t in est.net_.module_.state_dict().items()}
        est.summary()
        est.summary(univariate(7), np.arange(20) % 4 if "Classifier" in cls.__name__ else Y)
        assert est.n_channels_in_ == 2
        assert not est.net_.module_.training
        for name, tensor in est.net_.module_.state_dict().items():
            assert torch.equal(tensor, weights[name])

    def test_reads_what_fit_reads(self, cls):
        options = {"pooling": "average"} if hasattr(cls, "pooling") else {}
        est = small(cls, **options)
        assert est.summary(UNEQUAL, Y).n_timepoints == 12
        assert est.summary(X[:, 0], Y).n_channels == 1
        with pytest.raises((TypeError, ValueError)):
            est.summary(X)
        with pytest.raises(NotFittedError):
            est.summary()

    def test_prints_aligned_and_as_html(self, cls):
        summary = small(cls).summary(X, Y)
        title, _, head, rule, *rows = str(summary).splitlines()
        assert title == f"{cls.__name__} on series of 2 channels and 12 time points"
        for layer, row in zip(summary.layers, rows, strict=False):
            assert row.startswith(f"{layer.name} ")
            assert len(row) == len(rule) if layer.multiply_adds else len(row) < len(rule)
        total = rows[len(summary.layers) + 1]
        assert len(head) == len(total) == len(rule)
        assert total.endswith(f"  {summary.multiply_adds:,}")
        page = summary._repr_html_()
        assert page.count("<tr>") == len(summary.layers) + 2
        assert page.count("<table>") == page.count("</table>") == 1

    def test_counts_each_layer_as_by_hand(self, cls):
        est = small(cls, max_epochs=1, random_state=0).fit(X, Y)
        modules = dict(est.net_.module_.named_modules())
        n_checked = 0
        for layer in est.summary().layers:
            by_hand = products(layer.name, modules[layer.name], layer.output_shape)
            if by_hand is not None:
                assert layer.multiply_adds == by_hand, layer
                n_checked += 1
        assert n_checked > 0


def products(name, module, shape):
    """Multiply-adds of a layer that is called once, None where the layer is of another kind."""
    if isinstance(module, (SameConv, SeparableConv)):
        return module.kernel.numel() * shape[-1]
    if isinstance(module, (nn.Conv1d, Pointwise)):
        return module.weight.numel() * shape[-1]
    if name.endswith("head") and isinstance(module, Linear):
        return module.weight.numel() * math.prod(shape[:-1])
    if isinstance(module, nn.LSTM):
        weights = (weight for weight in module.parameters() if weight.dim() == 2)
        return sum(weight.numel() for weight in weights) * shape[0]
    if isinstance(module, CausalAttention):
        n_steps, n_cells = shape
        return 2 * module.n_heads * n_steps**2 * n_cells
    return None


@pytest.mark.parametrize("cls", discovered("forecaster"))
@pytest.mark.parametrize("window_length", [None, 12])
def test_a_forecaster_tells_of_its_network(cls, window_length):
    y = forecasts.Y
    forecaster = forecasts.small(cls, max_epochs=1, n_lags=3, window_length=window_length)
    with pytest.raises(SktimeNotFittedError):
        forecaster.summary()
    summary = forecaster.fit(y).summary()
    assert summary.n_channels == 3
    assert summary.n_timepoints == (len(y) if window_length is None else 12)
    assert summary.n_parameters == n_trainable(forecaster.net_.module_)
    head = by_name(summary)["network.head"]
    assert head.multiply_adds == (head.n_parameters - 1) * summary.n_timepoints
    assert "(root)" in str(summary)


@pytest.mark.parametrize(
    ("name", "options", "count"),
    [
        ("ResNet", {}, 504_000),
        ("Inception", {}, 420_192),
        ("Inception", {"hybrid": True}, 421_314),
        ("LITE", {}, 9_814),
    ],
)
def test_parameters_are_the_published_ones_without_the_head(name, options, count):
    summary = getattr(skts, f"{name}Classifier")(**options).summary(univariate(150), Y)
    assert summary.n_parameters - by_name(summary)["head"].n_parameters == count


def test_arithmetic_of_fcn_by_hand():
    summary = FCNClassifier().summary(univariate(150), Y)
    products = 128 * 8 * 1 + 256 * 5 * 128 + 128 * 3 * 256
    assert summary.multiply_adds == 150 * products + 2 * 128
    assert by_name(summary)["conv.blocks.1.conv"].multiply_adds == 150 * 256 * 5 * 128


def test_arithmetic_of_an_lstm_by_hand():
    summary = LSTMClassifier().summary(univariate(150), Y)
    gates = 4 * 32 * (1 + 32) + 4 * 32 * (32 + 32)
    assert by_name(summary)["rnn"].multiply_adds == 150 * gates
    assert summary.multiply_adds == 150 * gates + 150 * 32 * 32 + 32 * 2


def test_arithmetic_of_self_attention_by_hand():
    summary = LSTMClassifier(attention="after", dropout=0.0).summary(univariate(50), Y)
    heads = by_name(summary)["attend.attention"]
    assert heads.multiply_adds == 4 * 2 * 50 * 50 * 32  # scores, and the average of the values


@pytest.mark.parametrize("cell", ["gru", "rnn"])
def test_arithmetic_of_other_cells_by_hand(cell):
    est = LSTMFCNClassifier(cell=cell, dimension_shuffle=False)
    layer = by_name(est.summary(univariate(30), Y))["recurrent.rnn"]
    assert layer.multiply_adds == 30 * {"gru": 3, "rnn": 1}[cell] * 8 * (1 + 8)


def test_memory_of_fcn_by_hand():
    est = FCNClassifier(batch_size=7)
    memory = est.summary(univariate(150), Y).memory
    n_parameters = 128 * (8 + 1) + 256 * (5 * 128 + 1) + 128 * (3 * 256 + 1) + 2 * 512 + 2 * 129
    n_averages = 2 * 512 + 3 * 2  # of three batch normalisations, and an int64 of each
    assert memory["weights"] == 4 * (n_parameters + n_averages)
    assert memory["gradients"] == 4 * n_parameters
    n_tensors = 3 * 4 + 2
    assert memory["state of AdamW"] == 4 * (2 * n_parameters + n_tensors)
    # what each convolution reads, the first an uneven padding too, and gives; the last average
    of_series = 4 * (151 + 150 * (128 + 128 + 256 + 256 + 128 + 128) + 128)
    statistics = 4 * 2 * (128 + 256 + 128)
    assert memory["activations"] == 7 * of_series + statistics


def test_memory_follows_the_options():
    def memory(**options):
        return InceptionClassifier(**options).summary(univariate(40), Y).memory

    plain = memory()
    assert memory(batch_size=64)["activations"] > 3.9 * plain["activations"]
    assert memory(precision="bfloat16")["activations"] < 0.8 * plain["activations"]
    assert memory(optimizer=torch.optim.SGD)["state of SGD"] == 0


def test_a_fitted_estimator_shows_its_network_in_a_notebook():
    est = FCNClassifier(filters=(4, 4, 4), max_epochs=1)
    assert "conv.blocks" not in est._repr_html_()
    est.fit(X, Y)
    for shown in (est._repr_html_(), est._repr_mimebundle_()["text/html"]):
        assert "conv.blocks.0.conv" in shown
    est.set_params(batch_size=-1, lr=None)  # what is shown is what was trained
    assert "conv.blocks.0.conv" in est._repr_html_()
    assert "FCNClassifier" in make_pipeline(est)._repr_html_()
    with sklearn.config_context(display="text"):
        assert not hasattr(est, "_repr_html_")


def test_large_input_takes_no_memory_of_a_batch():
    summary = FCNClassifier(batch_size=10**6).summary(univariate(150), Y)
    assert summary.memory["activations"] > 10**11
