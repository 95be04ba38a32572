"""Fully convolutional network for time series (Wang, Yan and Oates, 2017)."""

from collections.abc import Sequence

from torch import Tensor, nn

from skts.base import SeriesClassifier, SeriesRegressor
from skts.layers import ConvBranch, Linear
from skts.params import Params, integer, param, sequence_of


class FCN(nn.Module):
    """Convolution blocks, average over time, linear layer.

    Shape:
        x (B, C, T), lengths (B,) or None -> (B, n_outputs)

    Parameters
    ----------
    n_channels, n_outputs : int
    filters, kernel_sizes : tuple of int
        One entry for each convolution block.

    Examples
    --------
    >>> import torch
    >>> from skts.models import FCN
    >>> FCN(3, 2)(torch.zeros(8, 3, 24)).shape
    torch.Size([8, 2])
    """

    def __init__(
        self,
        n_channels: int,
        n_outputs: int,
        *,
        filters: Sequence[int] = (128, 256, 128),
        kernel_sizes: Sequence[int] = (8, 5, 3),
    ):
        super().__init__()
        self.conv = ConvBranch(n_channels, filters=filters, kernel_sizes=kernel_sizes)
        self.head = Linear(filters[-1], n_outputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.head(self.conv(x, lengths))


class _FCNParams(Params):
    paper = (
        "Z. Wang, W. Yan, T. Oates (2017). Time series classification from scratch with deep "
        "neural networks: a strong baseline. IJCNN, 1578-1585."
    )
    _fast_in_bfloat16 = True

    filters: Sequence[int] = param(
        default=(128, 256, 128),
        rule=sequence_of(integer(1)),
        doc="Number of filters of each convolution block.",
        search=((64, 128, 64), (128, 256, 128)),
    )
    kernel_sizes: Sequence[int] = param(
        default=(8, 5, 3),
        rule=sequence_of(integer(1)),
        doc="Kernel size of each convolution block, in time points; as many as `filters`.",
    )

    def _network(self, n_channels, n_timepoints, n_outputs):
        return FCN(n_channels, n_outputs, **self._architecture())


class FCNClassifier(_FCNParams, SeriesClassifier):
    """Fully convolutional classifier [1]_; takes series of any length."""


class FCNRegressor(_FCNParams, SeriesRegressor):
    """Fully convolutional regressor [1]_; takes series of any length."""
