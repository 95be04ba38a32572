"""LSTM-FCN with squeeze-excite and residual blocks (Chun, Twan and Weale, 2024)."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skts.base import SeriesClassifier, SeriesRegressor
from skts.layers import BatchNorm, ConvBranch, Linear, SqueezeExcite, padding_mask, repr_of
from skts.models.lstmfcn import recurrent_branch
from skts.params import Params, integer, param, real, sequence_of


class SELSTMFCN(nn.Module):
    """The improved LSTM-FCN of the Columbia study.

    Every convolution block has squeeze-excite inside and a residual connection around it. A wide
    hidden layer joins the branches: Linear -> ReLU -> batch normalisation -> dropout.

    Shape:
        x (B, C, T), lengths (B,) or None -> (B, n_outputs)

    Parameters
    ----------
    n_channels, n_timepoints, n_outputs : int
    n_cells : int, default=8
        Hidden units of the LSTM.
    filters, kernel_sizes : tuple of int
        One entry for each convolution block.
    n_hidden : int, default=512
    lstm_dropout : float, default=0.2
        Dropout rate on the input of the LSTM, with the same features at every step, and on its
        last hidden state.
    dropout : float, default=0.5
        Dropout rate on the hidden layer.
    dimension_shuffle : bool, default=True
        Read the input as a sequence of C steps with T features each, instead of T steps with C.
    attention : {None, "multihead"}, default=None
    n_heads : int, default=4

    Examples
    --------
    >>> import torch
    >>> from skts.models import SELSTMFCN
    >>> SELSTMFCN(3, 24, 2)(torch.zeros(8, 3, 24)).shape
    torch.Size([8, 2])
    """

    def __init__(
        self,
        n_channels: int,
        n_timepoints: int,
        n_outputs: int,
        *,
        n_cells: int = 8,
        filters: Sequence[int] = (128, 256, 128),
        kernel_sizes: Sequence[int] = (8, 8, 8),
        n_hidden: int = 512,
        lstm_dropout: float = 0.2,
        dropout: float = 0.5,
        dimension_shuffle: bool = True,
        attention: Literal["multihead"] | None = None,
        n_heads: int = 4,
    ):
        super().__init__()
        self.dimension_shuffle = dimension_shuffle
        gates = [SqueezeExcite(f, bias=True) for f in filters]
        self.conv = ConvBranch(
            n_channels, filters=filters, kernel_sizes=kernel_sizes, gates=gates, residual=True
        )
        self.recurrent = recurrent_branch(
            n_timepoints if dimension_shuffle else n_channels,
            n_cells,
            attention=attention,
            n_heads=n_heads,
            over_channels=dimension_shuffle,
        )
        # NOTE[DIFF]: torch's fused LSTM cannot drop its state between steps, Keras's can
        self.input_dropout = nn.Dropout1d(lstm_dropout)
        self.state_dropout = nn.Dropout(lstm_dropout)
        n_features = self.recurrent.n_outputs + filters[-1]
        self.hidden = Linear(n_features, n_hidden)
        self.norm = BatchNorm(n_hidden)
        self.dropout = nn.Dropout(dropout)
        self.head = Linear(n_hidden, n_outputs)

    def extra_repr(self):
        return repr_of(self, "dimension_shuffle")

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if lengths is not None:
            x = x * padding_mask(lengths, x.shape[2])
        features = x.transpose(1, 2) if self.dimension_shuffle else x  # (B, D, S)
        sequence = self.input_dropout(features).transpose(1, 2)
        state = self.recurrent(sequence, None if self.dimension_shuffle else lengths)
        both = torch.cat([self.state_dropout(state), self.conv(x, lengths)], dim=1)
        hidden = F.relu(self.hidden(both))[:, :, None]  # (B, n_hidden, 1)
        return self.head(self.dropout(self.norm(hidden)[:, :, 0]))


class _SELSTMFCNParams(Params):
    paper = (
        "Chun, Twan, Weale (2024). The Columbia study: LSTM fully convolutional networks, "
        "replicated and improved."
    )
    _fast_in_bfloat16 = True

    n_cells: int = param(
        default=8, rule=integer(1), doc="Number of hidden units of the LSTM.", search=(8, 64, 128)
    )
    filters: Sequence[int] = param(
        default=(128, 256, 128),
        rule=sequence_of(integer(1)),
        doc="Number of filters of each convolution block.",
        search=((64, 128, 64), (128, 256, 128)),
    )
    kernel_sizes: Sequence[int] = param(
        default=(8, 8, 8),
        rule=sequence_of(integer(1)),
        doc="Kernel size of each convolution block, in time points; as many as `filters`.",
    )
    n_hidden: int = param(
        default=512, rule=integer(1), doc="Number of units of the layer that joins the branches."
    )
    lstm_dropout: float = param(
        default=0.2,
        rule=real(0, 1),
        doc="Dropout rate on the input of the LSTM, with the same features at every step, and on "
        "its last hidden state.",
    )
    dropout: float = param(
        default=0.5,
        rule=real(0, 1),
        doc="Dropout rate on the hidden layer of `n_hidden` units.",
        search=(0.2, 0.5, 0.8),
    )
    dimension_shuffle: bool = param(
        default=True,
        doc="The recurrent branch reads channels as steps and time points as features. False: it "
        "reads time points as steps.",
    )
    attention: Literal["multihead"] | None = param(
        default=None,
        doc="'multihead': self-attention over the LSTM's sequence, beside the LSTM. None: no "
        "attention.",
    )
    n_heads: int = param(
        default=4,
        rule=integer(1),
        doc="Number of heads. Only for ``attention='multihead'``; must divide `n_cells`.",
    )

    def _network(self, n_channels, n_timepoints, n_outputs):
        return SELSTMFCN(n_channels, n_timepoints, n_outputs, **self._architecture())

    def _accepted_lengths(self):
        return "padded" if self.dimension_shuffle else "any"


class SELSTMFCNClassifier(_SELSTMFCNParams, SeriesClassifier):
    """Improved LSTM-FCN classifier [1]_: squeeze-excite, residual blocks, a wide hidden layer."""


class SELSTMFCNRegressor(_SELSTMFCNParams, SeriesRegressor):
    """Improved LSTM-FCN regressor [1]_: squeeze-excite, residual blocks, a wide hidden layer."""
