"""Convolutions, then an LSTM (tutorial article, 2024)."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from skts.base import SeriesClassifier, SeriesRegressor
from skts.layers import (
    Linear,
    check_one_each,
    glorot_,
    in_float32,
    init_recurrent,
    last_step,
    padding_mask,
)
from skts.params import Params, integer, param, real, sequence_of


class ConvLSTM(nn.Module):
    """Convolutions without padding, an LSTM on their output, a linear layer on its last state.

    Shape:
        x (B, C, T), lengths (B,) or None -> (B, n_outputs); T and all lengths must be at least
        `min_timepoints`

    Parameters
    ----------
    n_channels, n_timepoints, n_outputs : int
    conv_channels, kernel_sizes : tuple of int
        One entry for each convolution.
    n_cells : int, default=64
    dropout : float, default=0.0
        Dropout rate after each convolution and on the last state of the LSTM.

    Examples
    --------
    >>> import torch
    >>> from skts.models import ConvLSTM
    >>> ConvLSTM(3, 24, 2)(torch.zeros(8, 3, 24)).shape
    torch.Size([8, 2])
    """

    def __init__(
        self,
        n_channels: int,
        n_timepoints: int,
        n_outputs: int,
        *,
        conv_channels: Sequence[int] = (32,),
        kernel_sizes: Sequence[int] = (3,),
        n_cells: int = 64,
        dropout: float = 0.0,
    ):
        super().__init__()
        check_one_each("conv_channels", conv_channels, kernel_sizes)
        self.convs = nn.ModuleList()
        for width, kernel_size in zip(
            conv_channels, fitting_kernels(kernel_sizes, n_timepoints), strict=True
        ):
            self.convs.append(glorot_(nn.Conv1d(n_channels, width, kernel_size)))
            n_channels = width
        self.dropout = nn.Dropout(dropout)
        self.rnn = init_recurrent(nn.LSTM(n_channels, n_cells, batch_first=True))
        self.head = Linear(n_cells, n_outputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        n_timepoints = x.shape[2]
        if lengths is not None:
            x = x * padding_mask(lengths, n_timepoints)
        for conv in self.convs:
            x = self.dropout(F.relu(conv(x)))
        if lengths is not None:
            lengths = lengths - (n_timepoints - x.shape[2])
        states, _ = in_float32(
            self.rnn, x.transpose(1, 2)
        )  # (B, T', conv channels) -> (B, T', n_cells)
        return self.head(self.dropout(last_step(states, lengths)))


def fitting_kernels(kernel_sizes, n_timepoints):
    """Return the kernel sizes, cut to the available time points.

    NOTE[DIFF]: the article has no series shorter than its kernels.
    """
    fitting = []
    for kernel_size in kernel_sizes:
        fitting.append(min(kernel_size, n_timepoints))
        n_timepoints -= fitting[-1] - 1
    return fitting


def min_timepoints(kernel_sizes):
    """Return the length of the shortest series for which these convolutions have an output."""
    return 1 + sum(kernel_size - 1 for kernel_size in kernel_sizes)


class _ConvLSTMParams(Params):
    paper = (
        "Conv1D-LSTM, after a tutorial article (2024): a stack of one-dimensional convolutions "
        "whose output an LSTM reads."
    )

    conv_channels: Sequence[int] = param(
        default=(32,),
        rule=sequence_of(integer(1)),
        doc="Number of output channels of each convolution.",
        search=((16,), (32,), (64,)),
    )
    kernel_sizes: Sequence[int] = param(
        default=(3,),
        rule=sequence_of(integer(1)),
        doc="Kernel size of each convolution, in time points; as many as `conv_channels`. Kernels"
        " are cut if the longest training series has fewer time points.",
    )
    n_cells: int = param(
        default=64, rule=integer(1), doc="Number of hidden units of the LSTM.", search=(32, 64, 128)
    )
    dropout: float = param(
        default=0.0,
        rule=real(0, 1),
        doc="Dropout rate after each convolution and on the last state of the LSTM. The third "
        "variant in the article uses 0.5.",
        search=(0.0, 0.2, 0.5),
    )

    def _network(self, n_channels, n_timepoints, n_outputs):
        return ConvLSTM(n_channels, n_timepoints, n_outputs, **self._architecture())

    def _min_timepoints(self, n_timepoints):
        return min_timepoints(fitting_kernels(self.kernel_sizes, n_timepoints))


class ConvLSTMClassifier(_ConvLSTMParams, SeriesClassifier):
    """Conv1D-LSTM classifier [1]_: an LSTM on the output of convolutions."""


class ConvLSTMRegressor(_ConvLSTMParams, SeriesRegressor):
    """Conv1D-LSTM regressor [1]_: an LSTM on the output of convolutions."""
