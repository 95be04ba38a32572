"""Convolutions that keep the length, pooling, batch normalisation, squeeze-excite."""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from skts.layers.common import Linear, Pointwise, check_one_each, masked, padding_mask


class Window(NamedTuple):
    """The steps that a layer reads for each output: kernel width, stride, and padding at both ends.

    A layer that changes the time axis returns its window from a method ``time_window(n_steps)``.
    skts.explain calls this method, and knows the windows of torch's own layers.
    """

    width: int = 1
    stride: int = 1
    before: int = 0
    after: int = 0


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation with Keras's constants (eps 1e-3, running-average decay 0.99).

    With `relu`, an in-place rectifier follows.

    With `mask`, the statistics use only valid time points. A training batch with one series of one
    time point has no variance, so it is normalised with the running averages.

    Shape:
        x (B, C, T), mask (B, 1, T) -> (B, C, T)
    """

    # NOTE[DIFF]: Keras's running averages depend on their initial mean 0 and variance 1 for a few
    # hundred batches, longer than a short training. Here the averages cover the last tenth of the
    # batches so far, until this tenth reaches the 100 batches of the decay.
    lookback = 0.1

    def __init__(self, n_channels, *, relu=False):
        super().__init__(n_channels, eps=1e-3, momentum=0.01)
        self.relu = relu

    def extra_repr(self):
        return f"{super().extra_repr()}, relu={self.relu}"

    def forward(self, x, mask=None):
        if not self.training or x.shape[0] * x.shape[2] == 1:
            return self._normalized(x, self.running_mean, self.running_var)
        if mask is not None:
            out = self._masked(x.float(), mask)
            return F.relu(out) if self.relu else out
        if x.device.type == "cpu" and not torch.compiler.is_compiling():
            return self._normalized_and_remembered(x)
        # with momentum 1 the fused kernel leaves the batch's own statistics in its buffers
        mean, var = torch.zeros_like(self.running_mean), torch.zeros_like(self.running_var)
        out = self._normalized(x, mean, var, training=True, momentum=1.0)
        self._remember(mean, var)
        return out

    def _normalized_and_remembered(self, x):
        """Normalise on the CPU, where torch's kernel also updates the running averages.

        The kernel takes the momentum as a Python number. On CUDA, reading this number would wait
        for the device, and a CUDA graph would always use the same number.
        """
        n_seen = int(self.num_batches_tracked.numpy())
        share = max(self.momentum, 1 / (1 + self.lookback * n_seen))
        self.num_batches_tracked += 1
        return self._normalized(
            x, self.running_mean, self.running_var, training=True, momentum=share
        )

    def _normalized(self, x, mean, var, **options):
        image = x[:, :, None]  # (B, C, 1, T): torch keeps the memory layout only of images
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
    """Scale each channel with a gate, computed from the averages of all channels over time.

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
        # in single precision, rounding depends on the position of a series in its batch
        gate = torch.sigmoid(self.excite(squeezed).double()).to(x.dtype)
        return x * gate[:, :, None]


class SameConv(nn.Module):
    """A convolution whose output is as long as its input.

    It runs as a two-dimensional convolution of height 1 in torch's channels-last layout, which is
    faster than ``nn.Conv1d``. Weights and output have this layout.

    Shape:
        (B, C, T) -> (B, F, T)
    """

    def __init__(self, n_channels, n_filters, kernel_size, *, bias=True):
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(n_filters, kernel_size, n_channels))
        self.bias = nn.Parameter(torch.zeros(n_filters)) if bias else None
        # an even kernel needs one more zero on the right
        self.padding, self.extra_zero = (kernel_size - 1) // 2, (0, 1 - kernel_size % 2)

    def extra_repr(self):
        n_filters, kernel_size, n_channels = self.kernel.shape
        bias = "" if self.bias is not None else ", bias=False"
        return f"{n_channels}, {n_filters}, kernel_size={kernel_size}{bias}"

    def time_window(self, n_steps):
        kernel_size = self.kernel.shape[1]
        return Window(kernel_size, before=self.padding, after=self.padding + self.extra_zero[1])

    @property
    def weight(self):
        """Return the weight with the axes of ``nn.Conv1d``, (F, C, kernel)."""
        return self.kernel.transpose(1, 2)

    def forward(self, x):
        image = x[:, :, None]  # (B, C, 1, T)
        if any(self.extra_zero):
            image = F.pad(image, self.extra_zero)
        out = F.conv2d(image, self.weight[:, :, None], self.bias, padding=(0, self.padding))
        return out.squeeze(2)


class HalvingPool(nn.Module):
    """Max-pooling over two steps with stride 2; the last step of an odd number is ignored.

    Shape:
        (B, C, T) -> (B, C, T // 2), at least 1
    """

    def forward(self, x):
        # NOTE[DIFF]: a single time point is not pooled, because the output would be empty
        if x.shape[2] == 1:
            return x
        return F.max_pool2d(x[:, :, None], (1, 2))[:, :, 0]  # exports of max_pool1d fix the length

    def time_window(self, n_steps):
        return Window(2, stride=2) if n_steps > 1 else Window()


class ConvBlock(nn.Module):
    """Convolution of the same length -> batch normalisation -> ReLU -> `gate`, if any.

    With `residual`, the input is added, through a convolution of width 1 if the widths differ.

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
        out = masked(self.norm(self.conv(x), mask), mask)
        if self.gate is not None:
            out = self.gate(out, mask)
        if self.shortcut is not None:
            out = masked(out + self.shortcut(x), mask)
        return out


class ConvBranch(nn.Module):
    """A stack of :class:`ConvBlock`, then the average over time.

    `gates` are modules such as :class:`SqueezeExcite`, one for each of the first blocks.

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
        """Return the output of the last block before the average over time, (B, F, T)."""
        for block in self.blocks:
            x = block(x, mask)
        return x

    def forward(self, x, lengths=None):
        mask = padding_mask(lengths, x.shape[2])
        return self.pool(self.feature_maps(masked(x, mask), mask), mask)


class SamePool(nn.Module):
    """Max-pooling over three steps with stride 1: the output is as long as the input.

    Shape:
        x (B, C, T), mask (B, 1, T) -> (B, C, T), zero where the mask is False
    """

    def forward(self, x, mask=None):
        if mask is not None:
            x = x.masked_fill(~mask, -torch.inf)
        out = F.max_pool2d(x[:, :, None], (1, 3), stride=1, padding=(0, 1)).squeeze(2)
        return out if mask is None else out.masked_fill(~mask, 0.0)

    def time_window(self, n_steps):
        return Window(3, before=1, after=1)


class HybridFilters(nn.Module):
    """Fixed filters for increasing and decreasing trends and for peaks, then ReLU.

    The filters are those of Ismail-Fawaz et al. (2022), the same on every channel. They are
    constants of the architecture, which are not trained and not stored.

    Shape:
        (B, C, T) -> (B, 17, T)
    """

    def __init__(self):
        super().__init__()
        filters = _hybrid_filters()
        widest = max(map(len, filters))
        self.padding = (widest - 1) // 2
        kernel = torch.zeros(len(filters), widest)
        for row, values in zip(kernel, filters, strict=True):
            start = self.padding - (len(values) - 1) // 2
            row[start : start + len(values)] = values
        self.n_filters = len(filters)
        self.register_buffer("kernel", kernel, persistent=False)

    def time_window(self, n_steps):
        width = self.kernel.shape[1]
        return Window(width, before=self.padding, after=width - 1 - self.padding)

    def forward(self, x):
        image = x.sum(dim=1)[:, None, None]  # (B, 1, 1, T)
        image = F.pad(image, (self.padding, self.kernel.shape[1] - 1 - self.padding))
        return F.relu(F.conv2d(image, self.kernel[:, None, None])).squeeze(2)


def _hybrid_filters():
    """Return the filters of the paper, of different widths."""
    filters = []
    for first in (-1, 1):  # increasing trends, then decreasing ones
        for width in (2, 4, 8, 16, 32, 64):
            signs = torch.ones(width)
            signs[0 if first < 0 else 1 :: 2] = -1
            filters.append(signs)
    for width in (4, 8, 16, 32, 64):
        rise = (torch.arange(1, width // 4 + 1) / (width // 4)) ** 2
        fall = rise.flip(0)
        filters.append(torch.cat([-rise, -fall, 2 * rise, 2 * fall, -rise, -fall]))
    return filters


class SeparableConv(nn.Module):
    """One filter over time for each channel, then a linear layer over channels; no bias.

    The output is as long as the input.

    Shape:
        (B, C, T) -> (B, F, T)
    """

    def __init__(self, n_channels, n_filters, kernel_size, *, dilation=1):
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(n_channels, kernel_size))
        self.dilation = dilation
        # Keras's Glorot bound for depthwise kernels: fan in and fan out are both the kernel size
        bound = (6 / (2 * kernel_size)) ** 0.5
        nn.init.uniform_(self.kernel, -bound, bound)
        self.pointwise = Pointwise(n_channels, n_filters, bias=False)

    def extra_repr(self):
        n_channels, kernel_size = self.kernel.shape
        return f"{n_channels}, kernel_size={kernel_size}, dilation={self.dilation}"

    def time_window(self, n_steps):
        reach = self.dilation * (self.kernel.shape[1] - 1)
        return Window(reach + 1, before=reach // 2, after=reach - reach // 2)

    def forward(self, x):
        reach = self.dilation * (self.kernel.shape[1] - 1)
        image = F.pad(x[:, :, None], (reach // 2, reach - reach // 2))  # (B, C, 1, T + reach)
        if image.device.type == "cpu":
            image = image.float()
            with torch.autocast("cpu", enabled=False):
                convolve = DepthwiseOnCPU.apply if torch.is_grad_enabled() else depthwise
                out = convolve(image, self.kernel, self.dilation)
        else:
            out = depthwise(image, self.kernel, self.dilation)
        return self.pointwise(out.squeeze(2))


def depthwise(image, kernel, dilation):
    """Convolve each channel with its own filter; image (B, C, 1, T), kernel (C, k)."""
    return F.conv2d(image, kernel[:, None, None], groups=len(kernel), dilation=(1, dilation))


class DepthwiseOnCPU(torch.autograd.Function):
    """`depthwise` with a gradient that is several times as fast as torch's on the CPU.

    The gradient of the input is a depthwise convolution with reversed filters. The gradient of the
    filters is a product and a sum for each tap.
    """

    @staticmethod
    def forward(ctx, image, kernel, dilation):
        ctx.save_for_backward(image, kernel)
        ctx.dilation = dilation
        return depthwise(image, kernel, dilation)

    @staticmethod
    @once_differentiable
    def backward(ctx, *gradients):
        (gradient,), (image, kernel) = gradients, ctx.saved_tensors
        n_channels, n_taps = kernel.shape
        reach = ctx.dilation * (n_taps - 1)
        of_image = depthwise(F.pad(gradient, (reach, reach)), kernel.flip(1), ctx.dilation)
        series = image.squeeze(2).transpose(1, 2)  # (B, T + reach, C)
        gradient = gradient.squeeze(2).transpose(1, 2).contiguous()  # (B, T, C)
        of_kernel = kernel.new_empty(n_taps, n_channels)
        product, ones = torch.empty_like(gradient), gradient.new_ones(gradient[..., 0].numel())
        for tap, row in enumerate(of_kernel):
            start = tap * ctx.dilation
            torch.mul(gradient, series[:, start : start + gradient.shape[1]], out=product)
            torch.mv(product.view(-1, n_channels).t(), ones, out=row)
        return of_image, of_kernel.t(), None


class AverageOverTime(nn.Module):
    """The global average of feature maps over time; class activation maps are computed from it.

    Shape:
        x (B, F, T), mask (B, 1, T), zero where the mask is False -> (B, F)
    """

    def forward(self, x, mask=None):
        return mean_over_time(x, mask)


def mean_over_time(x, mask=None):
    """Average over the valid time points; `x` must be zero at the others, (B, C, T) -> (B, C)."""
    # not x.mean(dim=2): the layout of its gradient differs from x and slows the layers before
    n_valid = x.shape[2] if mask is None else mask.sum(dim=2)
    return (x.sum(dim=2).float() / n_valid).to(x.dtype)
