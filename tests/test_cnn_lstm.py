"""CNN and LSTM with attention before or after: what the study fixes."""

import math

import numpy as np
import pytest
import torch

from skts import CNNClassifier, LSTMRegressor
from skts.models import CNN, LSTM
from skts.models.cnn_lstm import AttentionBlock, paper_kernels, sinusoids
from tests.networks import n_trainable, seeded, without_gradient
from tests.settings import small

ATTENTIONS = (None, "before", "after")
#: Trainable parameters with one channel and two classes, by the length of the series. The study's
#: table repeats 534,242 for "CNN before" at 2000; 535,141 is what the architecture has.
PUBLISHED = {
    150: {CNN: (54_370, 55_269, 71_234), LSTM: (166_370, 167_269, 183_234)},
    2000: {CNN: (534_242, 535_141, 551_106), LSTM: (2_060_770, 2_061_669, 2_077_634)},
}


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("network", [CNN, LSTM])
@pytest.mark.parametrize("n_timepoints", PUBLISHED)
def test_parameter_counts_are_the_published_ones(network, n_timepoints, attention):
    published = PUBLISHED[n_timepoints][network][ATTENTIONS.index(attention)]
    assert n_trainable(network(1, n_timepoints, 2, attention=attention)) == published


@pytest.mark.parametrize(
    ("n_timepoints", "kernels"), [(150, (30, 15)), (2000, (50, 20)), (24, (4, 3)), (1, (3, 3))]
)
def test_kernels_go_by_the_length(n_timepoints, kernels):
    assert paper_kernels(n_timepoints) == kernels


@pytest.mark.parametrize("pooling", ["flatten", "average"])
@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("network", [CNN, LSTM])
@pytest.mark.parametrize("n_timepoints", [1, 2, 3, 5, 20])
def test_reads_any_shape(network, n_timepoints, attention, pooling):
    net = network(2, n_timepoints, 3, attention=attention, pooling=pooling)
    assert net(torch.randn(4, 2, n_timepoints)).shape == (4, 3)


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("network", [CNN, LSTM])
def test_every_parameter_has_a_gradient(network, attention):
    net = network(3, 20, 2, attention=attention)
    assert without_gradient(net, net(torch.randn(4, 3, 20))) == []


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("network", [CNN, LSTM])
def test_padding_does_not_change_the_output(network, attention):
    net = seeded(network, 2, 20, 3, attention=attention, pooling="average")
    x, lengths = torch.randn(4, 2, 20), torch.tensor([7, 20, 1, 4])
    with torch.no_grad():
        alone = torch.cat([net(s[None, :, :n]) for s, n in zip(x, lengths, strict=True)])
        torch.testing.assert_close(net(x, lengths), alone, rtol=1e-4, atol=1e-5)


def test_sinusoids_are_the_transformers():
    code = sinusoids(30, 5)
    assert code.shape == (30, 5)
    for column in range(5):
        angle = 7 / 10_000 ** ((column - column % 2) / 5)
        expected = math.cos(angle) if column % 2 else math.sin(angle)
        assert code[7, column].item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("network", "attention", "positional_encoding"),
    [(CNN, "before", True), (CNN, "after", True), (LSTM, "before", True), (LSTM, "after", False)],
)
def test_positional_encoding_is_on_where_the_study_has_it(network, attention, positional_encoding):
    x = torch.randn(2, 1, 20)
    outputs = {
        option: seeded(network, 1, 20, 2, attention=attention, positional_encoding=option)(x)
        for option in (None, True, False)
    }
    torch.testing.assert_close(outputs[None], outputs[positional_encoding])
    assert not torch.allclose(outputs[True], outputs[False])


def test_attention_block_adds_to_its_input():
    options = {"n_heads": 4, "head_size": 32, "dropout": 0.25, "positional_encoding": False}
    first = seeded(AttentionBlock, 6, norm_first=True, **options)
    last = seeded(AttentionBlock, 6, norm_first=False, **options)
    x = torch.randn(2, 6, 9)
    with torch.no_grad():
        added = (first(x) - x).transpose(1, 2)
        torch.testing.assert_close(added, first.attention(first.norm(x.transpose(1, 2))))
        added = (last(x) - x).transpose(1, 2)
        torch.testing.assert_close(added, last.norm(last.attention(x.transpose(1, 2))))


@pytest.mark.parametrize(
    ("network", "attention", "p"), [(CNN, None, 0.25), (LSTM, None, 0.0), (LSTM, "after", 0.25)]
)
def test_dropout_is_the_studys(network, attention, p):
    assert network(1, 20, 2, attention=attention).head.dropout.p == p


@pytest.mark.parametrize("network", [CNN, LSTM])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention": "both"}, "attention must be one of .*'before', 'after'.*got 'both'"),
        ({"pooling": "max"}, "pooling must be one of .*'flatten', 'average'.*got 'max'"),
    ],
)
def test_the_plain_module_refuses_what_it_cannot_be(network, options, message):
    with pytest.raises(ValueError, match=message):
        network(1, 10, 2, **options)


def test_three_convolutions_want_three_kernels():
    X, y = np.zeros((4, 30)), [0, 1, 0, 1]
    with pytest.raises(
        ValueError, match=r"3 entries, as many as filters=\(8, 8, 8\), got \(6, 3\)"
    ):
        small(CNNClassifier, filters=(8, 8, 8)).fit(X, y)
    clf = small(CNNClassifier, filters=(8, 8, 8), kernel_sizes=(5, 3, 3), max_epochs=1)
    assert clf.fit(X, y).predict(X).shape == (4,)


def test_positional_encoding_without_attention_is_refused():
    with pytest.raises(ValueError, match="attention='before' or 'after'"):
        small(LSTMRegressor, positional_encoding=False).fit(np.zeros((4, 5)), np.zeros(4))


def test_averaged_network_takes_other_lengths_than_it_was_fitted_on():
    X = np.random.default_rng(0).normal(size=(8, 1, 20))
    clf = small(CNNClassifier, pooling="average", max_epochs=1).fit(X, np.arange(8) % 2)
    assert clf.predict(X[:, :, :3]).shape == (8,)
    clf = small(CNNClassifier, max_epochs=1).fit(X, np.arange(8) % 2)
    with pytest.raises(ValueError, match=r"fitted on series of 20 time points.*X has 3.*'average'"):
        clf.predict(X[:, :, :3])
