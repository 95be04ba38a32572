"""Torch blocks that two or more architectures use."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from skts._tensors import padding_mask


class Linear(nn.Linear):
    """A linear layer that starts as Keras's: Glorot-uniform weights, zero bias.

    In evaluation it computes in double precision: in single precision the rounding depends on the
    size of the batch, and a series would be predicted differently alone than among others.

    Shape:
        (..., in_features) -> (..., out_features)
    """

    def reset_parameters(self):
        glorot_(self)

    def forward(self, x):
        if self.training:
            return super().forward(x)
        bias = None if self.bias is None else self.bias.double()
        return F.linear(x.double(), self.weight.double(), bias).to(x.dtype)


class Pointwise(Linear):
    """A convolution of width 1: the same linear layer at every time point.

    Shape:
        (B, C, T) -> (B, F, T)
    """

    def forward(self, x):
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation with Keras's constants (eps 1e-3, running-average decay 0.99).

    With `relu` a rectifier comes after it, in the same memory.

    Statistics are taken over the valid time points alone where `mask` is given. A training batch of
    one series of one time point has no variance: it is normalised by the running averages.

    Shape:
        x (B, C, T), mask (B, 1, T) -> (B, C, T)
    """

    # NOTE[DIFF]: Keras's running averages remember their start, mean 0 and variance 1, for some
    # hundred batches, more than a short training has. Here they look back over the last tenth of
    # the batches so far, until that is the 100 batches of the decay.
    lookback = 0.1

    def __init__(self, n_channels, *, relu=False):
        super().__init__(n_channels, eps=1e-3, momentum=0.01)
        self.relu = relu

    def forward(self, x, mask=None):
        if not self.training or x.shape[0] * x.shape[2] == 1:
            return self._normalized(x, self.running_mean, self.running_var)
        if mask is not None:
            out = self._masked(x.float(), mask)
            return F.relu(out) if self.relu else out
        # with momentum 1 the fused kernel leaves the batch's own statistics in its buffers
        mean, var = torch.zeros_like(self.running_mean), torch.zeros_like(self.running_var)
        out = self._normalized(x, mean, var, training=True, momentum=1.0)
        self._remember(mean, var)
        return out

    def _normalized(self, x, mean, var, **options):
        image = x[:, :, None]  # (B, C, 1, T): torch keeps the memory layout of images alone
        out = F.batch_norm(image, mean, var, self.weight, self.bias, eps=self.eps, **options)
        return (F.relu_(out) if self.relu else out).squeeze(2)

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

    def __init__(self, n_channels, *, reduction=16, bias=False):
        super().__init__()
        n_squeezed = max(1, n_channels // reduction)
        self.squeeze = Linear(n_channels, n_squeezed, bias=bias)
        self.excite = Linear(n_squeezed, n_channels, bias=bias)
        for linear in (self.squeeze, self.excite):
            nn.init.kaiming_normal_(linear.weight)

    def forward(self, x, mask=None):
        squeezed = F.relu(self.squeeze(mean_over_time(x, mask)))
        # in single precision it would be rounded by the place of a series in its batch
        gate = torch.sigmoid(self.excite(squeezed).double()).to(x.dtype)
        return x * gate[:, :, None]


class SameConv(nn.Module):
    """A convolution whose output is as long as its input.

    It is computed as a two-dimensional one of height 1 in torch's channels-last layout, which is
    faster than ``nn.Conv1d``: the weights are stored so, and the output has that layout.

    Shape:
        (B, C, T) -> (B, F, T)
    """

    def __init__(self, n_channels, n_filters, kernel_size):
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(n_filters, kernel_size, n_channels))
        self.bias = nn.Parameter(torch.zeros(n_filters))
        # an even kernel takes one zero more on the right
        self.padding, self.extra_zero = (kernel_size - 1) // 2, (0, 1 - kernel_size % 2)

    @property
    def weight(self):
        """As ``nn.Conv1d`` has it, (F, C, kernel)."""
        return self.kernel.transpose(1, 2)

    def forward(self, x):
        image = x[:, :, None]  # (B, C, 1, T)
        if any(self.extra_zero):
            image = F.pad(image, self.extra_zero)
        out = F.conv2d(image, self.weight[:, :, None], self.bias, padding=(0, self.padding))
        return out.squeeze(2)


class ConvBlock(nn.Module):
    """Convolution of the same length -> batch normalisation -> ReLU -> `gate`, if any.

    With `residual` the input is added, through a convolution of width 1 where the widths differ.

    Shape:
        x (B, C, T), mask (B, 1, T) -> (B, F, T), zero where the mask is False
    """

    def __init__(self, n_channels, n_filters, kernel_size, *, gate=None, residual=False):
        super().__init__()
        self.conv = SameConv(n_channels, n_filters, kernel_size)
        self.norm = BatchNorm(n_filters, relu=True)
        self.gate = gate
        nn.init.kaiming_uniform_(self.conv.weight, nonlinearity="relu")
        self.shortcut = None
        if residual and n_channels == n_filters:
            self.shortcut = nn.Identity()
        elif residual:
            self.shortcut = Pointwise(n_channels, n_filters)

    def forward(self, x, mask=None):
        out = self.norm(self.conv(x), mask)
        out = out if mask is None else out * mask
        if self.gate is not None:
            out = self.gate(out, mask)
        if self.shortcut is not None:
            out = out + self.shortcut(x)
            out = out if mask is None else out * mask
        return out


class ConvBranch(nn.Module):
    """A stack of :class:`ConvBlock`, then the average over time.

    `gates` are modules such as :class:`SqueezeExcite` for the first blocks, in their order.

    Shape:
        x (B, C, T), lengths (B,) -> (B, F)
    """

    def __init__(self, n_channels, *, filters, kernel_sizes, gates=(), residual=False):
        super().__init__()
        check_one_each("filters", filters, kernel_sizes)
        widths = [n_channels, *filters]
        gates = [*gates, *[None] * (len(filters) - len(gates))]
        self.blocks = nn.ModuleList(
            ConvBlock(*shape, kernel_size, gate=gate, residual=residual)
            for shape, kernel_size, gate in zip(pairwise(widths), kernel_sizes, gates, strict=True)
        )
        self.pool = AverageOverTime()

    def feature_maps(self, x, mask=None):
        """What the last block gives before the average over time, (B, F, T)."""
        for block in self.blocks:
            x = block(x, mask)
        return x

    def forward(self, x, lengths=None):
        mask = None if lengths is None else padding_mask(lengths, x.shape[2])
        x = x if mask is None else x * mask
        return self.pool(self.feature_maps(x, mask), mask)


class AverageOverTime(nn.Module):
    """The global average of feature maps, from which class activation maps start.

    Shape:
        x (B, F, T), mask (B, 1, T), zero where the mask is False -> (B, F)
    """

    def forward(self, x, mask=None):
        return mean_over_time(x, mask)


class SelfAttention(nn.Module):
    """Multi-head self-attention, all heads projected back to `n_outputs`.

    Shape:
        x (B, S, D), mask (B, 1, S), True at the steps that may be looked at -> (B, S, n_outputs)
    """

    def __init__(self, n_features, n_outputs, *, n_heads, head_size, dropout=0.0):
        super().__init__()
        self.n_heads = n_heads
        self.dropout = dropout
        width = self.n_heads * head_size
        self.query, self.key, self.value = (Linear(n_features, width) for _ in range(3))
        self.out = Linear(width, n_outputs)

    def _heads(self, linear, x):
        return split_heads(linear(x), self.n_heads)

    def weights(self, x, mask=None):
        """How much each step looks at each other one, (B, heads, S, S); NaN behind the end."""
        query, key = self._heads(self.query, x), self._heads(self.key, x)
        if mask is None:
            return dot_product_weights(query, key)
        return only_of(dot_product_weights(query, key, mask[:, None]), mask)

    def values(self, x, mask=None):
        """What the weights average, (B, heads, S, head_size)."""
        return self._heads(self.value, x)

    def forward(self, x, mask=None):
        heads = F.scaled_dot_product_attention(
            self._heads(self.query, x),
            self._heads(self.key, x),
            self.values(x),
            attn_mask=None if mask is None else mask[:, None],
            dropout_p=self.dropout if self.training else 0.0,
        )
        return self.out(heads.transpose(1, 2).flatten(start_dim=2))


def split_heads(x, n_heads):
    """Features dealt to heads, (B, S, D) -> (B, heads, S, D / heads)."""
    return x.unflatten(2, (n_heads, -1)).transpose(1, 2)


def only_of(weights, mask):
    """Attention weights with NaN in the rows of steps that are none.

    Shape:
        weights (B, heads, S, S), mask (B, 1, S) -> (B, heads, S, S)
    """
    return weights.masked_fill(~mask[:, :, :, None], float("nan"))


def dot_product_weights(query, key, mask=None):
    """The weights of scaled dot-product attention, 0 where the mask is False.

    Shape:
        query, key (B, heads, S, size), mask broadcast to the output -> (B, heads, S, S)
    """
    scores = query.double() @ key.double().transpose(2, 3) / query.shape[3] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1)


def mean_over_time(x, mask=None):
    """Average over the valid time points; `x` must be zero at the others, (B, C, T) -> (B, C)."""
    # not x.mean(dim=2): its gradient has another layout than x, which slows what came before
    n_valid = x.shape[2] if mask is None else mask.sum(dim=2)
    return (x.sum(dim=2).float() / n_valid).to(x.dtype)


def last_step(x, lengths=None):
    """The last valid step of a sequence, (B, S, D) -> (B, D)."""
    if lengths is None:
        return x[:, -1]
    return x[torch.arange(x.shape[0], device=x.device), lengths - 1]  # len() would fix exports


def check_one_of(name, value, allowed):
    """Raise ValueError unless `value` is among `allowed`."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {list(allowed)}, got {value!r}")


def check_one_each(name, widths, kernel_sizes):
    """Raise ValueError unless there is one kernel for each of `widths`."""
    if len(widths) != len(kernel_sizes):
        raise ValueError(
            f"kernel_sizes must have one entry for each of {name}: {len(widths)} for "
            f"{name}={widths}, got {kernel_sizes}"
        )


def glorot_(layer):
    """Keras's default start: Glorot-uniform weights, zero bias."""
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def init_recurrent(rnn):
    """Keras's defaults for every layer of a recurrent net, with ONE bias vector per gate.

    Glorot-uniform input weights, orthogonal recurrent weights, zero biases with forget-gate bias 1.
    Torch's second bias vector is redundant: it is frozen at zero.
    """
    for weight_ih, weight_hh, bias_ih, bias_hh in rnn.all_weights:
        nn.init.xavier_uniform_(weight_ih)
        nn.init.orthogonal_(weight_hh)
        nn.init.zeros_(bias_ih)
        nn.init.zeros_(bias_hh).requires_grad_(False)
        if isinstance(rnn, nn.LSTM):
            nn.init.ones_(bias_ih[rnn.hidden_size : 2 * rnn.hidden_size].detach())
    return rnn
