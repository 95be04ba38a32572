"""Interval quantiles under a linear head (Dempster, Schmidt and Webb, 2024)."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from skts.base import RidgeHeadClassifier, RidgeHeadRegressor
from skts.layers import FixedFeatures, Spectrum, masked, padding_mask, repr_of, steps_of
from skts.params import Params, integer, param

SMOOTHED = 5  # time points over which the differences are averaged


def intervals(length: Tensor | int, depth: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the first step of each interval of a depth, and the step after its last one.

    There are 2^depth intervals of equal length, and 2^depth - 1 more between their middles.

    Shape:
        length (B, 1) or a number -> two tensors (B, J) or (1, J)
    """
    n = 2**depth
    starts = torch.arange(n, device=device).double() / n
    starts = torch.cat([starts, starts[:-1] + 0.5 / n])[None]
    first = (starts * length).floor()
    behind = ((starts + 1 / n) * length).floor()
    return first.long(), behind.maximum(first + 1).long()


class QuantRidge(FixedFeatures):
    """Quantiles over intervals, and a linear layer.

    The intervals are dyadic. The network reads quantiles of the series, of its smoothed first
    difference, of its second difference, and of its spectrum. The mean of the interval is
    subtracted from every second quantile.

    NOTE[DIFF] The paper uses extremely randomised trees, not a linear layer. Here all intervals of
    a level have the same number of quantiles, so that series of any length have the same features.
    The spectrum is log(1 + amplitude).

    Shape:
        x (B, C, T), lengths (B,) or None -> (B, n_outputs)

    Parameters
    ----------
    n_channels, n_timepoints, n_outputs : int
    depth : int
        Number of levels of intervals. Level d has 2^d, and 2^d - 1 more between their middles.
    quantile_divisor : int
        An interval of m steps has 1 + (m - 1) // quantile_divisor quantiles.

    Examples
    --------
    >>> import torch
    >>> from skts.models import QuantRidge
    >>> QuantRidge(3, 24, 2)(torch.zeros(8, 3, 24)).shape
    torch.Size([8, 2])
    """

    def __init__(
        self,
        n_channels: int,
        n_timepoints: int,
        n_outputs: int,
        *,
        depth: int = 6,
        quantile_divisor: int = 4,
    ):
        steps = [
            n_timepoints,
            n_timepoints - 1,
            n_timepoints - 2,
            steps_of("spectrum", n_timepoints),
        ]
        n_quantiles = [
            [
                1 + (max(1, round(n / 2**level)) - 1) // quantile_divisor
                for level in range(min(depth, 1 + int(math.log2(max(1, n)))))
            ]
            for n in steps
        ]
        n_features = sum(
            (2 * 2**level - 1) * n for of_one in n_quantiles for level, n in enumerate(of_one)
        )
        super().__init__(n_channels * n_features, n_outputs)
        self.n_timepoints, self.depth = n_timepoints, depth
        self.quantile_divisor = quantile_divisor
        self.spectrum = Spectrum(n_timepoints)
        self.n_quantiles = n_quantiles

    def extra_repr(self):
        return repr_of(self, "n_timepoints", "depth", "quantile_divisor")

    def features(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        mask = padding_mask(lengths, x.shape[2])
        x = masked(x, mask)
        found = []
        for (read, own), n_quantiles in zip(self._read(x, lengths), self.n_quantiles, strict=True):
            for depth, n in enumerate(n_quantiles):
                found.append(self._quantiles(read, own, depth, n))
        return torch.cat(found, dim=1)

    def _read(self, x, lengths):
        """Return the four sequences that are cut into intervals, each with its lengths or None."""
        reach = SMOOTHED // 2

        def differences(x, lengths):
            if x.shape[2] < 2:
                return torch.zeros_like(x), lengths
            if lengths is None:
                return x.diff(dim=2), None
            mask = padding_mask(lengths - 1, x.shape[2] - 1)
            return masked(x.diff(dim=2), mask), (lengths - 1).clamp(min=1)

        first, of_first = differences(x, lengths)
        second, of_second = differences(first, of_first)
        padded = F.pad(first, (reach, reach))
        smooth = sum(padded[:, :, i : i + first.shape[2]] for i in range(SMOOTHED)) / SMOOTHED
        spectrum, _ = self.spectrum(x, lengths)
        return [(x, lengths), (smooth, of_first), (second, of_second), (spectrum, None)]

    @staticmethod
    def _quantiles(x, lengths, depth, n):
        """Return n quantiles of each of J intervals, (B, C, S) -> (B, C * J * n)."""
        length = x.shape[2] if lengths is None else lengths[:, None]
        first, behind = intervals(length, depth, x.device)  # (B, J)
        width = -(-x.shape[2] // 2**depth) + 1
        steps = torch.arange(width, device=x.device)
        places = (first[..., None] + steps).clamp(max=x.shape[2] - 1)  # (B, J, W)
        inside = first[..., None] + steps < behind[..., None]
        places = places.flatten(start_dim=1)[:, None].expand(*x.shape[:2], -1)
        values = x.gather(2, places).unflatten(2, inside.shape[1:])  # (B, C, J, W)
        inside, counts = inside[:, None], (behind - first)[:, None, :, None]
        mean = (values * inside).sum(dim=3, keepdim=True) / counts
        ordered = values.masked_fill(~inside, torch.inf).sort(dim=3).values
        share = torch.linspace(0, 1, n, device=x.device)
        share = share if n > 1 else share + 0.5
        place = (share * (counts - 1)).expand(*values.shape[:3], n)
        below, above = (ordered.gather(3, at.long()) for at in (place.floor(), place.ceil()))
        quantiles = torch.lerp(below, above, place.frac().to(x.dtype))
        less_mean = torch.arange(n, device=x.device) % 2 == 1
        return (quantiles - mean * less_mean).flatten(start_dim=1)


class _QuantRidgeParams(Params):
    paper = (
        "A. Dempster, D. F. Schmidt, G. I. Webb (2024). QUANT: a minimalist interval method for "
        "time series classification. Data Mining and Knowledge Discovery 38, 2377-2402."
    )

    _no_gradient = "has features that are order statistics of single time points"

    depth: int = param(
        default=6,
        rule=integer(1),
        doc="Number of levels of dyadic intervals. Short series have fewer.",
        search=(4, 5, 6, 7),
    )
    quantile_divisor: int = param(
        default=4,
        rule=integer(1),
        doc="An interval of m time points has 1 + (m - 1) // quantile_divisor quantiles.",
        search=(2, 4, 8),
    )

    def _network(self, n_channels, n_timepoints, n_outputs):
        return QuantRidge(n_channels, n_timepoints, n_outputs, **self._architecture())


class QuantRidgeClassifier(_QuantRidgeParams, RidgeHeadClassifier):
    """Ridge classification on quantiles over intervals, the features of QUANT [1]_.

    Training has no epochs: a ridge regression is solved in one step. The paper uses extremely
    randomised trees, not ridge regression. Takes series of any length.
    """


class QuantRidgeRegressor(_QuantRidgeParams, RidgeHeadRegressor):
    """Ridge regression on quantiles over intervals, the features of QUANT [1]_.

    Training has no epochs: a ridge regression is solved in one step. The paper uses extremely
    randomised trees, not ridge regression. Takes series of any length.
    """
