"""LITE: a light Inception with hand-crafted filters (Ismail-Fawaz et al., 2023)."""

import torch
from torch import Tensor, nn

from skts.base import SeriesClassifier, SeriesRegressor
from skts.layers import (
    AverageOverTime,
    BatchNorm,
    HybridFilters,
    Linear,
    SameConv,
    SeparableConv,
    glorot_,
    masked,
    padding_mask,
)
from skts.params import Params, integer, param

DILATIONS = (2, 4)


class LITE(nn.Module):
    """Learnt and fixed filters side by side, two separable convolutions, average over time.

    Shape:
        x (B, C, T), lengths (B,) or None -> (B, n_outputs)

    Parameters
    ----------
    n_channels, n_timepoints, n_outputs : int
    n_filters : int
        Filters of each convolution.
    kernel_size : int
        Longest kernel size, in time points. The other two are half and a quarter of it.

    Examples
    --------
    >>> import torch
    >>> from skts.models import LITE
    >>> LITE(3, 24, 2)(torch.zeros(8, 3, 24)).shape
    torch.Size([8, 2])
    """

    def __init__(
        self,
        n_channels: int,
        n_timepoints: int,
        n_outputs: int,
        *,
        n_filters: int = 32,
        kernel_size: int = 40,
    ):
        super().__init__()
        sizes = [kernel_size, kernel_size // 2, kernel_size // 4]
        self.convs = nn.ModuleList(
            glorot_(SameConv(n_channels, n_filters, size, bias=False)) for size in sizes
        )
        self.hybrid = HybridFilters()
        width = 3 * n_filters + self.hybrid.n_filters
        self.norm = BatchNorm(width, relu=True)
        # NOTE[DIFF]: an even kernel has no weight in its middle. On series of fewer than 8 time
        # points all its weights would fall on padding, and the network would read nothing.
        dilations = [min(dilation, max(1, n_timepoints // 2)) for dilation in DILATIONS]
        self.separables = nn.ModuleList(
            [
                SeparableConv(width, n_filters, sizes[1], dilation=dilations[0]),
                SeparableConv(n_filters, n_filters, sizes[2], dilation=dilations[1]),
            ]
        )
        self.norms = nn.ModuleList(BatchNorm(n_filters, relu=True) for _ in self.separables)
        self.pool = AverageOverTime()
        self.head = Linear(n_filters, n_outputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        mask = padding_mask(lengths, x.shape[2])
        x = masked(x, mask)
        found = [conv(x) for conv in self.convs]
        found.append(self.hybrid(x))
        x = masked(self.norm(torch.cat(found, dim=1), mask), mask)
        for conv, norm in zip(self.separables, self.norms, strict=True):
            x = masked(norm(conv(x), mask), mask)
        return self.head(self.pool(x, mask))


class _LITEParams(Params):
    paper = (
        "A. Ismail-Fawaz, M. Devanne, S. Berretti, J. Weber, G. Forestier (2023). LITE: light "
        "inception with boosting techniques for time series classification. IEEE DSAA, 1-10."
    )

    n_filters: int = param(
        default=32,
        rule=integer(1),
        doc="Number of filters of each convolution.",
        search=(16, 32, 64),
    )
    kernel_size: int = param(
        default=40,
        rule=integer(4),
        doc="Longest kernel size, in time points. The other two are half and a quarter of it.",
        search=(20, 40, 64),
    )

    def _network(self, n_channels, n_timepoints, n_outputs):
        return LITE(n_channels, n_timepoints, n_outputs, **self._architecture())


class LITEClassifier(_LITEParams, SeriesClassifier):
    """LITE classifier [1]_; takes series of any length.

    With default options and one channel, the network has 9,814 weights without the output layer.
    LITETime is an ensemble of five such networks:
    ``SeedEnsembleClassifier(LITEClassifier(), n_estimators=5)``. For the published training add
    ``**recipes.inceptiontime2020``.
    """


class LITERegressor(_LITEParams, SeriesRegressor):
    """LITE regressor [1]_; takes series of any length.

    With default options and one channel, the network has 9,814 weights without the output layer.
    LITETime is an ensemble of five such networks:
    ``SeedEnsembleRegressor(LITERegressor(), n_estimators=5)``. For the published training add
    ``**recipes.inceptiontime2020``.
    """
