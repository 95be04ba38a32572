"""LSTM-FCN and ALSTM-FCN (Karim, Majumdar, Darabi and Chen, 2018), with their ablations."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from skts.base import SeriesClassifier, SeriesRegressor
from skts.layers import (
    ConvBranch,
    Linear,
    SelfAttention,
    SqueezeExcite,
    check_one_of,
    in_float32,
    init_recurrent,
    last_step,
    masked_weights,
    mean_over_time,
    padding_mask,
    repr_of,
)
from skts.models.fcn import _FCNParams
from skts.params import integer, param, real

Cell = Literal["lstm", "gru", "rnn", "dense"]


class LSTMFCN(nn.Module):
    """Convolution branch and recurrent branch on the same input, one linear layer on both.

    The networks of the papers are options of this class: ``attention="additive"`` is ALSTM-FCN,
    `squeeze_excite` is MLSTM-FCN, and both are MALSTM-FCN. The replication in the Columbia study
    has kernels of size 8, `residual` and, for attention, ``"multihead"``.

    Shape:
        x (B, C, T), lengths (B,) or None -> (B, n_outputs)

    Parameters
    ----------
    n_channels, n_timepoints, n_outputs : int
    n_cells : int, default=8
        Number of hidden units of the recurrent branch.
    filters, kernel_sizes : tuple of int
        One entry for each convolution block.
    dropout : float, default=0.8
        Dropout rate on the last hidden state of the recurrent branch.
    cell : {"lstm", "gru", "rnn", "dense"}, default="lstm"
        "dense" is a sigmoid layer on the flattened input, without attention.
    dimension_shuffle : bool, default=True
        Read the input as a sequence of C steps with T features each, instead of T steps with C.
    attention : {None, "additive", "multihead"}, default=None
    n_heads : int, default=4
        Number of heads of multi-head attention. They share `n_cells`.
    squeeze_excite : bool, default=False
        Squeeze-excite after every convolution block except the last.
    residual : bool, default=False
        Add the input of each convolution block to its output.

    Examples
    --------
    >>> import torch
    >>> from skts.models import LSTMFCN
    >>> LSTMFCN(3, 24, 2)(torch.zeros(8, 3, 24)).shape
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
        kernel_sizes: Sequence[int] = (8, 5, 3),
        dropout: float = 0.8,
        cell: Cell = "lstm",
        dimension_shuffle: bool = True,
        attention: Literal["additive", "multihead"] | None = None,
        n_heads: int = 4,
        squeeze_excite: bool = False,
        residual: bool = False,
    ):
        super().__init__()
        cells = ("lstm", "gru", "rnn") if attention else ("lstm", "gru", "rnn", "dense")
        if cell not in cells:
            raise ValueError(
                f"cell must be one of {cells} with attention={attention!r}, got {cell!r}"
            )
        self.dimension_shuffle = dimension_shuffle
        gates = [SqueezeExcite(f) for f in filters[:-1]] if squeeze_excite else []
        self.conv = ConvBranch(
            n_channels, filters=filters, kernel_sizes=kernel_sizes, gates=gates, residual=residual
        )
        if cell == "dense":
            self.recurrent = DenseCells(n_channels * n_timepoints, n_cells)
        else:
            self.recurrent = recurrent_branch(
                n_timepoints if dimension_shuffle else n_channels,
                n_cells,
                cell=cell,
                attention=attention,
                n_heads=n_heads,
                over_channels=dimension_shuffle,
            )
        self.dropout = nn.Dropout(dropout)
        self.head = Linear(self.recurrent.n_outputs + filters[-1], n_outputs)

    def extra_repr(self):
        return repr_of(self, "dimension_shuffle")

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if lengths is not None:
            x = x * padding_mask(lengths, x.shape[2])
        if self.dimension_shuffle:
            # the sequence runs over channels, so a padded time point is a feature with value 0
            state = self.recurrent(x)
        else:
            state = self.recurrent(x.transpose(1, 2), lengths)  # (B, T, C) -> (B, n_cells)
        return self.head(torch.cat([self.dropout(state), self.conv(x, lengths)], dim=1))


def recurrent_branch(
    n_features, n_cells, *, cell="lstm", attention=None, n_heads=4, over_channels=False
):
    """Return a recurrent branch, which maps a sequence to ``n_outputs`` numbers."""
    check_one_of("attention", attention, (None, "additive", "multihead"))
    if attention is None:
        return RecurrentCells(n_features, n_cells, cell)
    if attention == "additive":
        return AttentionCells(n_features, n_cells, cell, over_channels=over_channels)
    return MultiheadCells(n_features, n_cells, cell, n_heads, over_channels=over_channels)


class DenseCells(nn.Module):
    """Dense-FCN's substitute for recurrence: a sigmoid layer on the flattened input.

    Shape:
        x (B, S, D) -> (B, n_cells)
    """

    def __init__(self, n_inputs, n_cells):
        super().__init__()
        self.n_outputs = n_cells
        self.linear = Linear(n_inputs, n_cells)

    def forward(self, x, lengths=None):
        return torch.sigmoid(self.linear(x.flatten(start_dim=1)))


class RecurrentCells(nn.Module):
    """The last hidden state of a recurrent layer over the valid steps of a sequence.

    Shape:
        x (B, S, D), lengths (B,) or None -> (B, n_cells)
    """

    def __init__(self, n_features, n_cells, cell):
        super().__init__()
        # NOTE[DIFF]: torch's fused GRU applies the reset gate after the recurrent product, Keras of
        # 2017 before it. The LSTM has sigmoid gates, the code of 2017 hard sigmoid gates.
        layer = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[cell]
        self.rnn = init_recurrent(layer(n_features, n_cells, batch_first=True))
        self.n_outputs = n_cells

    def forward(self, x, lengths=None):
        states, _ = in_float32(self.rnn, x)  # (B, S, n_cells)
        return last_step(states, lengths)


class MultiheadCells(RecurrentCells):
    """The last hidden state, and the average of multi-head self-attention over the sequence.

    The Columbia study has this attention (Chun, Twan, Weale).

    Shape:
        x (B, S, D), lengths (B,) or None -> (B, 2 n_cells)
    """

    def __init__(self, n_features, n_cells, cell, n_heads, *, over_channels=False):
        if n_cells % n_heads:
            raise ValueError(
                f"n_cells must be a multiple of n_heads, got n_cells={n_cells}, n_heads={n_heads}"
            )
        super().__init__(n_features, n_cells, cell)
        self.attention = SelfAttention(
            n_features,
            n_cells,
            n_heads=n_heads,
            head_size=n_cells // n_heads,
            over_channels=over_channels,
        )
        # NOTE[DIFF]: the study does not state how to combine context and state: concatenated here
        self.n_outputs = 2 * n_cells

    def forward(self, x, lengths=None):
        mask = padding_mask(lengths, x.shape[1])  # (B, 1, S)
        attended = self.attention(x, mask).transpose(1, 2)  # (B, n_cells, S)
        attended = attended if mask is None else attended * mask
        context = mean_over_time(attended, mask)
        return torch.cat([super().forward(x, lengths), context], dim=1)


class AttentionCells(nn.Module):
    """A recurrent layer with additive attention over its own input sequence.

    At each step the previous state scores all inputs. Their weighted sum z and the current input
    enter the gates: ``e_j = v . tanh(W_a x_j + U_a h + b_a)``, ``z = sum_j softmax(e)_j x_j``.
    With `over_channels`, the steps are the channels of the series, not its time points.

    Shape:
        x (B, S, D), lengths (B,) or None -> (B, n_cells)
    """

    def __init__(self, n_features, n_cells, cell, *, over_channels=False):
        super().__init__()
        self.cell, self.over_channels = cell, over_channels
        n_gates, self.step = {"lstm": (4, lstm_step), "gru": (3, gru_step), "rnn": (1, rnn_step)}[
            cell
        ]
        self.n_cells = self.n_outputs = n_cells
        self.input = Linear(n_features, n_gates * n_cells)  # W, b
        self.context = Linear(n_features, n_gates * n_cells, bias=False)  # A
        self.recurrent = Linear(n_cells, n_gates * n_cells, bias=False)  # U
        self.key = Linear(n_features, n_cells)  # W_a, b_a
        self.query = Linear(n_cells, n_cells, bias=False)  # U_a
        self.score = Linear(n_cells, 1, bias=False)  # v
        nn.init.orthogonal_(self.recurrent.weight)
        nn.init.orthogonal_(self.query.weight)
        if cell == "lstm":
            nn.init.ones_(self.input.bias[n_cells : 2 * n_cells].detach())

    def extra_repr(self):
        return repr_of(self, "n_cells", "cell", "over_channels")

    def forward(self, x, lengths=None):
        for _, h in self._steps(x, lengths):
            state = h
        return state

    def weights(self, x, lengths=None):
        """Return the attention weights of each step on the inputs, (B, 1, S, S).

        Rows beyond the end of a series are NaN.
        """
        weights = torch.stack([weights for weights, _ in self._steps(x, lengths)], dim=2)
        if lengths is None:
            return weights
        return masked_weights(weights, padding_mask(lengths, x.shape[1]))

    def values(self, x, lengths=None):
        """Return the inputs, which the weights average, (B, 1, S, D)."""
        return x[:, None]

    def _steps(self, x, lengths):
        """Yield the attention weights (B, 1, S) and the state (B, n_cells) of each step."""
        mask = padding_mask(lengths, x.shape[1])  # (B, 1, S)
        # computed for all steps at once, because they do not depend on the state
        keys, inputs, contexts = self.key(x), self.input(x), self.context(x)  # (B, S, .)
        h = c = keys.new_zeros(x.shape[0], self.n_cells)
        for s in range(x.shape[1]):
            weights = self._attend(keys, h, mask)  # (B, 1, S)
            gates = inputs[:, s] + (weights @ contexts)[:, 0]  # A z: the sum commutes with A
            h_next, c_next = self.step(gates, self.recurrent(h), h, c)
            if mask is not None:
                h_next, c_next = (
                    torch.where(mask[:, :, s], new, old) for new, old in [(h_next, h), (c_next, c)]
                )
            h, c = h_next, c_next
            yield weights, h

    def _attend(self, keys, h, mask):
        scores = self.score(torch.tanh(keys + self.query(h)[:, None])).transpose(1, 2)
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        return scores.softmax(dim=-1).to(keys.dtype)


def lstm_step(gates, recurrent, h, c):
    i, f, g, o = (gates + recurrent).chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def gru_step(gates, recurrent, h, c):
    (r, z, g), (r_h, z_h, g_h) = gates.chunk(3, dim=1), recurrent.chunk(3, dim=1)
    update = torch.sigmoid(z + z_h)
    h = (1 - update) * torch.tanh(g + torch.sigmoid(r + r_h) * g_h) + update * h
    return h, c


def rnn_step(gates, recurrent, h, c):
    return torch.tanh(gates + recurrent), c


class _LSTMFCNParams(_FCNParams):
    paper = (
        "F. Karim, S. Majumdar, H. Darabi, S. Chen (2018). LSTM fully convolutional networks for "
        "time series classification. IEEE Access 6, 1662-1669."
    )
    _squeeze_excite = False

    n_cells: int = param(
        default=8,
        rule=integer(1),
        doc="Number of hidden units of the recurrent branch.",
        search=(8, 64, 128),
    )
    dropout: float = param(
        default=0.8,
        rule=real(0, 1),
        doc="Dropout rate on the last hidden state.",
        search=(0.2, 0.5, 0.8),
    )
    cell: Cell = param(
        default="lstm",
        doc="Layer of the recurrent branch. 'dense' is a sigmoid layer on the whole series.",
    )
    dimension_shuffle: bool = param(
        default=True,
        doc="The recurrent branch reads channels as steps and time points as features. False: it "
        "reads time points as steps.",
    )
    residual: bool = param(
        default=False,
        doc="Add the input of each convolution block to its output, through a convolution of "
        "width 1 if the numbers of channels differ.",
    )

    def _network(self, n_channels, n_timepoints, n_outputs):
        return LSTMFCN(
            n_channels,
            n_timepoints,
            n_outputs,
            squeeze_excite=self._squeeze_excite,
            **self._architecture(),
        )

    def _accepted_lengths(self):
        return "any" if not self.dimension_shuffle and self.cell != "dense" else "padded"


class _ALSTMFCNParams(_LSTMFCNParams):
    cell: Literal["lstm", "gru", "rnn"] = param(
        default="lstm",
        doc="Layer of the recurrent branch.",
    )
    attention: Literal["additive", "multihead"] = param(
        default="additive",
        doc="'additive': attention inside the recurrence, as in the paper. 'multihead': "
        "self-attention over the same sequence beside the recurrence, as in the Columbia "
        "study.",
    )
    n_heads: int = param(
        default=4,
        rule=integer(1),
        doc="Number of heads. Only for ``attention='multihead'``; must divide `n_cells`.",
    )


class LSTMFCNClassifier(_LSTMFCNParams, SeriesClassifier):
    """LSTM-FCN classifier [1]_: convolutions and a recurrent branch, side by side."""


class LSTMFCNRegressor(_LSTMFCNParams, SeriesRegressor):
    """LSTM-FCN regressor [1]_: convolutions and a recurrent branch, side by side."""


class ALSTMFCNClassifier(_ALSTMFCNParams, SeriesClassifier):
    """ALSTM-FCN classifier [1]_: LSTM-FCN with attention in the recurrent branch."""


class ALSTMFCNRegressor(_ALSTMFCNParams, SeriesRegressor):
    """ALSTM-FCN regressor [1]_: LSTM-FCN with attention in the recurrent branch."""
