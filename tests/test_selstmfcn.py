"""The Columbia study's improved LSTM-FCN."""

import pytest
import torch
from torch import nn

from skts import ALSTMFCNClassifier, LSTMFCNClassifier, recipes
from skts.datasets import load_ucr
from skts.models import LSTMFCN, SELSTMFCN
from tests.networks import n_trainable, seeded, without_gradient

OPTIONS = [{}, {"attention": "multihead"}, {"dimension_shuffle": False}]


def test_parameter_count():
    convolutions = 128 * (8 + 1) + 256 * (128 * 8 + 1) + 128 * (256 * 8 + 1)
    norms = 2 * (128 + 256 + 128)
    gates = sum(2 * f * (f // 16) + f + f // 16 for f in (128, 256, 128))
    shortcuts = 128 * (1 + 1) + 256 * (128 + 1) + 128 * (256 + 1)
    lstm = 4 * 8 * (150 + 8 + 1)
    head = 512 * (128 + 8 + 1) + 2 * 512 + 2 * (512 + 1)
    expected = convolutions + norms + gates + shortcuts + lstm + head
    assert n_trainable(SELSTMFCN(1, 150, 2)) == expected


def test_every_block_is_gated_and_residual():
    network = SELSTMFCN(1, 20, 2)
    for block in network.conv.blocks:
        assert block.gate.squeeze.bias is not None
        assert block.gate.squeeze.in_features == 16 * block.gate.squeeze.out_features
        assert block.shortcut is not None


@pytest.mark.parametrize("options", OPTIONS)
def test_padding_does_not_change_the_output(options):
    network = seeded(SELSTMFCN, 2, 20, 3, **options)
    x, lengths = torch.randn(3, 2, 20), torch.tensor([7, 20, 12])
    padded = x * (torch.arange(20) < lengths[:, None, None])
    with torch.no_grad():
        torch.testing.assert_close(network(x, lengths), network(padded, lengths))
        if options.get("dimension_shuffle") is False:  # the network then takes any length
            alone = torch.cat([network(s[None, :, :n]) for s, n in zip(x, lengths, strict=True)])
            torch.testing.assert_close(network(x, lengths), alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", OPTIONS)
def test_every_parameter_has_a_gradient(options):
    network = SELSTMFCN(3, 10, 2, **options)
    assert without_gradient(network, network(torch.randn(4, 3, 10))) == []


@pytest.mark.parametrize(("shuffle", "features"), [(True, (4, 20, 3)), (False, (4, 3, 20))])
def test_dropouts_are_where_they_should_be(shuffle, features):
    network = SELSTMFCN(3, 20, 2, dropout=0.4, lstm_dropout=0.1, dimension_shuffle=shuffle)
    dropped = []
    for module in network.modules():
        if isinstance(module, nn.Dropout | nn.Dropout1d):
            module.register_forward_hook(lambda m, x, out: dropped.append((m.p, out.shape)))
    network(torch.randn(4, 3, 20))
    assert dropped == [(0.1, features), (0.1, (4, 8)), (0.4, (4, 512))]


def test_lstm_dropout_takes_the_same_features_from_every_step():
    network = SELSTMFCN(3, 20, 2, lstm_dropout=0.5)
    read = []
    network.recurrent.register_forward_hook(lambda m, args, out: read.append(args[0]))
    network(torch.ones(4, 3, 20))
    (sequence,) = read  # (B, S, D)
    assert set(sequence.unique().tolist()) == {0.0, 2.0}
    torch.testing.assert_close(sequence, sequence[:, :1].expand(4, 3, 20))


def test_the_replication_is_a_recipe():
    X, y = load_ucr("ItalyPowerDemand", "train")
    recipe = recipes.columbia2024_replication | {"max_epochs": 1, "filters": (8, 16, 8)}
    network = LSTMFCNClassifier(**recipe).fit(X, y).net_.module_
    assert [block.conv.weight.shape[2] for block in network.conv.blocks] == [8] * 3
    assert all(block.shortcut is not None for block in network.conv.blocks)
    network = ALSTMFCNClassifier(attention="multihead", **recipe).fit(X, y).net_.module_
    assert isinstance(network, LSTMFCN)
    assert network.recurrent.attention.n_heads == 4
