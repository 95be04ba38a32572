"""Representations, which a network reads instead of the series."""

import torch
from torch import nn
from torch.nn import functional as F

from skts.layers.common import masked, padding_mask, repr_of


class Derivative(nn.Module):
    """The slope at each time point of a line fitted to the time points around it.

    The line is the least-squares fit to the time points at most `reach` away. Near the ends of a
    series the window is shorter. Elsewhere this is the filter of Savitzky and Golay (1964).

    Shape:
        x (B, C, T), lengths (B,) or None -> (B, C, T), lengths
    """

    def __init__(self, reach: int = 5):
        super().__init__()
        self.reach = reach

    def extra_repr(self):
        return repr_of(self, "reach")

    def forward(self, x, lengths=None):
        n_timepoints = x.shape[2]
        last = n_timepoints - 1 if lengths is None else lengths[:, None, None] - 1
        # in double precision, because values can be much larger than slopes
        values = masked(x.double(), padding_mask(lengths, x.shape[2]))
        time = torch.arange(n_timepoints, device=x.device)
        before = time.clamp(max=self.reach).double()
        after = (last - time).clamp(min=0, max=self.reach).double()
        padded = F.pad(values, (self.reach, self.reach))
        offsets = range(-self.reach, self.reach + 1)
        parts = [padded[:, :, self.reach + k : self.reach + k + n_timepoints] for k in offsets]
        sum_x = sum(parts)
        sum_kx = sum(k * part for k, part in zip(offsets, parts, strict=True))
        n = before + after + 1
        sum_k = (after * (after + 1) - before * (before + 1)) / 2
        sum_kk = (
            after * (after + 1) * (2 * after + 1) + before * (before + 1) * (2 * before + 1)
        ) / 6
        spread = n * sum_kk - sum_k.square()  # 0 if there is only one time point
        slope = (n * sum_kx - sum_k * sum_x) / spread.clamp(min=1)
        slope = torch.where(time <= last, slope, 0.0)  # 0 beyond the end
        return slope.to(x.dtype), lengths


class CumulativeSum(nn.Module):
    """The cumulative sum of the mean-centred series, divided by its number of time points.

    Shape:
        x (B, C, T), lengths (B,) or None -> (B, C, T), lengths
    """

    def forward(self, x, lengths=None):
        centred, n = centred_in_time(x, lengths)
        mask = padding_mask(lengths, x.shape[2])
        return masked(centred.cumsum(dim=2) / n, mask).to(x.dtype), lengths


class Spectrum(nn.Module):
    """log(1 + |amplitude|) of the discrete Fourier transform, without frequency 0.

    The frequencies are 1 / n, 2 / n, ... 1 / 2 cycles per time point for series of every length,
    where n is `n_timepoints`. All outputs therefore have the same length.

    Shape:
        x (B, C, T), lengths (B,) or None -> (B, C, n // 2), None
    """

    def __init__(self, n_timepoints: int):
        super().__init__()
        self.n_timepoints = max(2, n_timepoints)

    def extra_repr(self):
        return repr_of(self, "n_timepoints")

    def forward(self, x, lengths=None):
        centred, _ = centred_in_time(x, lengths)
        # at these frequencies, the transform is that of the summed segments of n_timepoints
        place = torch.arange(x.shape[2], device=x.device) % self.n_timepoints
        folded = centred.new_zeros((*x.shape[:2], self.n_timepoints)).index_add(2, place, centred)
        return torch.fft.rfft(folded)[:, :, 1:].abs().log1p().to(x.dtype), None


def centred_in_time(x, lengths):
    """Return each channel minus its mean over time, and the number of time points.

    The values are float64, and 0 beyond the end.
    """
    mask = padding_mask(lengths, x.shape[2])
    n = x.shape[2] if lengths is None else lengths[:, None, None]
    values = masked(x.double(), mask)
    return masked(values - values.sum(dim=2, keepdim=True) / n, mask), n


class Reading(nn.Module):
    """Apply ``normalize="channel"`` and `representation`, then the network.

    Shape:
        That of the network.

    Parameters
    ----------
    network : nn.Module
    representation : nn.Module, optional
    scaling : tuple of two arrays of shape (C,), optional
        Mean and standard deviation of each channel over the training series.
    """

    def __init__(self, network, representation=None, scaling=None):
        super().__init__()
        self.network = network
        self.representation = representation
        self.scales = scaling is not None
        if self.scales:
            for name, values in zip(("mean", "deviation"), scaling, strict=True):
                self.register_buffer(name, torch.as_tensor(values, dtype=torch.float32)[:, None])

    def extra_repr(self):
        return repr_of(self, "scales")

    def read(self, x, lengths=None):
        """Return the input of the network.

        Parameters
        ----------
        x : tensor of shape (B, C, T)
        lengths : tensor of shape (B,), optional

        Returns
        -------
        tensor of shape (B, C, S), and lengths or None
        """
        if self.scales:
            mask = padding_mask(lengths, x.shape[2])
            x = masked((x - self.mean) / self.deviation, mask)
        return (x, lengths) if self.representation is None else self.representation(x, lengths)

    def forward(self, x, lengths=None):
        return self.network(*self.read(x, lengths))


#: The module of each value of the option `representation`, given `n_timepoints`.
REPRESENTATIONS = {
    "derivative": lambda n_timepoints: Derivative(),
    "cumulative_sum": lambda n_timepoints: CumulativeSum(),
    "spectrum": Spectrum,
}


def steps_of(representation, n_timepoints):
    """Return the number of steps that the network reads of series of `n_timepoints`."""
    return max(2, n_timepoints) // 2 if representation == "spectrum" else n_timepoints
