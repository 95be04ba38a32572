"""LSTM-FCN and its family: parameter counts, shapes, initialisation, padding, the formulas."""

import inspect

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import skts
from skts.discovery import all_estimators
from skts.export.export import DeployedEnsemble
from skts.export.operators import RecurrentLayers
from skts.forecasting.baseline import BaselinePlusNetwork, fitted_baseline
from skts.layers import (
    REPRESENTATIONS,
    BatchNorm,
    ConvBlock,
    Reading,
    SameConv,
    SqueezeExcite,
    mean_over_time,
)
from skts.models import FCN, LSTMFCN, SequenceLSTM
from skts.models.lstmfcn import AttentionCells, MultiheadCells, RecurrentCells
from tests.networks import n_trainable, option_variants, seeded, without_gradient
from tests.settings import is_ensemble, small

VARIANTS = {
    "LSTM-FCN": {},
    "ALSTM-FCN": {"attention": "additive"},
    "MLSTM-FCN": {"squeeze_excite": True},
    "MALSTM-FCN": {"attention": "additive", "squeeze_excite": True},
    "Columbia replication": {
        "attention": "multihead",
        "kernel_sizes": (8, 8, 8),
        "residual": True,
    },
}


@pytest.mark.parametrize(
    ("options", "shape", "count"),
    [
        ({}, (1, 150, 2), 270_066),
        ({"attention": "additive"}, (1, 150, 2), 276_146),
        ({"squeeze_excite": True}, (6, 100, 4), 284_100),
    ],
)
def test_parameter_counts_are_the_published_ones(options, shape, count):
    assert n_trainable(LSTMFCN(*shape, **options)) == count


def test_the_replications_count():
    plain = n_trainable(LSTMFCN(1, 150, 2, kernel_sizes=(8, 8, 8)))
    shortcuts = 128 * (1 + 1) + 256 * (128 + 1) + 128 * (256 + 1)
    attention = 3 * 8 * (150 + 1) + 8 * (8 + 1)
    head_rows = 8 * 2
    replication = LSTMFCN(1, 150, 2, **VARIANTS["Columbia replication"])
    assert n_trainable(replication) == plain + shortcuts + attention + head_rows


def test_fcn_is_lstmfcn_without_its_recurrent_branch():
    recurrent = 4 * 8 * (150 + 8 + 1)
    head_rows = 8 * 2
    assert n_trainable(FCN(1, 2)) == 270_066 - recurrent - head_rows


@pytest.mark.parametrize("dimension_shuffle", [True, False])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "dense"])
@pytest.mark.parametrize("n_timepoints", [1, 3, 20])
def test_every_cell_reads_any_shape(cell, dimension_shuffle, n_timepoints):
    network = LSTMFCN(2, n_timepoints, 3, cell=cell, dimension_shuffle=dimension_shuffle)
    assert network(torch.randn(4, 2, n_timepoints)).shape == (4, 3)


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("dimension_shuffle", [True, False])
def test_padding_does_not_change_the_output(options, dimension_shuffle):
    network = seeded(LSTMFCN, 2, 20, 3, dimension_shuffle=dimension_shuffle, **options)
    x, lengths = torch.randn(3, 2, 20), torch.tensor([7, 20, 12])
    zeros_after = torch.stack(
        [F.pad(s[:, :n], (0, 20 - n)) for s, n in zip(x, lengths, strict=True)]
    )
    with torch.no_grad():
        # what stands in the padding must not matter, nor who else is in the batch
        torch.testing.assert_close(network(x, lengths), network(zeros_after, lengths))
        torch.testing.assert_close(network(x, lengths)[1:2], network(x[1:2]), rtol=1e-4, atol=1e-5)
        if not dimension_shuffle:  # the network then takes any length
            alone = torch.cat([network(s[None, :, :n]) for s, n in zip(x, lengths, strict=True)])
            torch.testing.assert_close(network(x, lengths), alone, rtol=1e-4, atol=1e-5)


def test_masked_batch_norm_is_batch_norm_over_the_valid_points():
    x, lengths = torch.randn(3, 4, 9), [9, 2, 5]
    mask = torch.arange(9) < torch.tensor(lengths)[:, None, None]
    valid = torch.cat([s[:, :n] for s, n in zip(x, lengths, strict=True)], dim=1)[None]
    masked, plain = BatchNorm(4), BatchNorm(4)
    out, expected = masked(x, mask), plain(valid)
    got = torch.cat([s[:, :n] for s, n in zip(out, lengths, strict=True)], dim=1)[None]
    torch.testing.assert_close(got, expected)
    torch.testing.assert_close(masked.running_mean, plain.running_mean)
    torch.testing.assert_close(masked.running_var, plain.running_var)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_average_over_the_valid_points_is_rounded_as_the_plain_one(dtype):
    x, lengths = torch.randn(3, 4, 300).to(dtype), [257, 1, 300]
    mask = torch.arange(300) < torch.tensor(lengths)[:, None, None]
    alone = torch.cat([mean_over_time(s[None, :, :n]) for s, n in zip(x, lengths, strict=True)])
    averaged = mean_over_time(x * mask, mask)
    assert averaged.dtype == dtype
    torch.testing.assert_close(
        averaged, alone, rtol=1e-6 if dtype == torch.float32 else 0, atol=1e-7
    )


def test_batch_norm_of_a_single_value_keeps_the_running_averages():
    norm = BatchNorm(2)
    x = torch.randn(1, 2, 1)
    torch.testing.assert_close(norm(x), x / np.sqrt(1 + 1e-3))
    assert norm.running_mean.eq(0).all()
    assert norm.running_var.eq(1).all()


@pytest.mark.parametrize(("n_batches", "share"), [(0, 1.0), (10, 0.5), (90, 0.1), (100_000, 0.01)])
def test_running_averages_look_back_over_a_tenth_then_over_keras_decay(n_batches, share):
    norm = BatchNorm(1)
    norm.num_batches_tracked.fill_(n_batches)
    norm(torch.full((2, 1, 3), 5.0))
    assert norm.running_mean.item() == pytest.approx(5 * share)
    assert norm.running_var.item() == pytest.approx(1 - share, abs=1e-6)


def test_dropout_acts_on_the_last_hidden_state_alone():
    network = LSTMFCN(1, 20, 2, n_cells=64).train()
    x = torch.randn(8, 1, 20)
    with torch.no_grad():
        network.head.weight[:, :64] = 0
        torch.testing.assert_close(network(x), network(x), rtol=0, atol=0)
        network.head.weight[:, :64] = 1
        network.head.weight[:, 64:] = 0
        ratio = (network.dropout(torch.ones(10_000)) == 0).float().mean().item()
        assert ratio == pytest.approx(0.8, abs=0.02)
        assert not torch.equal(network(x), network(x))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"filters": (8, 8, 8), "kernel_sizes": (8, 5)},
            "3 entries, as many as filters=.* got .8, 5.",
        ),
        ({"cell": "lstms"}, "cell must be one of .*'dense'.* got 'lstms'"),
        ({"cell": "dense", "attention": "additive"}, "with attention=.additive., got 'dense'"),
        ({"attention": "bahdanau"}, "attention must be one of .*'multihead'.*got 'bahdanau'"),
        ({"attention": "multihead", "n_heads": 3}, "n_cells=8, n_heads=3"),
    ],
)
def test_the_plain_module_refuses_what_it_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        LSTMFCN(1, 10, 2, **options)


def test_even_kernel_takes_its_extra_zero_on_the_right():
    block = seeded(ConvBlock, 1, 1, 2)
    torch.nn.init.ones_(block.conv.weight)
    x = torch.tensor([[[1.0, 10.0, 100.0]]])
    out = block(x) * np.sqrt(1 + 1e-3)  # the batch norm of a new block divides by this
    torch.testing.assert_close(out, torch.tensor([[[11.0, 110.0, 100.0]]]))


def test_squeeze_excite_reduces_by_sixteen_without_bias():
    gate = SqueezeExcite(128)
    assert [tuple(p.shape) for p in gate.parameters()] == [(8, 128), (128, 8)]


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_recurrent_cells_start_as_kerass_do(cell):
    rnn = RecurrentCells(30, 8, cell).rnn
    n_gates = rnn.weight_hh_l0.shape[0] // 8
    torch.testing.assert_close(rnn.weight_hh_l0.T @ rnn.weight_hh_l0, torch.eye(8))
    limit = np.sqrt(6 / (30 + n_gates * 8))
    assert rnn.weight_ih_l0.abs().max() <= limit
    assert rnn.weight_ih_l0.abs().max() > 0.9 * limit
    expected = torch.zeros(n_gates * 8)
    if cell == "lstm":
        expected[8:16] = 1  # the forget gate
    torch.testing.assert_close(rnn.bias_ih_l0.detach(), expected)
    assert rnn.bias_hh_l0.eq(0).all()
    assert not rnn.bias_hh_l0.requires_grad


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_attention_cells_without_context_are_the_torch_layer(cell):
    attentive, plain = seeded(AttentionCells, 5, 4, cell), seeded(RecurrentCells, 5, 4, cell)
    with torch.no_grad():
        attentive.context.weight.zero_()
        plain.rnn.weight_ih_l0.copy_(attentive.input.weight)
        plain.rnn.bias_ih_l0.copy_(attentive.input.bias)
        plain.rnn.weight_hh_l0.copy_(attentive.recurrent.weight)
        x, lengths = torch.randn(3, 6, 5), torch.tensor([6, 1, 4])
        torch.testing.assert_close(attentive(x, lengths), plain(x, lengths))


def test_attention_is_the_papers_formula():
    cells = seeded(AttentionCells, 5, 4, "lstm")
    x = torch.randn(2, 3, 5)
    h = c = torch.zeros(2, 4)
    with torch.no_grad():
        for s in range(3):
            e = torch.stack(
                [cells.score(torch.tanh(cells.key(x[:, j]) + cells.query(h))) for j in range(3)]
            )
            a = torch.softmax(e, dim=0)  # (S, B, 1)
            z = sum(a[j] * x[:, j] for j in range(3))
            gates = cells.input(x[:, s]) + cells.recurrent(h) + cells.context(z)
            i, f, g, o = gates.chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        torch.testing.assert_close(cells(x), h)


def test_residual_adds_a_blocks_input():
    x, mask = torch.randn(3, 4, 9), torch.arange(9) < torch.tensor([9, 2, 5])[:, None, None]
    x = x * mask
    same, wider = (seeded(ConvBlock, 4, n, 3, residual=True) for n in (4, 6))
    without = seeded(ConvBlock, 4, 4, 3)
    with torch.no_grad():
        torch.testing.assert_close(same(x, mask), without(x, mask) + x)
        wider.norm.weight.zero_()  # leaves the shortcut alone
        expected = torch.einsum("fc,bct->bft", wider.shortcut.weight, x) * mask
        torch.testing.assert_close(wider(x, mask), expected, rtol=1e-4, atol=1e-5)


def test_multihead_context_is_the_studys_formula():
    cells = seeded(MultiheadCells, 5, 4, "lstm", 2)
    x = torch.randn(2, 3, 5)
    attention = cells.attention
    with torch.no_grad():
        q, k, v = (
            f(x).reshape(2, 3, 2, 2) for f in (attention.query, attention.key, attention.value)
        )
        weights = torch.einsum("bihd,bjhd->bhij", q, k).div(2**0.5).softmax(dim=-1)
        heads = torch.einsum("bhij,bjhd->bihd", weights, v).reshape(2, 3, 4)
        context = attention.out(heads).mean(dim=1)
        torch.testing.assert_close(cells(x)[:, 4:], context)


def test_forward_is_differentiable_in_every_trainable_parameter():
    for options in VARIANTS.values():
        network = LSTMFCN(3, 10, 2, dropout=0.0, **options)
        assert without_gradient(network, network(torch.randn(4, 3, 10))) == []


def modules_of_the_package():
    """One of each kind and option: estimators' networks, forecasters', what is exported."""
    made = []
    for _, cls in all_estimators("classifier"):  # regressors have the same networks
        if not is_ensemble(cls):
            variants = [{}, *option_variants(cls)]
            made += [small(cls, **options)._network(2, 20, 3) for options in variants]
    baseline = fitted_baseline(None, *np.zeros((2, 1, 4)), 1)
    made.append(BaselinePlusNetwork(SequenceLSTM(1, 1), baseline, None))
    members = [small(c, max_epochs=1) for c in (skts.FCNClassifier, skts.FCNRegressor)]
    made.append(DeployedEnsemble([m.fit(np.eye(4), [0, 1, 0, 1]) for m in members], None))
    made.append(RecurrentLayers(nn.LSTM(2, 3, batch_first=True)))
    made += [Reading(nn.Identity(), make(20), ([0], [1])) for make in REPRESENTATIONS.values()]
    return [m for network in made for m in network.modules() if type(m) in OWN_KINDS]


def kinds_under(kind):
    return {kind}.union(*map(kinds_under, kind.__subclasses__()))


OWN_KINDS = {kind for kind in kinds_under(nn.Module) if kind.__module__.startswith("skts.")}


def test_every_module_shows_its_widths_and_options():
    modules = modules_of_the_package()
    for kind in OWN_KINDS:
        assert any(isinstance(module, kind) for module in modules), kind
    for module in modules:
        shown = module.extra_repr()
        assert shown or not module._parameters, module
        for name in inspect.signature(type(module)).parameters:
            if isinstance(vars(module).get(name), (bool, int, float, str)):
                assert f"{name}={getattr(module, name)!r}" in shown, module
    assert repr(SameConv(1, 128, 8)) == "SameConv(1, 128, kernel_size=8)"
