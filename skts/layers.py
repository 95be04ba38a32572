"""Torch blocks that two or more architectures use."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from skts._tensors import padding_mask


class Linear(nn.Linear):
    """A linear layer that starts as Keras's: Glorot-uniform weights, zero bias.

    In evaluation it computes in double precision. The small products of these networks cost next to
    nothing, and in single precision their rounding depends on the size of the batch: a series would
    be predicted differently alone than among others.

    Shape:
        (..., in_features) -> (..., out_features)
    """

    def reset_parameters(self):
        nn.init.xavier_uniform_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x):
        if self.training:
            return super().forward(x)
        bias = None if self.bias is None else self.bias.double()
        return F.linear(x.double(), self.weight.double(), bias).to(x.dtype)


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation with Keras's constants (eps 1e-3, running-average decay 0.99).

    Statistics are taken over the valid time points alone where `mask` is given. A training batch of
    one series of one time point has no variance: it is normalised by the running averages.

    Shape:
        x (B, C, T), mask (B, 1, T) -> (B, C, T)
    """

    # NOTE[DIFF]: Keras's running averages remember their start, mean 0 and variance 1, for some
    # hundred batches, more than a short training has. Here they look back over the last tenth of
    # the batches so far, until that is the 100 batches of the decay.
    lookback = 0.1

    def __init__(self, n_channels):
        super().__init__(n_channels, eps=1e-3, momentum=0.01)

    def forward(self, x, mask=None):
        if not self.training or x.shape[0] * x.shape[2] == 1:
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        if mask is not None:
            return self._masked(x.float(), mask)
        # with momentum 1 the fused kernel leaves the batch's own statistics in its buffers
        mean, var = torch.zeros_like(self.running_mean), torch.zeros_like(self.running_var)
        out = F.batch_norm(
            x, mean, var, self.weight, self.bias, training=True, momentum=1.0, eps=self.eps
        )
        self._remember(mean, var)
        return out

    def _masked(self, x, mask):
        n_values = mask.sum()
        mean = (x * mask).sum(dim=(0, 2)) / n_values
        var = ((x - mean[:, None]).square() * mask).sum(dim=(0, 2)) / n_values
        self._remember(mean.detach(), var.detach() * n_values / (n_values - 1).clamp(min=1))
        scale = self.weight * torch.rsqrt(var + self.eps)
        return (x - mean[:, None]) * scale[:, None] + self.bias[:, None]

    @torch.no_grad()
    def _remember(self, mean, unbiased_var):
        share = 1 / (1 + self.lookback * self.num_batches_tracked)
        share = share.clamp(min=self.momentum)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(unbiased_var, share)
        self.num_batches_tracked += 1


class SqueezeExcite(nn.Module):
    """Scales each channel by a gate computed from all channels' averages over time.

    Shape:
        x (B, C, T), mask (B, 1, T) -> (B, C, T)
    """

    def __init__(self, n_channels, *, reduction=16):
        super().__init__()
        n_squeezed = max(1, n_channels // reduction)
        self.squeeze = Linear(n_channels, n_squeezed, bias=False)
        self.excite = Linear(n_squeezed, n_channels, bias=False)
        for linear in (self.squeeze, self.excite):
            nn.init.kaiming_normal_(linear.weight)

    def forward(self, x, mask=None):
        gate = F.relu(self.squeeze(mean_over_time(x, mask)))
        return x * torch.sigmoid(self.excite(gate))[:, :, None]


class ConvBlock(nn.Module):
    """Convolution of the same length -> batch normalisation -> ReLU.

    Shape:
        x (B, C, T), mask (B, 1, T) -> (B, F, T), zero where the mask is False
    """

    def __init__(self, n_channels, n_filters, kernel_size):
        super().__init__()
        self.conv = nn.Conv1d(n_channels, n_filters, kernel_size, padding=(kernel_size - 1) // 2)
        self.extra_zero = (0, 1 - kernel_size % 2)  # an even kernel takes one more, on the right
        self.norm = BatchNorm(n_filters)
        nn.init.kaiming_uniform_(self.conv.weight, nonlinearity="relu")
        nn.init.zeros_(self.conv.bias)

    def forward(self, x, mask=None):
        x = F.relu(self.norm(self.conv(F.pad(x, self.extra_zero)), mask))
        return x if mask is None else x * mask


class ConvBranch(nn.Module):
    """A stack of :class:`ConvBlock`, then the average over time.

    With `squeeze_excite` every block but the last is followed by :class:`SqueezeExcite`.

    Shape:
        x (B, C, T), lengths (B,) -> (B, F)
    """

    def __init__(self, n_channels, *, filters, kernel_sizes, squeeze_excite=False):
        super().__init__()
        if len(filters) != len(kernel_sizes):
            raise ValueError(
                "kernel_sizes must have one entry for each of filters: "
                f"{len(filters)} for filters={filters}, got {kernel_sizes}"
            )
        widths = [n_channels, *map(int, filters)]
        self.blocks = nn.ModuleList(
            ConvBlock(*shape, int(kernel_size))
            for shape, kernel_size in zip(pairwise(widths), kernel_sizes, strict=True)
        )
        gated = widths[1:-1] if squeeze_excite else ()
        self.gates = nn.ModuleList(SqueezeExcite(n_filters) for n_filters in gated)

    def feature_maps(self, x, mask=None):
        """What the last block gives before the average over time, (B, F, T)."""
        for i, block in enumerate(self.blocks):
            x = block(x, mask)
            if i < len(self.gates):
                x = self.gates[i](x, mask)
        return x

    def forward(self, x, lengths=None):
        mask = None if lengths is None else padding_mask(lengths, x.shape[2])
        x = x if mask is None else x * mask
        return mean_over_time(self.feature_maps(x, mask), mask)


def mean_over_time(x, mask=None):
    """Average over the valid time points; `x` must be zero at the others, (B, C, T) -> (B, C)."""
    return x.mean(dim=2) if mask is None else x.sum(dim=2) / mask.sum(dim=2)


def init_recurrent(rnn):
    """Keras's defaults for a one-layer recurrent net, with ONE bias vector per gate.

    Glorot-uniform input weights, orthogonal recurrent weights, zero biases with forget-gate bias 1.
    Torch's second bias vector is redundant: it is frozen at zero.
    """
    nn.init.xavier_uniform_(rnn.weight_ih_l0)
    nn.init.orthogonal_(rnn.weight_hh_l0)
    nn.init.zeros_(rnn.bias_ih_l0)
    nn.init.zeros_(rnn.bias_hh_l0)
    rnn.bias_hh_l0.requires_grad_(False)
    if isinstance(rnn, nn.LSTM):
        n_cells = rnn.hidden_size
        nn.init.ones_(rnn.bias_ih_l0[n_cells : 2 * n_cells].detach())
    return rnn
