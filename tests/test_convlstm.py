"""Conv1D-LSTM: its three forms, and series too short for it."""

import numpy as np
import pytest
import torch

from skts import ConvLSTMClassifier
from skts.models import ConvLSTM
from skts.models.convlstm import fitting_kernels
from tests.networks import n_trainable, seeded
from tests.settings import small

STACKED = {"conv_channels": (32, 64), "kernel_sizes": (3, 3)}
FORMS = [{}, STACKED, STACKED | {"dropout": 0.5}]


@pytest.mark.parametrize("options", FORMS)
def test_parameter_count_of_the_three_forms(options):
    n_channels, count = 2, 0
    for width in options.get("conv_channels", (32,)):
        count += width * (3 * n_channels + 1)
        n_channels = width
    count += 4 * 64 * (n_channels + 64 + 1) + 5 * (64 + 1)
    assert n_trainable(ConvLSTM(2, 100, 5, **options)) == count


@pytest.mark.parametrize("options", FORMS)
def test_padding_does_not_change_the_output(options):
    network = seeded(ConvLSTM, 2, 20, 3, **options)
    x, lengths = torch.randn(3, 2, 20), torch.tensor([5, 20, 12])
    with torch.no_grad():
        alone = torch.cat([network(s[None, :, :n]) for s, n in zip(x, lengths, strict=True)])
        torch.testing.assert_close(network(x, lengths), alone, rtol=1e-4, atol=1e-5)


def test_dropout_follows_every_convolution_and_the_lstm():
    network = ConvLSTM(1, 20, 2, **FORMS[2])
    calls = []
    network.dropout.register_forward_hook(lambda module, x, out: calls.append(out.shape))
    network(torch.randn(4, 1, 20))
    assert calls == [(4, 32, 18), (4, 64, 16), (4, 64)]


@pytest.mark.parametrize(
    ("n_timepoints", "kernels"), [(1, [1, 1]), (3, [3, 1]), (4, [3, 2]), (5, [3, 3])]
)
def test_kernels_shrink_to_the_series(n_timepoints, kernels):
    assert fitting_kernels((3, 3), n_timepoints) == kernels
    assert ConvLSTM(1, n_timepoints, 2, **STACKED)(torch.randn(2, 1, n_timepoints)).shape == (2, 2)


def test_a_series_shorter_than_the_convolutions_need_is_refused():
    rng = np.random.default_rng(0)
    series = [rng.normal(size=n) for n in (9, 8, 4, 7)]
    clf = small(ConvLSTMClassifier, max_epochs=1, **STACKED)
    message = r"at least 5 time points, but series 2 of X has 4.*smaller kernel_sizes"
    with pytest.raises(ValueError, match=message):
        clf.fit(series, [0, 1, 0, 1])
    series[2] = rng.normal(size=5)
    clf.fit(series, [0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"at least 5 time points, but series 0 of X has 3"):
        clf.predict(rng.normal(size=(2, 1, 3)))
    assert clf.predict(rng.normal(size=(2, 1, 30))).shape == (2,)


def test_each_convolution_wants_its_kernel():
    with pytest.raises(
        ValueError, match=r"2 entries, as many as conv_channels=\(32, 64\), got \(3,\)"
    ):
        ConvLSTM(1, 10, 2, conv_channels=(32, 64))
