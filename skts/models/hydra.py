"""Hydra beside MiniRocket (Dempster, Schmidt and Webb, 2021 and 2023)."""

import math
from itertools import combinations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skts.base import RidgeHeadClassifier, RidgeHeadRegressor
from skts.layers import Linear, masked, padding_mask
from skts.params import Params, integer, param

N_TAPS = 9
#: MiniRocket's kernels: three taps of 2 among nine, the others -1.
N_FIXED_KERNELS = math.comb(N_TAPS, 3)
MOST_DILATIONS = 32
GOLDEN_RATIO = (math.sqrt(5) + 1) / 2


def taps(x: Tensor, dilation: int) -> Tensor:
    """The time points that the taps of a dilated kernel read, less the one in the middle.

    Kernels whose taps sum to zero give the same with and without it; where a series is flat, all of
    them then give 0 exactly, and not what rounding leaves.

    Shape:
        (..., T) -> (..., T, 9), zeros beyond both ends
    """
    reach = (N_TAPS - 1) * dilation
    n_timepoints = x.shape[-1]
    padded = F.pad(x, (reach // 2, reach // 2))
    shifted = [padded[..., i * dilation : i * dilation + n_timepoints] for i in range(N_TAPS)]
    return torch.stack(shifted, dim=-1) - x[..., None]


class Hydra(nn.Module):
    """Random kernels in groups that compete: how often, and how strongly, each wins.

    At every time point the kernel of the greatest output in its group counts that output, and the
    one of the least output counts one. Half of the groups read the series, half its differences;
    each group reads a random half of the channels, eight at most.

    Shape:
        x (B, C, T), mask (B, 1, T) or None -> (B, n_features)
    """

    kernels: Tensor
    channels: Tensor

    def __init__(self, n_channels: int, n_timepoints: int, *, n_groups: int, n_kernels: int):
        super().__init__()
        longest = max(0.0, math.log2(max(1, n_timepoints - 1) / (N_TAPS - 1)))
        self.dilations = [2**i for i in range(int(longest) + 1)]
        shape = (len(self.dilations), 2, max(1, n_groups // 2))
        kernels = torch.randn(*shape, n_kernels, N_TAPS)
        kernels = kernels - kernels.mean(dim=-1, keepdim=True)
        self.register_buffer("kernels", kernels / kernels.abs().sum(dim=-1, keepdim=True))
        n_read = min(8, max(1, n_channels // 2)) if n_channels > 2 else n_channels
        chosen = torch.rand(*shape, n_channels).argsort(dim=-1) < n_read
        self.register_buffer("channels", chosen.float())
        self.n_features = 2 * kernels[..., 0].numel()

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
            x = chosen @ x  # (B, G, T)
        windows = taps(x, dilation)  # (B, G or 1, T, 9)
        outputs = windows @ kernels.transpose(1, 2)  # (B, G, T, K)
        greatest, winner = outputs.max(dim=3)
        loser = outputs.argmin(dim=3)
        number = torch.arange(kernels.shape[1], device=x.device)
        wins = (winner[..., None] == number) * (greatest * valid)[..., None]
        losses = (loser[..., None] == number) & valid[..., None]
        wins = wins.sum(dim=2).flatten(start_dim=1)  # (B, G * K)
        losses = losses.sum(dim=2, dtype=x.dtype).flatten(start_dim=1)
        # the root of 0 has no derivative
        return [torch.where(n > 0, n.clamp(min=1e-12).sqrt(), 0.0) for n in (wins, losses)]


class MiniRocket(nn.Module):
    """Fixed kernels: the share of time points at which a kernel's output is above a bias.

    The biases are quantiles of the outputs on training series, so the network must `learn` them.
    Each kernel of a dilation reads a random number of channels, nine at most.

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
        longest = max(0.0, math.log2(max(1, n_timepoints - 1) / (N_TAPS - 1)))
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

    def learn(self, x: Tensor, lengths: Tensor | None = None) -> None:
        """Take each kernel's biases from its outputs on one of these series, drawn at random.

        Parameters
        ----------
        x : tensor of shape (n, C, T)
        lengths : tensor of shape (n,), optional
        """
        ranks = torch.arange(1, 1 + self.n_features) * GOLDEN_RATIO % 1
        ranks = iter(ranks.split([n for n in self.n_biases for _ in range(N_FIXED_KERNELS)]))
        for i, dilation in enumerate(self.dilations):
            drawn = torch.randint(len(x), (N_FIXED_KERNELS,), device=x.device)
            for kernel, series in enumerate(drawn.tolist()):
                n = x.shape[2] if lengths is None else int(lengths[series])
                outputs = self._outputs(x[series : series + 1, :, :n], i, dilation)[0, kernel]
                biases = torch.quantile(outputs.cpu(), next(ranks))
                self.get_buffer(f"biases_{i}")[kernel].copy_(biases)

    def _outputs(self, x, i, dilation):
        """(B, C, T) -> (B, 84, T)"""
        if x.shape[1] > 1:
            x = self.channels[i] @ x  # (B, 84, T)
        windows = taps(x, dilation)  # (B, 84 or 1, T, 9)
        if x.shape[1] > 1:
            return (windows @ self.kernels[:, :, None])[..., 0]
        return (windows[:, 0] @ self.kernels.T).transpose(1, 2)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        n_valid = x.shape[2] if mask is None else mask.sum(dim=2, keepdim=True)
        found = []
        for i, dilation in enumerate(self.dilations):
            outputs = self._outputs(x, i, dilation)
            above = outputs[:, :, None] > self.get_buffer(f"biases_{i}")[:, :, None]
            above = above if mask is None else above & mask[:, :, None]  # (B, 84, n_biases, T)
            share = above.sum(dim=3, dtype=x.dtype) / n_valid
            found.append(share.flatten(start_dim=1))
        return torch.cat(found, dim=1)


class HydraMiniRocket(nn.Module):
    """The features of Hydra and MiniRocket, and a linear layer.

    Shape:
        x (B, C, T), lengths (B,) or None -> (B, n_outputs)

    Parameters
    ----------
    n_channels, n_timepoints, n_outputs : int
    n_groups, n_kernels : int
        Hydra's groups at each dilation, and kernels in each.
    n_features : int
        MiniRocket's features, about.

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
        super().__init__()
        self.hydra = Hydra(n_channels, n_timepoints, n_groups=n_groups, n_kernels=n_kernels)
        self.minirocket = MiniRocket(n_channels, n_timepoints, n_features=n_features)
        self.head = Linear(self.hydra.n_features + self.minirocket.n_features, n_outputs)

    def learn(self, x: Tensor, lengths: Tensor | None = None) -> None:
        """Take from training series what is not random.

        Parameters
        ----------
        x : tensor of shape (n, C, T)
        lengths : tensor of shape (n,), optional
        """
        self.minirocket.learn(x, lengths)

    def features(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """What the linear layer reads.

        Parameters
        ----------
        x : tensor of shape (B, C, T)
        lengths : tensor of shape (B,), optional

        Returns
        -------
        tensor of shape (B, n_features)
        """
        mask = None if lengths is None else padding_mask(lengths, x.shape[2])
        x = masked(x, mask)
        return torch.cat([self.hydra(x, mask), self.minirocket(x, mask)], dim=1)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.head(self.features(x, lengths))


class _HydraMiniRocketParams(Params):
    paper = (
        "A. Dempster, D. F. Schmidt, G. I. Webb (2023). Hydra: competing convolutional kernels for "
        "fast and accurate time series classification. Data Mining and Knowledge Discovery 37, "
        "1779-1805. MiniRocket: the same authors (2021). MiniRocket: a very fast (almost) "
        "deterministic transform for time series classification. KDD, 248-257."
    )

    _is_differentiable = False  # it counts

    n_groups: int = param(
        default=64, rule=integer(2), doc="Hydra's groups of kernels at each dilation."
    )
    n_kernels: int = param(default=8, rule=integer(2), doc="Kernels in each of Hydra's groups.")
    n_features: int = param(
        default=10_000,
        rule=integer(N_FIXED_KERNELS),
        doc="MiniRocket's features, rounded down to a multiple of 84.",
    )

    def _network(self, n_channels, n_timepoints, n_outputs):
        return HydraMiniRocket(n_channels, n_timepoints, n_outputs, **self._architecture())


class HydraMiniRocketClassifier(_HydraMiniRocketParams, RidgeHeadClassifier):
    """Random and fixed kernels of Hydra and MiniRocket [1]_ under a linear classifier.

    It trains in seconds. Takes series of any length.
    """


class HydraMiniRocketRegressor(_HydraMiniRocketParams, RidgeHeadRegressor):
    """Random and fixed kernels of Hydra and MiniRocket [1]_ under a linear regressor.

    It trains in seconds. Takes series of any length.
    """
