"""ALSTM and its combinations with LSTM: the formula, causality, step by step."""

import numpy as np
import pytest
import torch

from skts import ALSTMRegressor, LSTMALSTMRegressor
from skts.models import ALSTM, LSTMALSTM, SequenceLSTM
from skts.models.alstm import COMBINATIONS, CausalAttention, LastStep, Past
from tests.networks import seeded, without_gradient
from tests.settings import small

NETWORKS = [
    pytest.param(SequenceLSTM, {}, id="LSTM"),
    pytest.param(ALSTM, {}, id="ALSTM"),
    *[pytest.param(LSTMALSTM, {"combination": c}, id=c) for c in COMBINATIONS],
]


def test_a_layer_is_the_sources_formula():
    layer = seeded(CausalAttention, 5, 4, n_heads=3)
    x = torch.randn(1, 6, 5)
    heads = [linear.weight.reshape(3, 4, 5) for linear in (layer.query, layer.key, layer.value)]
    with torch.no_grad():
        expected = torch.zeros(6, 4)
        for q, k, theta in zip(*heads, strict=True):
            kernel = torch.exp(x[0] @ q.T @ k @ x[0].T / 4**0.5).tril()
            weights = kernel / kernel.sum(dim=1, keepdim=True)
            expected += weights @ torch.tanh(x[0] @ theta.T)
        torch.testing.assert_close(layer(x)[0][0], expected)


@pytest.mark.parametrize(("network", "options"), NETWORKS)
def test_gives_an_output_at_every_step_that_knows_no_later_one(network, options):
    net = seeded(network, 3, 2, **options)
    x = torch.randn(4, 3, 12)
    disturbed = x.clone()
    disturbed[:, :, 7:] += torch.randn(4, 3, 5)
    with torch.no_grad():
        before, after = net(x)[0], net(disturbed)[0]
    assert before.shape == (4, 2, 12)
    torch.testing.assert_close(before[:, :, :7], after[:, :, :7], rtol=0, atol=0)
    moved = (before != after)[:, :, 7:].any(dim=1)
    assert moved.all()


@pytest.mark.parametrize(("network", "options"), NETWORKS)
@pytest.mark.parametrize("parts", [(1,) * 12, (5, 4, 3), (1, 11)], ids=str)
def test_in_parts_with_its_state_it_gives_the_same(network, options, parts):
    net = seeded(network, 3, 2, **options)
    x = torch.randn(4, 3, 12)
    with torch.no_grad():
        at_once, _ = net(x)
        state, outputs = None, []
        for part in x.split(parts, dim=2):
            out, state = net(part, state=state)
            outputs.append(out)
    torch.testing.assert_close(torch.cat(outputs, dim=2), at_once, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("network", "options"), NETWORKS)
def test_last_step_is_the_last_valid_one(network, options):
    net = LastStep(seeded(network, 3, 2, **options)).eval()
    x, lengths = torch.randn(3, 3, 12), torch.tensor([12, 1, 5])
    with torch.no_grad():
        alone = torch.cat([net(s[None, :, :n]) for s, n in zip(x, lengths, strict=True)])
        torch.testing.assert_close(net(x, lengths), alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("network", "options"), NETWORKS)
def test_every_parameter_has_a_gradient(network, options):
    net = network(3, 2, **options)
    assert without_gradient(net, net(torch.randn(4, 3, 12))[0]) == []


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_the_second_reads_the_features_and_what_the_first_gives(combination):
    layers = LSTMALSTM(3, 1, combination=combination, n_cells=16).layers
    lstm, alstm = (
        (layers.second, layers.first)
        if combination == "alstm_lstm"
        else (layers.first, layers.second)
    )
    wide = {"parallel": None, "lstm_alstm": "alstm", "alstm_lstm": "lstm"}[combination]
    assert lstm.input_size == (19 if wide == "lstm" else 3)
    assert alstm.layers[0].query.in_features == (19 if wide == "alstm" else 3)


def test_an_unknown_combination_is_refused():
    with pytest.raises(ValueError, match="combination must be one of .*'parallel'.*got 'serial'"):
        LSTMALSTM(3, 1, combination="serial")


@pytest.mark.parametrize(
    ("regressor", "options"),
    [(ALSTMRegressor, {}), *[(LSTMALSTMRegressor, {"combination": c}) for c in COMBINATIONS]],
)
@pytest.mark.full
def test_predicts_the_next_value_of_windows(regressor, options):
    series = np.sin(np.arange(400) / 3)
    windows = np.lib.stride_tricks.sliding_window_view(series, 13)
    X, y = windows[:, None, :-1], windows[:, -1]
    reg = small(regressor, max_epochs=30, n_layers=2, n_cells=32, batch_size=32, **options).fit(
        X[:300], y[:300]
    )
    assert reg.score(X[300:], y[300:]) > 0.95


class WrittenMeanwhile(torch.Tensor):
    """Lets something else happen when it is about to be written somewhere."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is torch.Tensor.__setitem__:
            cls.meanwhile()
        return super().__torch_function__(func, types, args, kwargs)


@torch.no_grad()
def test_threads_that_go_on_from_the_same_past_do_not_see_each_other(monkeypatch):
    def steps(n, value):
        return [torch.full((1, 1, n, 2), float(value)) for _ in range(2)]

    def other_thread():
        others.append(past.extended(steps(1, 3)))

    past, others = Past.of(steps(2, 0)).extended(steps(1, 1)), []  # with room to grow
    monkeypatch.setattr(WrittenMeanwhile, "meanwhile", other_thread, raising=False)
    key, value = steps(1, 2)
    first = past.extended([key.as_subclass(WrittenMeanwhile), value])
    second = others[0]
    assert first.buffers[0] is past.buffers[0]
    for one, last in [(first, 2), (second, 3)]:
        for part in one.parts():
            assert part[0, 0, :, 0].tolist() == [0, 0, 1, last]
