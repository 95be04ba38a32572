"""ResNet, Inception, H-Inception and LITE: parameter counts, hand-made filters, padding."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from skts.layers import HybridFilters, SamePool, SeparableConv, padding_mask
from skts.layers.convolution import DepthwiseOnCPU, depthwise
from skts.models import LITE, Inception, ResNet
from tests.networks import n_trainable, seeded, without_gradient

NETWORKS = {
    "ResNet": (ResNet, {}),
    "Inception": (Inception, {}),
    "H-Inception": (Inception, {"hybrid": True}),
    "LITE": (lambda n_channels, n_outputs: LITE(n_channels, 20, n_outputs), {}),
}
COUNTS = {"ResNet": 504_000, "Inception": 420_192, "H-Inception": 421_314, "LITE": 9_814}
of_each = pytest.mark.parametrize("name", NETWORKS)


@of_each
def test_parameter_counts_are_the_published_ones(name):
    make, options = NETWORKS[name]
    network = make(1, 2, **options)
    assert n_trainable(network) - n_trainable(network.head) == COUNTS[name]


@of_each
@pytest.mark.parametrize("n_timepoints", [1, 3, 20])
def test_reads_series_shorter_than_its_kernels(name, n_timepoints):
    make, options = NETWORKS[name]
    assert make(2, 3, **options)(torch.randn(4, 2, n_timepoints)).shape == (4, 3)


@of_each
def test_padding_does_not_change_the_output(name):
    make, options = NETWORKS[name]
    network = seeded(make, 2, 3, **options)
    x, lengths = torch.randn(3, 2, 20), torch.tensor([7, 20, 12])
    with torch.no_grad():
        alone = torch.cat([network(s[None, :, :n]) for s, n in zip(x, lengths, strict=True)])
        torch.testing.assert_close(network(x, lengths), alone, rtol=1e-4, atol=1e-5)


@of_each
def test_training_on_padded_series_is_training_on_their_time_points(name):
    make, options = NETWORKS[name]
    network = seeded(make, 2, 3, **options).train()
    x, lengths = torch.randn(3, 2, 20), torch.tensor([7, 20, 12])
    other = torch.where(padding_mask(lengths, 20), x, torch.randn(3, 2, 20))
    torch.testing.assert_close(network(x, lengths), network(other, lengths))


@of_each
def test_every_parameter_has_a_gradient(name):
    make, options = NETWORKS[name]
    network = make(3, 2, **options)
    assert without_gradient(network, network(torch.randn(4, 3, 60))) == []


def test_residual_blocks_end_with_a_rectifier_after_the_addition():
    network = seeded(ResNet, 1, 2)
    ahead = []
    network.pool.register_forward_hook(lambda m, args, out: ahead.append(args[0]))
    network(torch.randn(2, 1, 30))
    assert ahead[0].min() == 0
    widened = [block.widen for block in network.blocks]
    assert [isinstance(layer, nn.Identity) for layer in widened] == [False, False, True]


def test_hybrid_filters_are_those_of_the_source():
    filters = HybridFilters()
    assert filters.n_filters == 17
    own = [row[row.nonzero()[0, 0] : row.nonzero()[-1, 0] + 1].tolist() for row in filters.kernel]
    assert [len(row) for row in own] == [2, 4, 8, 16, 32, 64] * 2 + [6, 12, 24, 48, 96]
    assert own[1] == [-1, 1, -1, 1]
    assert own[7] == [1, -1, 1, -1]
    assert own[13] == [-0.25, -1, -1, -0.25, 0.5, 2, 2, 0.5, -0.25, -1, -1, -0.25]
    assert not filters.state_dict()
    x = torch.randn(2, 3, 40)
    for i in (1, 13, 16):
        row = torch.tensor(own[i])
        left = (len(row) - 1) // 2
        series = F.pad(x.sum(dim=1, keepdim=True), (left, len(row) - 1 - left))
        expected = F.relu(F.conv1d(series, row[None, None]))[:, 0]
        torch.testing.assert_close(filters(x)[:, i], expected, rtol=1e-4, atol=1e-4)


def test_hybrid_filters_see_a_rise():
    rising = torch.cat([torch.zeros(20), torch.ones(20)])[None, None]
    out = HybridFilters()(rising)[0]
    # the filter of width 2 answers where the series rises, its opposite nowhere within it
    assert out[0, 5:35].nonzero().tolist() == [[14]]
    assert not out[6, 5:35].any()


def test_same_pool_is_max_pooling_that_ignores_padding():
    x, lengths = -torch.rand(3, 2, 9) - 1, torch.tensor([9, 1, 4])
    out = SamePool()(x, padding_mask(lengths, 9))
    for series, pooled, n in zip(x, out, lengths, strict=True):
        expected = F.max_pool1d(series[None, :, :n], 3, stride=1, padding=1)[0]
        torch.testing.assert_close(pooled[:, :n], expected)
        assert not pooled[:, n:].any()


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("dilation", [1, 3])
def test_depthwise_gradient_is_torchs_own(dilation, channels_last):
    layout = torch.channels_last if channels_last else torch.contiguous_format
    image = torch.randn(3, 5, 1, 30, dtype=torch.float64).to(memory_format=layout)
    image.requires_grad_()
    kernel = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    args = (image, kernel, dilation)
    expected = depthwise(*args)
    of_output = torch.randn_like(expected)
    expected_gradients = torch.autograd.grad(expected, (image, kernel), of_output)
    out = DepthwiseOnCPU.apply(*args)
    torch.testing.assert_close(out, expected)
    gradients = torch.autograd.grad(out, (image, kernel), of_output)
    torch.testing.assert_close(gradients, expected_gradients)


def test_separable_convolution_reads_the_time_points_that_keras_reads():
    conv = seeded(SeparableConv, 1, 1, 4, dilation=2)
    x = torch.zeros(1, 1, 21)
    x[0, 0, 10] = 1.0
    # an even kernel: one tap more ahead than behind
    assert conv(x)[0, 0].nonzero().flatten().tolist() == [7, 9, 11, 13]


@pytest.mark.parametrize("n_timepoints", [2, 3, 7])
def test_lite_reads_series_shorter_than_the_spacing_of_its_taps(n_timepoints):
    network = seeded(LITE, 1, n_timepoints, 3)
    a, b = torch.randn(2, 5, 1, n_timepoints)
    assert (network(a) != network(b)).all()
    assert [conv.dilation for conv in seeded(LITE, 1, 8, 3).separables] == [2, 4]
