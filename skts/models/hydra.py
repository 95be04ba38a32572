"""Hydra and MiniRocket features under a linear head (Dempster, Schmidt and Webb, 2021, 2023)."""

import math
from collections.abc import Callable
from itertools import combinations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skts.base import RidgeHeadClassifier, RidgeHeadRegressor
from skts.layers import FixedFeatures, masked, padding_mask, repr_of
from skts.params import Params, integer, param

N_TAPS = 9
#: Number of MiniRocket's kernels. Each has three weights of 2 and six of -1.
N_FIXED_KERNELS = math.comb(N_TAPS, 3)
MOST_DILATIONS = 32
GOLDEN_RATIO = (math.sqrt(5) + 1) / 2


def log2_of_longest(n_timepoints: int) -> float:
    """Return log2 of the longest dilation with which a kernel fits into the series, or 0."""
    return max(0.0, math.log2(max(1, n_timepoints - 1) / (N_TAPS - 1)))


def taps(x: Tensor, dilation: int) -> Tensor:
    """Return the time points that the taps of a dilated kernel read, minus the middle one.

    The subtraction does not change the output of kernels whose taps sum to zero. On a flat series,
    their output is exactly 0, without rounding errors.

    Shape:
        (..., T) -> (..., 9, T), zeros beyond both ends
    """
    reach = (N_TAPS - 1) * dilation
    n_timepoints = x.shape[-1]
    padded = F.pad(x, (reach // 2, reach // 2))
    shifted = [padded[..., i * dilation : i * dilation + n_timepoints] for i in range(N_TAPS)]
    return torch.stack(shifted, dim=-2) - x[..., None, :]


def indicator(compare: Callable[..., Tensor], a: Tensor, b: Tensor) -> Tensor:
    """Return 1.0 where `compare` holds, and 0.0 elsewhere."""
    if a.device.type != "cpu" or torch.is_grad_enabled() or torch.compiler.is_exporting():
        return compare(a, b).to(a.dtype)
    # takes a third of the time of converting booleans to numbers
    return compare(a, b, out=a.new_empty(torch.broadcast_shapes(a.shape, b.shape)))


class Hydra(nn.Module):
    """Features of random kernels that compete in groups.

    At each time point, the kernel with the largest output in its group adds this output to its
    first feature. The kernel with the smallest output adds 1 to its second feature. If kernels tie,
    as on a flat series, all of them count. The features are the square roots of these sums. Half of
    the groups read the series, half its differences. Each group reads a random half of the
    channels: at least two if the series has two, and at most eight.

    Shape:
        x (B, C, T), mask (B, 1, T) or None -> (B, n_features)
    """

    kernels: Tensor
    channels: Tensor

    def __init__(self, n_channels: int, n_timepoints: int, *, n_groups: int, n_kernels: int):
        super().__init__()
        longest = log2_of_longest(n_timepoints)
        self.dilations = [2**i for i in range(int(longest) + 1)]
        shape = (len(self.dilations), 2, max(1, n_groups // 2))
        kernels = torch.randn(*shape, n_kernels, N_TAPS)
        kernels = kernels - kernels.mean(dim=-1, keepdim=True)
        self.register_buffer("kernels", kernels / kernels.abs().sum(dim=-1, keepdim=True))
        n_read = min(n_channels, max(2, n_channels // 2), 8)
        chosen = torch.rand(*shape, n_channels).argsort(dim=-1) < n_read
        self.register_buffer("channels", chosen.float())
        self.n_features = 2 * kernels[..., 0].numel()

    def extra_repr(self):
        _, _, n_groups, n_kernels, _ = self.kernels.shape
        return f"n_groups={2 * n_groups}, n_kernels={n_kernels}, dilations={self.dilations}"

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        differences = F.pad(x.diff(dim=2), (0, 1))
        if mask is None:
            mask = torch.ones_like(x[:, :1], dtype=torch.bool)
        of_differences = F.pad(mask[:, :, 1:], (0, 1))
        found = []
        for dilation, of_dilation, channels in zip(
            self.dilations, self.kernels, self.channels, strict=True
        ):
            for read, valid, kernels, chosen in zip(
                (x, differences), (mask, of_differences), of_dilation, channels, strict=True
            ):
                found.extend(self._counts(masked(read, valid), valid, kernels, chosen, dilation))
        return torch.cat(found, dim=1)

    @staticmethod
    def _counts(x, valid, kernels, chosen, dilation):
        if chosen.shape[1] > 1:
            outputs = kernels @ taps(chosen @ x, dilation)  # (B, G, K, T)
        else:
            outputs = kernels.flatten(end_dim=1) @ taps(x[:, 0], dilation)
            outputs = outputs.unflatten(1, kernels.shape[:2])
        greatest, least = outputs.amax(dim=2, keepdim=True), outputs.amin(dim=2, keepdim=True)
        valid = valid.to(outputs.dtype)[:, :, None]  # (B, 1, 1, T)
        wins = (indicator(torch.eq, outputs, greatest) * outputs * valid).sum(dim=3)
        losses = (indicator(torch.eq, outputs, least) * valid).sum(dim=3)
        return [n.clamp(min=0).sqrt().flatten(start_dim=1) for n in (wins, losses)]


class MiniRocket(nn.Module):
    """Fixed kernels: the share of time points at which a kernel's output is above a bias.

    The biases are quantiles of the outputs on training series, so the network must `learn` them.
    Each kernel of a dilation reads a random number of channels, at most nine.

    Shape:
        x (B, C, T), mask (B, 1, T) or None -> (B, n_features)
    """

    kernels: Tensor
    channels: Tensor

    def __init__(self, n_channels: int, n_timepoints: int, *, n_features: int):
        super().__init__()
        chosen = torch.tensor(list(combinations(range(N_TAPS), 3)))
        kernels = torch.full((N_FIXED_KERNELS, N_TAPS), -1.0)
        self.register_buffer("kernels", kernels.scatter(1, chosen, 2.0), persistent=False)
        per_kernel = max(1, n_features // N_FIXED_KERNELS)
        longest = log2_of_longest(n_timepoints)
        steps = np.logspace(0, longest, min(per_kernel, MOST_DILATIONS), base=2).astype(int)
        dilations, share = np.unique(steps, return_counts=True)
        counts = share * (per_kernel / len(steps))
        # rounded so that they sum to the number of features
        ends = np.rint(np.cumsum(counts)).astype(int)
        self.dilations = [int(dilation) for dilation in dilations]
        self.n_biases = np.diff(ends, prepend=0).tolist()
        n_read = 2 ** (
            torch.rand(len(dilations), N_FIXED_KERNELS) * math.log2(min(n_channels, 9) + 1)
        )
        order = torch.rand(len(dilations), N_FIXED_KERNELS, n_channels).argsort(dim=-1)
        self.register_buffer("channels", (order < n_read.long()[..., None]).float())
        for i, n in enumerate(self.n_biases):
            self.register_buffer(f"biases_{i}", torch.zeros(N_FIXED_KERNELS, n))
        self.n_features = N_FIXED_KERNELS * sum(self.n_biases)

    def extra_repr(self):
        return repr_of(self, "n_features", "dilations")

    def learn(self, x: Tensor, lengths: Tensor | None = None) -> None:
        """Learn the biases of each kernel from its outputs on one of these series, at random.

        Parameters
        ----------
        x : tensor of shape (n, C, T)
        lengths : tensor of shape (n,), optional
        """
        if lengths is None:
            lengths = torch.full((len(x),), x.shape[2], device=x.device)
        ranks = torch.arange(1, 1 + self.n_features, dtype=torch.float64) * GOLDEN_RATIO % 1
        ranks = ranks.float().to(x.device)
        parts = ranks.split([N_FIXED_KERNELS * n for n in self.n_biases])
        for i, (dilation, part) in enumerate(zip(self.dilations, parts, strict=True)):
            drawn = torch.randint(len(x), (N_FIXED_KERNELS,), device=x.device)
            series = (self.channels[i][:, None] @ x[drawn])[:, 0]  # (84, T)
            outputs = (self.kernels[:, None] @ taps(series, dilation))[:, 0]  # (84, T)
            beyond = ~padding_mask(lengths[drawn], x.shape[2])[:, 0]
            ordered = outputs.masked_fill(beyond, torch.inf).sort(dim=1).values
            place = part.view(N_FIXED_KERNELS, -1) * (lengths[drawn, None] - 1)
            below, above = (ordered.gather(1, at.long()) for at in (place.floor(), place.ceil()))
            self.get_buffer(f"biases_{i}").copy_(torch.lerp(below, above, place.frac()))

    def _outputs(self, x, i, dilation):
        """Return the output of each kernel, (B, C, T) -> (B, 84, T)."""
        if x.shape[1] > 1:
            return (self.kernels[:, None] @ taps(self.channels[i] @ x, dilation))[:, :, 0]
        return self.kernels @ taps(x[:, 0], dilation)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        n_valid = x.shape[2] if mask is None else mask.sum(dim=2, keepdim=True)
        found = []
        for i, dilation in enumerate(self.dilations):
            outputs = self._outputs(x, i, dilation)
            biases = self.get_buffer(f"biases_{i}")[:, :, None]
            above = indicator(torch.gt, outputs[:, :, None], biases)  # (B, 84, n_biases, T)
            above = masked(above, None if mask is None else mask[:, :, None])
            found.append((above.sum(dim=3) / n_valid).flatten(start_dim=1))
        return torch.cat(found, dim=1)


class HydraMiniRocket(FixedFeatures):
    """The features of Hydra and MiniRocket, and a linear layer.

    Shape:
        x (B, C, T), lengths (B,) or None -> (B, n_outputs)

    Parameters
    ----------
    n_channels, n_timepoints, n_outputs : int
    n_groups, n_kernels : int
        Groups of Hydra's kernels per dilation, and kernels per group.
    n_features : int
        Number of MiniRocket features, rounded down to a multiple of 84.

    Examples
    --------
    >>> import torch
    >>> from skts.models import HydraMiniRocket
    >>> HydraMiniRocket(3, 24, 2)(torch.zeros(8, 3, 24)).shape
    torch.Size([8, 2])
    """

    def __init__(
        self,
        n_channels: int,
        n_timepoints: int,
        n_outputs: int,
        *,
        n_groups: int = 64,
        n_kernels: int = 8,
        n_features: int = 10_000,
    ):
        hydra = Hydra(n_channels, n_timepoints, n_groups=n_groups, n_kernels=n_kernels)
        minirocket = MiniRocket(n_channels, n_timepoints, n_features=n_features)
        super().__init__(hydra.n_features + minirocket.n_features, n_outputs)
        self.hydra = hydra
        self.minirocket = minirocket

    def learn(self, x: Tensor, lengths: Tensor | None = None) -> None:
        self.minirocket.learn(x, lengths)

    def features(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        mask = padding_mask(lengths, x.shape[2])
        x = masked(x, mask)
        return torch.cat([self.hydra(x, mask), self.minirocket(x, mask)], dim=1)


class KernelOptions(Params):
    """Options of Hydra and MiniRocket features."""

    n_groups: int = param(
        default=64,
        rule=integer(2),
        doc="Number of groups of Hydra's kernels per dilation, rounded down to an even number.",
        search=(32, 64, 128),
    )
    n_kernels: int = param(
        default=8,
        rule=integer(2),
        doc="Number of kernels in each group of Hydra.",
        search=(4, 8, 16),
    )
    n_features: int = param(
        default=10_000,
        rule=integer(N_FIXED_KERNELS),
        doc="Number of MiniRocket features, rounded down to a multiple of 84.",
    )


class _HydraMiniRocketParams(KernelOptions):
    paper = (
        "A. Dempster, D. F. Schmidt, G. I. Webb (2023). Hydra: competing convolutional kernels for "
        "fast and accurate time series classification. Data Mining and Knowledge Discovery 37, "
        "1779-1805. MiniRocket: the same authors (2021). MiniRocket: a very fast (almost) "
        "deterministic transform for time series classification. KDD, 248-257."
    )

    _no_gradient = "has features that are mostly counts, whose gradient is zero"

    def _network(self, n_channels, n_timepoints, n_outputs):
        return HydraMiniRocket(n_channels, n_timepoints, n_outputs, **self._architecture())


class HydraMiniRocketClassifier(_HydraMiniRocketParams, RidgeHeadClassifier):
    """Ridge classification on Hydra's and MiniRocket's features [1]_.

    Training has no epochs: a ridge regression is solved in one step. Fitting keeps about 15,000
    features per series in memory. Its time grows with the square of the number of series, so use it
    for up to a few thousand series. Takes series of any length.
    """


class HydraMiniRocketRegressor(_HydraMiniRocketParams, RidgeHeadRegressor):
    """Ridge regression on Hydra's and MiniRocket's features [1]_.

    Training has no epochs: a ridge regression is solved in one step. Fitting keeps about 15,000
    features per series in memory. Its time grows with the square of the number of series, so use it
    for up to a few thousand series. Takes series of any length.
    """
