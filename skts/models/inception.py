"""Inception for time series and its variant with hand-crafted filters (Ismail Fawaz et al.)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skts.base import SeriesClassifier, SeriesRegressor
from skts.layers import (
    AverageOverTime,
    BatchNorm,
    HybridFilters,
    Linear,
    Pointwise,
    SameConv,
    SamePool,
    glorot_,
    masked,
    padding_mask,
)
from skts.params import Params, integer, param, sequence_of

MODULES_OF_A_SHORTCUT = 3


class InceptionModule(nn.Module):
    """Convolutions of several widths and max pooling side by side, batch normalisation, ReLU.

    A bottleneck precedes the convolutions if the input has more than one channel. With `hybrid`,
    fixed filters also read the input.

    Shape:
        x (B, C, T), mask (B, 1, T) -> (B, n_outputs, T), zero where the mask is False
    """

    def __init__(
        self, n_channels: int, n_filters: int, kernel_sizes: Sequence[int], *, hybrid: bool = False
    ):
        super().__init__()
        self.bottleneck = None
        if n_channels > 1:
            self.bottleneck = Pointwise(n_channels, n_filters, bias=False)
        n_read = n_filters if n_channels > 1 else 1
        self.convs = nn.ModuleList(
            glorot_(SameConv(n_read, n_filters, kernel_size, bias=False))
            for kernel_size in kernel_sizes
        )
        self.pool = SamePool()
        self.after_pool = Pointwise(n_channels, n_filters, bias=False)
        self.hybrid = HybridFilters() if hybrid else None
        self.n_outputs = n_filters * (len(kernel_sizes) + 1)
        if self.hybrid is not None:
            self.n_outputs += self.hybrid.n_filters
        self.norm = BatchNorm(self.n_outputs, relu=True)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        narrow = x if self.bottleneck is None else self.bottleneck(x)
        found = [conv(narrow) for conv in self.convs]
        found.append(self.after_pool(self.pool(x, mask)))
        if self.hybrid is not None:
            found.append(self.hybrid(x))
        return masked(self.norm(torch.cat(found, dim=1), mask), mask)


class Shortcut(nn.Module):
    """Residual connection around three modules: convolution of width 1, batch normalisation.

    Shape:
        x (B, C, T), mask (B, 1, T) -> (B, n_outputs, T)
    """

    def __init__(self, n_channels: int, n_outputs: int):
        super().__init__()
        self.widen = Pointwise(n_channels, n_outputs, bias=False)
        self.norm = BatchNorm(n_outputs)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.norm(self.widen(x), mask)


class Inception(nn.Module):
    """Inception modules with shortcuts, average over time, linear layer.

    Shape:
        x (B, C, T), lengths (B,) or None -> (B, n_outputs)

    Parameters
    ----------
    n_channels, n_outputs : int
    n_filters : int
        Filters of each convolution.
    kernel_sizes : tuple of int
        One entry for each convolution of a module.
    depth : int
        Number of modules. A residual connection spans every three of them.
    hybrid : bool
        Whether the first module also has hand-crafted filters.

    Examples
    --------
    >>> import torch
    >>> from skts.models import Inception
    >>> Inception(3, 2)(torch.zeros(8, 3, 24)).shape
    torch.Size([8, 2])
    """

    def __init__(
        self,
        n_channels: int,
        n_outputs: int,
        *,
        n_filters: int = 32,
        kernel_sizes: Sequence[int] = (40, 20, 10),
        depth: int = 6,
        hybrid: bool = False,
    ):
        super().__init__()
        self.modules_in_order = nn.ModuleList()
        self.shortcuts = nn.ModuleList()
        width = n_ahead = n_channels
        for i in range(depth):
            module = InceptionModule(width, n_filters, kernel_sizes, hybrid=hybrid and i == 0)
            self.modules_in_order.append(module)
            width = module.n_outputs
            if ends_a_shortcut(i):
                self.shortcuts.append(Shortcut(n_ahead, width))
                n_ahead = width
        self.pool = AverageOverTime()
        self.head = Linear(width, n_outputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        mask = padding_mask(lengths, x.shape[2])
        x = ahead = masked(x, mask)
        shortcuts = iter(self.shortcuts)
        for i, module in enumerate(self.modules_in_order):
            x = module(x, mask)
            if ends_a_shortcut(i):
                x = ahead = masked(F.relu(x + next(shortcuts)(ahead, mask)), mask)
        return self.head(self.pool(x, mask))


def ends_a_shortcut(i: int) -> bool:
    """Return whether a shortcut ends after module `i`."""
    return i % MODULES_OF_A_SHORTCUT == MODULES_OF_A_SHORTCUT - 1


class _InceptionParams(Params):
    paper = (
        "H. Ismail Fawaz et al. (2020). InceptionTime: finding AlexNet for time series "
        "classification. Data Mining and Knowledge Discovery 34, 1936-1962. With hybrid=True: "
        "A. Ismail-Fawaz, M. Devanne, J. Weber, G. Forestier (2022). Deep learning for time series "
        "classification using new hand-crafted convolution filters. IEEE Big Data, 972-981."
    )
    _fast_in_bfloat16 = True

    n_filters: int = param(
        default=32,
        rule=integer(1),
        doc="Number of filters of each convolution.",
        search=(16, 32, 64),
    )
    kernel_sizes: Sequence[int] = param(
        default=(40, 20, 10),
        rule=sequence_of(integer(1)),
        doc="Kernel size of each convolution of a module, in time points.",
    )
    depth: int = param(
        default=6,
        rule=integer(1),
        doc="Number of modules. A residual connection spans every three of them.",
        search=(3, 6, 9),
    )
    hybrid: bool = param(
        default=False,
        doc="H-Inception: the first module also has 17 fixed filters, which detect rises, falls "
        "and peaks.",
        search=(False, True),
    )

    def _network(self, n_channels, n_timepoints, n_outputs):
        return Inception(n_channels, n_outputs, **self._architecture())


class InceptionClassifier(_InceptionParams, SeriesClassifier):
    """Inception classifier [1]_; takes series of any length.

    InceptionTime, and with ``hybrid=True`` H-InceptionTime, are ensembles of five such networks:
    ``SeedEnsembleClassifier(InceptionClassifier(), n_estimators=5)``. For the published training
    add ``**recipes.inceptiontime2020``.
    """


class InceptionRegressor(_InceptionParams, SeriesRegressor):
    """Inception regressor [1]_; takes series of any length.

    InceptionTime, and with ``hybrid=True`` H-InceptionTime, are ensembles of five such networks:
    ``SeedEnsembleRegressor(InceptionRegressor(), n_estimators=5)``. For the published training
    add ``**recipes.inceptiontime2020``.
    """
