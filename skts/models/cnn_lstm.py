"""CNN and LSTM with self-attention before or after them (Swartz, 2025)."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skts.base import SeriesClassifier, SeriesRegressor
from skts.layers import (
    AverageOverTime,
    HalvingPool,
    Linear,
    SameConv,
    SelfAttention,
    check_one_each,
    check_one_of,
    glorot_,
    in_float32,
    init_recurrent,
    masked,
    padding_mask,
    repr_of,
)
from skts.params import Params, integer, param, real, sequence_of

Attention = Literal["before", "after"]
Pooling = Literal["flatten", "average"]


class AttentionBlock(nn.Module):
    """Layer normalisation -> multi-head self-attention -> dropout, added to its input.

    Without `norm_first`, the normalisation comes after the attention, before the addition. Over a
    width of 1 (a univariate series), normalisation gives only its bias. Attention then carries no
    information about the series, and the block adds a constant (under dropout) and the sinusoids.

    Shape:
        x (B, W, T), mask (B, 1, T) -> (B, W, T), zero where the mask is False
    """

    def __init__(self, width, *, n_heads, head_size, dropout, positional_encoding, norm_first):
        super().__init__()
        self.positional_encoding = positional_encoding
        # NOTE[DIFF]: the study describes normalisation after the attention. Its output then
        # dominates the sum: with attention after the LSTM, the training loss stays at chance,
        # unlike in the study. Normalisation before the attention gives the study's figures.
        self.norm_first = norm_first
        self.attention = SelfAttention(
            width, width, n_heads=n_heads, head_size=head_size, dropout=dropout
        )
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def extra_repr(self):
        return repr_of(self, "positional_encoding", "norm_first")

    def forward(self, x, mask=None):
        x = x.transpose(1, 2)  # (B, T, W)
        if self.positional_encoding:
            x = x + sinusoids(x.shape[1], x.shape[2], device=x.device)
        if self.norm_first:
            x = x + self.dropout(self.attention(self.norm(x), mask))
        else:
            x = x + self.norm(self.dropout(self.attention(x, mask)))
        return masked(x.transpose(1, 2), mask)


class HiddenHead(nn.Module):
    """Flatten, or average over time -> Linear -> ReLU -> dropout -> Linear.

    Shape:
        x (B, W, T), mask (B, 1, T) -> (B, n_outputs)
    """

    def __init__(self, width, n_timepoints, n_hidden, n_outputs, *, pooling, dropout):
        super().__init__()
        check_one_of("pooling", pooling, get_args(Pooling))
        self.pooling = pooling
        self.pool = AverageOverTime() if pooling == "average" else None
        n_features = width * n_timepoints if pooling == "flatten" else width
        self.hidden = Linear(n_features, n_hidden)
        self.dropout = nn.Dropout(dropout)
        self.out = Linear(n_hidden, n_outputs)

    def extra_repr(self):
        return repr_of(self, "pooling")

    def forward(self, x, mask=None):
        flat = x.flatten(start_dim=1) if self.pool is None else self.pool(x, mask)
        return self.out(self.dropout(F.relu(self.hidden(flat))))


class CNN(nn.Module):
    """Convolutions with max-pooling, with self-attention on the series or on the feature maps.

    Shape:
        x (B, C, T), lengths (B,) or None (with pooling="average") -> (B, n_outputs)

    Parameters
    ----------
    n_channels, n_timepoints, n_outputs : int
    filters : tuple of int, default=(32, 32)
        One entry for each convolution.
    kernel_sizes : tuple of int or None, default=None
        None: the two sizes of the paper, which depend on the length of the series.
    n_hidden : int, default=32
    attention : {None, "before", "after"}, default=None
    positional_encoding : bool or None, default=None
        Add sinusoids before the attention. None: as in the paper, True.
    norm_first : bool, default=True
        Layer normalisation before the attention. False: after it.
    n_heads, head_size : int
    pooling : {"flatten", "average"}, default="flatten"
    dropout : float, default=0.25

    Examples
    --------
    >>> import torch
    >>> from skts.models import CNN
    >>> CNN(3, 24, 2)(torch.zeros(8, 3, 24)).shape
    torch.Size([8, 2])
    """

    def __init__(
        self,
        n_channels: int,
        n_timepoints: int,
        n_outputs: int,
        *,
        filters: Sequence[int] = (32, 32),
        kernel_sizes: Sequence[int] | None = None,
        n_hidden: int = 32,
        attention: Attention | None = None,
        positional_encoding: bool | None = None,
        norm_first: bool = True,
        n_heads: int = 4,
        head_size: int = 32,
        pooling: Pooling = "flatten",
        dropout: float = 0.25,
    ):
        super().__init__()
        check_one_of("attention", attention, (None, *get_args(Attention)))
        kernel_sizes = paper_kernels(n_timepoints) if kernel_sizes is None else kernel_sizes
        check_one_each("filters", filters, kernel_sizes)
        widths = [n_channels, *filters]
        self.convs = nn.ModuleList(
            glorot_(SameConv(*shape, kernel_size))
            for shape, kernel_size in zip(pairwise(widths), kernel_sizes, strict=True)
        )
        self.halve = HalvingPool()
        self.attention = attention
        if attention is not None:
            self.attend = AttentionBlock(
                n_channels if attention == "before" else widths[-1],
                n_heads=n_heads,
                head_size=head_size,
                dropout=dropout,
                positional_encoding=positional_encoding in (None, True),
                norm_first=norm_first,
            )
        for _ in filters:
            n_timepoints = max(1, n_timepoints // 2)
        self.head = HiddenHead(
            widths[-1], n_timepoints, n_hidden, n_outputs, pooling=pooling, dropout=dropout
        )

    def extra_repr(self):
        return repr_of(self, "attention")

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        mask = padding_mask(lengths, x.shape[2])
        x = masked(x, mask)
        if self.attention == "before":
            x = self.attend(x, mask)
        for conv in self.convs:
            x = F.relu(conv(x))
            x = masked(x, mask)
            x = self.halve(x)
            if lengths is not None:
                lengths = (lengths // 2).clamp(min=1)
                mask = padding_mask(lengths, x.shape[2])
                x = x * mask
        if self.attention == "after":
            x = self.attend(x, mask)
        return self.head(x, mask)


class LSTM(nn.Module):
    """A stack of LSTM layers, all hidden states kept, with self-attention before or after.

    Shape:
        x (B, C, T), lengths (B,) or None (with pooling="average") -> (B, n_outputs)

    Parameters
    ----------
    n_channels, n_timepoints, n_outputs : int
    n_cells : int, default=32
        Hidden units of each layer.
    n_layers : int, default=2
    n_hidden : int, default=32
    attention : {None, "before", "after"}, default=None
    positional_encoding : bool or None, default=None
        Add sinusoids before the attention. None: as in the paper, True only for "before".
    norm_first : bool, default=True
        Layer normalisation before the attention. False: after it.
    n_heads, head_size : int
    pooling : {"flatten", "average"}, default="flatten"
    dropout : float or None, default=None
        None: as in the paper, 0.25 with attention and 0 without.

    Examples
    --------
    >>> import torch
    >>> from skts.models import LSTM
    >>> LSTM(3, 24, 2)(torch.zeros(8, 3, 24)).shape
    torch.Size([8, 2])
    """

    def __init__(
        self,
        n_channels: int,
        n_timepoints: int,
        n_outputs: int,
        *,
        n_cells: int = 32,
        n_layers: int = 2,
        n_hidden: int = 32,
        attention: Attention | None = None,
        positional_encoding: bool | None = None,
        norm_first: bool = True,
        n_heads: int = 4,
        head_size: int = 32,
        pooling: Pooling = "flatten",
        dropout: float | None = None,
    ):
        super().__init__()
        check_one_of("attention", attention, (None, *get_args(Attention)))
        if dropout is None:
            dropout = 0.0 if attention is None else 0.25
        if positional_encoding is None:
            positional_encoding = attention == "before"
        self.attention = attention
        self.rnn = init_recurrent(
            nn.LSTM(n_channels, n_cells, num_layers=n_layers, batch_first=True)
        )
        if attention is not None:
            self.attend = AttentionBlock(
                n_channels if attention == "before" else n_cells,
                n_heads=n_heads,
                head_size=head_size,
                dropout=dropout,
                positional_encoding=positional_encoding,
                norm_first=norm_first,
            )
        self.head = HiddenHead(
            n_cells, n_timepoints, n_hidden, n_outputs, pooling=pooling, dropout=dropout
        )

    def extra_repr(self):
        return repr_of(self, "attention")

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        mask = padding_mask(lengths, x.shape[2])
        x = masked(x, mask)
        if self.attention == "before":
            x = self.attend(x, mask)
        states, _ = in_float32(self.rnn, x.transpose(1, 2))  # (B, T, C) -> (B, T, n_cells)
        x = states.transpose(1, 2)
        x = masked(x, mask)
        if self.attention == "after":
            x = self.attend(x, mask)
        return self.head(x, mask)


def paper_kernels(n_timepoints):
    """Return the kernel sizes of the paper's two convolutions for this length."""
    return (max(3, min(n_timepoints // 5, 50)), max(3, min(n_timepoints // 10, 20)))


def sinusoids(n_timepoints, width, *, device=None):
    """Return the sinusoidal encoding (T, W), with sines in even and cosines in odd columns."""
    even = torch.arange(0, width, 2, device=device)
    position = torch.arange(n_timepoints, device=device)[:, None]
    angle = position * torch.exp(even * (-math.log(10_000.0) / width))  # (T, ceil(W / 2))
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(start_dim=1)[:, :width]


class _AttentionParams(Params):
    """Options shared by CNN and LSTM."""

    paper = (
        "Swartz (2025). Convolutional and recurrent networks with self-attention before or after "
        "them, for time series classification."
    )

    n_hidden: int = param(
        default=32, rule=integer(1), doc="Number of units of the layer before the output layer."
    )
    attention: Attention | None = param(
        default=None,
        doc="Multi-head self-attention 'before' the network, on the series, or 'after' it, on its"
        " feature maps or hidden states. None: no attention.",
        search=(None, "before", "after"),
    )
    norm_first: bool = param(
        default=True,
        doc="With attention: layer normalisation before the attention. False: after it.",
    )
    n_heads: int = param(default=4, rule=integer(1), doc="With attention: number of heads.")
    head_size: int = param(default=32, rule=integer(1), doc="With attention: width of each head.")
    pooling: Pooling = param(
        default="flatten",
        doc="'flatten' needs series of one length. 'average' over time accepts any length.",
    )

    def _check_options(self):
        super()._check_options()
        if self.attention is None and self.positional_encoding is not None:
            raise ValueError(
                f"positional_encoding must be None without attention, got "
                f"{self.positional_encoding!r}. Set attention='before' or 'after'."
            )

    def _accepted_lengths(self):
        return "equal" if self.pooling == "flatten" else "any"


class _CNNParams(_AttentionParams):
    filters: Sequence[int] = param(
        default=(32, 32),
        rule=sequence_of(integer(1)),
        doc="Number of filters of each convolution. Max-pooling of 2 follows each.",
        search=((16, 16), (32, 32), (64, 64)),
    )
    kernel_sizes: Sequence[int] | None = param(
        default=None,
        rule=sequence_of(integer(1)),
        doc="Kernel size of each convolution, in time points; as many as `filters`. None: a fifth "
        "of the length of the series (3 to 50) and a tenth (3 to 20), as in the paper.",
    )
    positional_encoding: bool | None = param(
        default=None,
        doc="Add sinusoids before the attention. None: as in the paper, which adds them.",
    )
    dropout: float = param(
        default=0.25,
        rule=real(0, 1),
        doc="Dropout rate before the output layer and in the attention.",
        search=(0.0, 0.25, 0.5),
    )

    def _network(self, n_channels, n_timepoints, n_outputs):
        return CNN(n_channels, n_timepoints, n_outputs, **self._architecture())


class _LSTMParams(_AttentionParams):
    n_cells: int = param(
        default=32,
        rule=integer(1),
        doc="Number of hidden units of each LSTM layer.",
        search=(16, 32, 64),
    )
    n_layers: int = param(
        default=2, rule=integer(1, 1000), doc="Number of LSTM layers.", search=(1, 2, 3)
    )
    positional_encoding: bool | None = param(
        default=None,
        doc="Add sinusoids before the attention. None: as in the paper, which adds them only for "
        "'before'.",
    )
    dropout: float | None = param(
        default=None,
        rule=real(0, 1),
        doc="Dropout rate before the output layer and in the attention. None: as in the paper, "
        "0.25 with attention and 0 without.",
        search=(None, 0.0, 0.5),
    )

    def _network(self, n_channels, n_timepoints, n_outputs):
        return LSTM(n_channels, n_timepoints, n_outputs, **self._architecture())


class CNNClassifier(_CNNParams, SeriesClassifier):
    """CNN classifier [1]_, optionally with self-attention before or after the convolutions."""


class CNNRegressor(_CNNParams, SeriesRegressor):
    """CNN regressor [1]_, optionally with self-attention before or after the convolutions."""


class LSTMClassifier(_LSTMParams, SeriesClassifier):
    """LSTM classifier [1]_, optionally with self-attention before or after the LSTM layers."""


class LSTMRegressor(_LSTMParams, SeriesRegressor):
    """LSTM regressor [1]_, optionally with self-attention before or after the LSTM layers."""
