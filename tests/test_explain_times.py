"""Where a network's steps stand in time: what they tell is what a change of the series moves."""

import numpy as np
import pytest
import torch
from sklearn.base import is_classifier
from torch import nn
from torch.nn import functional as F

import skts
from skts.discovery import all_estimators
from skts.explain import (
    attention_times,
    average_attention,
    class_activation_maps,
    filter_outputs,
    filter_times,
)
from skts.explain.calls import called, own_net
from skts.explain.layers import ATTENTION, CONVOLUTION
from skts.explain.times import step_times
from skts.layers import (
    AverageOverTime,
    HybridFilters,
    Linear,
    SameConv,
    SelfAttention,
    SqueezeExcite,
    Window,
    glorot_,
    padding_mask,
)
from skts.plotting import plot_attention, plot_filter
from tests.networks import option_variants
from tests.settings import small

N_TIMES = 141  # more than any step reads
X = np.random.default_rng(0).normal(size=(6, 3, N_TIMES))
Y = np.arange(6) % 2
KERNELS = {"kernel_sizes": (4, 3), "filters": (8, 8), "conv_channels": (4, 4)}


def fitted(cls, X=X, **options):
    known = cls().get_params()
    kernels = {name: value for name, value in KERNELS.items() if name in known}
    return small(cls, **(kernels | {"max_epochs": 1} | options)).fit(X, Y)


def variants():
    """Every class with convolutions and each of its variants; a regressor's network is the same."""
    for name, cls in all_estimators(["classifier", "regressor"]):
        if "Ensemble" in name or "kernel_sizes" not in cls().get_params():
            continue
        changes = [{}, {"kernel_sizes": (6, 4)}, *option_variants(cls)]
        for options in changes if is_classifier(cls()) else changes[:1]:
            yield pytest.param(cls, options, id=f"{name} {options}")


def made_local(net):
    """Weights with which every time point that a step reads moves it, and no other."""
    for parameter in net.module_.parameters():
        nn.init.uniform_(parameter.detach(), 0.05, 0.15)
    for module in net.module_.modules():
        if isinstance(module, SqueezeExcite):
            nn.init.zeros_(module.excite.weight.detach())
        elif isinstance(module, SelfAttention):
            nn.init.zeros_(module.out.weight.detach())
        elif isinstance(module, HybridFilters):
            module.kernel.fill_(0.1)
    return net


def moved(net, layer, *, read, axis):
    """Which time points of the series move which steps of a layer, (T, S)."""
    flat = torch.ones(1 + N_TIMES, 3, N_TIMES)
    flat[1:] += torch.tensor([[1e4], [3e4], [2e4]]) * torch.eye(N_TIMES)[:, None]
    with torch.no_grad():
        _, arguments, output = called(net, {"x": flat}, layer)
    steps = (arguments[0] if read else output).movedim(axis, 1).flatten(start_dim=2)
    return ((steps[1:] - steps[0]).abs().amax(dim=2) > 1e-3).numpy()


def check(net, layer, times, *, read=False, axis=2):
    """Each step is moved by time points around its own, as far as the series goes."""
    by = [np.flatnonzero(step) for step in moved(net, layer, read=read, axis=axis).T]
    half = max(np.ptp(points) for points in by) / 2
    complete = [half <= time <= N_TIMES - 1 - half for time in times]
    assert any(complete)
    for time, points, is_complete in zip(times, by, complete, strict=True):
        assert points.min() >= time - half
        assert points.max() <= time + half
        assert np.ptp(points) == 2 * half or not is_complete


def check_all(est):
    net = made_local(own_net(est))
    modules = list(net.module_.modules())
    convolutions = [m for m in modules if isinstance(m, CONVOLUTION)]
    assert convolutions
    for block, convolution in enumerate(convolutions):
        check(net, convolution, filter_times(est, X, block))
    for pool in (m for m in modules if isinstance(m, AverageOverTime)):
        told = step_times(net, pool, {"x": torch.as_tensor(X).float()}, read=True)
        check(net, pool, told, read=True)
    for number, attention in enumerate(m for m in modules if isinstance(m, ATTENTION)):
        told = attention_times(est, X, number)
        assert (told is None) == est.get_params().get("dimension_shuffle", False)
        if told is not None:
            check(net, attention, told, read=True, axis=1)


@pytest.mark.parametrize(("cls", "options"), [*variants()])
def test_steps_are_moved_by_the_time_points_around_them(cls, options):
    check_all(fitted(cls, **options))


@pytest.mark.parametrize("kernel_sizes", [(51,), (8, 51), (3,), (40, 2)])
def test_convolutions_without_padding(kernel_sizes):
    widths = (4, 4)[: len(kernel_sizes)]
    est = fitted(skts.ConvLSTMClassifier, kernel_sizes=kernel_sizes, conv_channels=widths)
    check_all(est)
    (line,) = plot_filter(est, X[0], block=len(kernel_sizes) - 1).get_lines()[1:]
    np.testing.assert_array_equal(line.get_xdata(), filter_times(est, X, len(kernel_sizes) - 1))


def test_a_long_kernel_stands_in_the_middle_of_the_series():
    X = np.random.default_rng(0).normal(size=(6, 100))
    est = small(skts.ConvLSTMClassifier, kernel_sizes=(51,), max_epochs=1).fit(X, Y)
    assert filter_times(est, X).tolist() == list(range(25, 75))


class TestPooled:
    @pytest.mark.parametrize("n_times", [60, 63])
    def test_maps_go_straight_from_step_to_step(self, n_times):
        options = {"filters": (4,) * 3, "kernel_sizes": (1,) * 3, "pooling": "average"}
        series = np.random.default_rng(0).normal(size=(6, n_times))
        est = small(skts.CNNRegressor, max_epochs=1, **options).fit(series, series[:, 0])
        (relevance, *_) = class_activation_maps(est, series)
        steps = np.arange(3.5, 59, 8)  # a last pair, or its only one, is left out
        assert filter_times(est, series, 2).tolist() == (np.arange(1.5, n_times - 2, 4)).tolist()
        assert (relevance[:4] == relevance[0]).all()
        assert (relevance[52:] == relevance[-1]).all()
        bends = np.flatnonzero(np.abs(np.diff(relevance, n=2)) > 1e-9) + 1
        assert set(bends) <= {int(step + side) for step in steps for side in (-0.5, 0.5)}
        assert len(bends) > 4

    def test_short_series_are_as_they_are_alone(self):
        lengths = [41, 1, 2, 3, 30, 17]
        unequal = [x[:, :n] for x, n in zip(X, lengths, strict=True)]
        est = fitted(skts.CNNClassifier, X=unequal, pooling="average", kernel_sizes=(6, 4))
        for x, together in zip(unequal, class_activation_maps(est, unequal, 1), strict=True):
            (alone,) = class_activation_maps(est, [x], 1)
            np.testing.assert_allclose(together, alone, atol=1e-5)

    def test_attention_is_drawn_over_time_points(self):
        est = fitted(skts.CNNClassifier, attention="after")  # kernels of 4 and 3
        assert attention_times(est, X).tolist() == (2 + 4 * np.arange(N_TIMES // 4)).tolist()
        ax = plot_attention(est, X)
        assert ax.images[0].get_extent() == [0, N_TIMES - 1, N_TIMES - 1, 0]
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("attended time point", "time point")

    @pytest.mark.parametrize("n_channels", [1, 3])
    def test_attention_over_channels_has_no_time_points(self, n_channels):
        series = X[:, :n_channels]
        est = small(skts.ALSTMFCNClassifier, max_epochs=1).fit(series, Y)
        assert attention_times(est, series) is None
        ax = plot_attention(est, series)
        last = average_attention(est, series).shape[1] - 0.5
        assert ax.images[0].get_extent() == [-0.5, last, last, -0.5]
        assert ax.get_ylabel() == "channel"


class Own(nn.Module):
    """A network of a user's own: some layers, the global average, a linear layer."""

    def __init__(self, layers):
        super().__init__()
        self.layers, self.pool, self.head = layers, AverageOverTime(), Linear(4, 2)

    def forward(self, x, lengths=None):
        return self.head(self.pool(self.layers(x)))


class Beside(nn.ModuleList):
    """Layers on the same input, summed."""

    def forward(self, x):
        return sum(layer(x) for layer in self)


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Causal(nn.Conv1d):
    def forward(self, x):
        return super().forward(F.pad(x, (self.kernel_size[0] - 1, 0)))


class ToldCausal(Causal):
    def time_window(self, n_steps):
        return Window(self.kernel_size[0], before=self.kernel_size[0] - 1)


def of(*layers, network=Own):
    """An estimator on these layers, the first of them with three channels in."""

    class OwnClassifier(skts.FCNClassifier):
        """A network of one's own [1]_."""

        def _network(self, n_channels, n_timepoints, n_outputs):
            return network(nn.Sequential(*layers))

    return OwnClassifier(max_epochs=1, random_state=0)


def conv(n_channels, kernel_size, **options):
    return nn.Conv1d(n_channels, 4, kernel_size, **options)


OWN = {
    "dilated, strided": lambda: [conv(3, 3, dilation=3, stride=2), conv(4, 4, padding=2)],
    "same": lambda: [conv(3, 4, padding="same", dilation=2), conv(4, 3, padding="valid")],
    "in place": lambda: [
        glorot_(SameConv(3, 4, 4)),
        nn.ReLU(inplace=True),
        conv(4, 2),
        nn.ReLU(inplace=True),
        conv(4, 1),
    ],
    "pooled": lambda: [
        conv(3, 1),
        nn.MaxPool1d(3, stride=2, padding=1),
        nn.AvgPool1d(4, ceil_mode=True),
        conv(4, 2),
    ],
    "side by side": lambda: [
        Beside([conv(3, 7, padding=3), conv(3, 3, padding=1), conv(3, 1)]),
        Beside([conv(4, 2), nn.Sequential(nn.MaxPool1d(2, stride=1), conv(4, 1))]),
    ],
    "causal": lambda: [nn.ConstantPad1d((4, 0), 0.0), conv(3, 5), ToldCausal(4, 4, 3)],
}
UNTOLD = {
    "functional": lambda: [conv(3, 3), Function(lambda x: F.max_pool1d(x, 2)), conv(4, 3)],
    "cut": lambda: [conv(3, 3, padding=2), Function(lambda x: x[:, :, 1:-2]), conv(4, 1)],
    "subclass": lambda: [Causal(3, 4, 5), nn.MaxPool1d(2), conv(4, 1)],
    "detached": lambda: [conv(3, 3), Function(torch.detach), conv(4, 1)],
}


class TestOwnNetworks:
    @pytest.mark.parametrize("name", OWN)
    def test_torchs_layers_are_known(self, name):
        check_all(of(*OWN[name]()).fit(X, Y))

    @pytest.mark.parametrize("name", UNTOLD)
    def test_what_cannot_be_known_is_said(self, name):
        est = of(*UNTOLD[name]()).fit(X, Y)
        assert filter_outputs(est, X, 1).ndim == 3
        for explain in (lambda: filter_times(est, X, 1), lambda: class_activation_maps(est, X)):
            with pytest.raises(
                ValueError,
                match=r"time points of the steps .* are unknown: .* a method time_window\(",
            ):
                explain()

    def test_arguments_may_be_named(self):
        class Named(Own):
            def forward(self, x, lengths=None):
                mask = padding_mask(lengths, x.shape[2])
                return self.head(self.pool(x=self.layers(x) * mask, mask=mask))

        est = of(conv(3, 3, padding=1), network=Named)
        unequal = [x[:, :n] for x, n in zip(X, [9, 41, 12, 30, 5, 7], strict=True)]
        est.fit(unequal, Y)
        maps = class_activation_maps(est, unequal)
        assert [len(m) for m in maps] == [x.shape[1] for x in unequal]
        assert filter_times(est, unequal).tolist() == list(range(41))

    def test_what_lies_beside_the_way_need_not_be_known(self):
        mean = Function(lambda x: x[:, :, ::2].mean(dim=2, keepdim=True))
        est = of(Beside([conv(3, 4), nn.Sequential(conv(3, 1), mean)])).fit(X, Y)
        assert filter_times(est, X).tolist() == (1.5 + np.arange(N_TIMES - 3)).tolist()
        with pytest.raises(ValueError, match="time points of the steps .* are unknown"):
            class_activation_maps(est, X)
