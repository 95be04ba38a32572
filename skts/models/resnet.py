"""Residual network for time series (Wang, Yan and Oates, 2017)."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from skts.base import SeriesClassifier, SeriesRegressor
from skts.layers import (
    AverageOverTime,
    BatchNorm,
    Linear,
    Pointwise,
    SameConv,
    glorot_,
    masked,
    padding_mask,
)
from skts.params import Params, integer, param, sequence_of


class ResidualBlock(nn.Module):
    """Convolutions with the same number of filters, each followed by batch normalisation.

    The block adds its batch-normalised input to the last output. If the numbers of channels differ,
    a convolution of kernel size 1 comes before this normalisation.

    Shape:
        x (B, C, T), mask (B, 1, T) -> (B, F, T), zero where the mask is False
    """

    def __init__(self, n_channels: int, n_filters: int, kernel_sizes: Sequence[int]):
        super().__init__()
        widths = [n_channels, *[n_filters] * len(kernel_sizes)]
        self.convs = nn.ModuleList(
            glorot_(SameConv(*shape, kernel_size))
            for shape, kernel_size in zip(pairwise(widths), kernel_sizes, strict=True)
        )
        last = len(kernel_sizes) - 1
        self.norms = nn.ModuleList(BatchNorm(n_filters, relu=i < last) for i in range(last + 1))
        self.widen = Pointwise(n_channels, n_filters) if n_channels != n_filters else nn.Identity()
        self.shortcut_norm = BatchNorm(n_filters)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        out = x
        for conv, norm in zip(self.convs, self.norms, strict=True):
            out = masked(norm(conv(out), mask), mask)
        shortcut = self.shortcut_norm(self.widen(x), mask)
        return masked(F.relu(out + shortcut), mask)


class ResNet(nn.Module):
    """Residual blocks, average over time, linear layer.

    Shape:
        x (B, C, T), lengths (B,) or None -> (B, n_outputs)

    Parameters
    ----------
    n_channels, n_outputs : int
    filters : tuple of int
        One entry for each block.
    kernel_sizes : tuple of int
        One entry for each convolution of a block.

    Examples
    --------
    >>> import torch
    >>> from skts.models import ResNet
    >>> ResNet(3, 2)(torch.zeros(8, 3, 24)).shape
    torch.Size([8, 2])
    """

    def __init__(
        self,
        n_channels: int,
        n_outputs: int,
        *,
        filters: Sequence[int] = (64, 128, 128),
        kernel_sizes: Sequence[int] = (8, 5, 3),
    ):
        super().__init__()
        self.blocks = nn.ModuleList(
            ResidualBlock(*shape, kernel_sizes) for shape in pairwise([n_channels, *filters])
        )
        self.pool = AverageOverTime()
        self.head = Linear(filters[-1], n_outputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        mask = padding_mask(lengths, x.shape[2])
        x = masked(x, mask)
        for block in self.blocks:
            x = block(x, mask)
        return self.head(self.pool(x, mask))


class _ResNetParams(Params):
    paper = (
        "Z. Wang, W. Yan, T. Oates (2017). Time series classification from scratch with deep "
        "neural networks: a strong baseline. IJCNN, 1578-1585."
    )
    _fast_in_bfloat16 = True

    filters: Sequence[int] = param(
        default=(64, 128, 128),
        rule=sequence_of(integer(1)),
        doc="Number of filters of each residual block.",
        search=((32, 64, 64), (64, 128, 128)),
    )
    kernel_sizes: Sequence[int] = param(
        default=(8, 5, 3),
        rule=sequence_of(integer(1)),
        doc="Kernel size of each convolution in a block, in time points.",
    )

    def _network(self, n_channels, n_timepoints, n_outputs):
        return ResNet(n_channels, n_outputs, **self._architecture())


class ResNetClassifier(_ResNetParams, SeriesClassifier):
    """Residual network classifier [1]_; takes series of any length."""


class ResNetRegressor(_ResNetParams, SeriesRegressor):
    """Residual network regressor [1]_; takes series of any length."""
