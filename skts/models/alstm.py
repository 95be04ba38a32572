"""LSTM, ALSTM and their combinations for sequences (van Diepen)."""

from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skts.base import SeriesClassifier, SeriesRegressor
from skts.layers import (
    Linear,
    check_one_of,
    dot_product_weights,
    in_float32,
    init_recurrent,
    last_step,
    repr_of,
    split_heads,
)
from skts.params import Params, integer, param

Combination = Literal["parallel", "lstm_alstm", "alstm_lstm"]
COMBINATIONS = get_args(Combination)


class Past:
    """Keys and values of the steps so far, (B, heads, T, n_cells), in buffers with room to grow.

    A Past is immutable. `extended` returns a new one, in the same buffers if they have room, so
    that a step need not copy the whole past. It is safe to call in several threads.
    """

    def __init__(self, buffers, n_steps, free):
        self.buffers = buffers
        self.n_steps = n_steps
        self.free = free  # [steps written], shared by all Pasts of the buffers; [] during a write

    @classmethod
    def of(cls, new):
        n_steps = new[0].shape[2]
        return cls(new, n_steps, [n_steps])

    def extended(self, new):
        """Return a Past with the keys and values of later steps added."""
        if torch.is_grad_enabled():  # autograd does not allow writes into the buffers
            return Past.of([torch.cat(both, dim=2) for both in zip(self.parts(), new, strict=True)])
        n_steps, buffers, free = self.n_steps + new[0].shape[2], self.buffers, self.free
        if n_steps > buffers[0].shape[2] or not self._takes_room():
            buffers, free = [F.pad(part, (0, 0, 0, n_steps)) for part in self.parts()], []
        for buffer, part in zip(buffers, new, strict=True):
            buffer[:, :, self.n_steps : n_steps] = part
        free.append(n_steps)
        return Past(buffers, n_steps, free)

    def _takes_room(self):
        """Take the free room after the last step; return whether it was free."""
        try:
            self.free.remove(self.n_steps)  # only one thread succeeds
        except ValueError:
            return False
        return True

    def parts(self):
        return [buffer[:, :, : self.n_steps] for buffer in self.buffers]


class CausalAttention(nn.Module):
    """One ALSTM layer: ``H = sum_k softmax(X Q_k K_k X^T / sqrt(d)) tanh(X Theta_k)`` over heads k.

    Each step attends only to itself and to earlier steps. The state holds the keys and values that
    later steps need, so a sequence can be passed in parts, down to single steps.

    Shape:
        x (B, T, D), state or None -> (B, T, n_cells), state
    """

    over_channels = False  # as in SelfAttention

    def __init__(self, n_features, n_cells, *, n_heads):
        super().__init__()
        # NOTE[DIFF]: the source omits the activation and d; here tanh, as in an LSTM, and n_cells
        self.n_heads = n_heads
        width = n_heads * n_cells
        self.query = Linear(n_features, width, bias=False)
        self.key = Linear(n_features, width, bias=False)
        self.value = Linear(n_features, width, bias=False)

    def extra_repr(self):
        return repr_of(self, "n_heads")

    def _heads(self, x):
        return split_heads(x, self.n_heads)  # (B, heads, T, n_cells)

    def weights(self, x, state=None):
        """Return the attention weights of each step on the past, (B, heads, T, T)."""
        causal = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril()
        return dot_product_weights(self._heads(self.query(x)), self._heads(self.key(x)), causal)

    def values(self, x, state=None):
        """Return the values that the weights average, (B, heads, T, n_cells)."""
        return self._heads(torch.tanh(self.value(x)))

    def forward(self, x, state=None):
        query, key = self._heads(self.query(x)), self._heads(self.key(x))
        value = self.values(x)
        n_new, mask, past = x.shape[1], None, Past.of([key, value])
        if state is not None:
            past = state.extended([key, value])
            key, value = past.parts()
            n_past = past.n_steps - n_new
            if n_new > 1:  # a single step attends to all earlier steps
                mask = torch.ones(n_new, n_past + n_new, dtype=torch.bool, device=x.device)
                mask = mask.tril(diagonal=n_past)
        out = F.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=state is None
        )
        return out.sum(dim=1), past


class LSTMLayers(nn.LSTM):
    """Stacked LSTM layers.

    Shape:
        x (B, T, D), state or None -> (B, T, n_cells), state
    """

    def __init__(self, n_features, n_cells, *, n_layers):
        super().__init__(n_features, n_cells, num_layers=n_layers, batch_first=True)
        self.n_outputs = n_cells
        init_recurrent(self)

    def forward(self, x, state=None):
        return in_float32(super().forward, x, state)


class ALSTMLayers(nn.Module):
    """Stacked ALSTM layers.

    Shape:
        x (B, T, D), state or None -> (B, T, n_cells), state
    """

    def __init__(self, n_features, n_cells, *, n_heads, n_layers):
        super().__init__()
        self.n_outputs = n_cells
        widths = [n_features, *[n_cells] * (n_layers - 1)]
        self.layers = nn.ModuleList(CausalAttention(w, n_cells, n_heads=n_heads) for w in widths)

    def forward(self, x, state=None):
        states = []
        for layer, past in zip(self.layers, state or [None] * len(self.layers), strict=True):
            x, now = layer(x, past)
            states.append(now)
        return x, states


class CombinedLayers(nn.Module):
    """LSTM and ALSTM layers in parallel, or in sequence with the input passed to both.

    Shape:
        x (B, T, D), state or None -> (B, T, n_cells or twice that in parallel), state
    """

    def __init__(self, n_features, n_cells, *, combination, n_heads, n_layers):
        super().__init__()
        check_one_of("combination", combination, COMBINATIONS)
        self.combination = combination
        parallel = combination == "parallel"
        self.n_outputs = 2 * n_cells if parallel else n_cells
        n_second = n_features if parallel else n_features + n_cells
        alstm_first = combination == "alstm_lstm"
        n_lstm, n_alstm = (n_second, n_features) if alstm_first else (n_features, n_second)
        lstm = LSTMLayers(n_lstm, n_cells, n_layers=n_layers)
        alstm = ALSTMLayers(n_alstm, n_cells, n_heads=n_heads, n_layers=n_layers)
        self.first, self.second = (alstm, lstm) if alstm_first else (lstm, alstm)

    def extra_repr(self):
        return repr_of(self, "combination")

    def forward(self, x, state=None):
        parallel = self.combination == "parallel"
        past_first, past_second = (None, None) if state is None else state
        first, now_first = self.first(x, past_first)
        fed = x if parallel else torch.cat([x, first], dim=2)
        second, now_second = self.second(fed, past_second)
        out = torch.cat([first, second], dim=2) if parallel else second
        return out, (now_first, now_second)


class SequenceNetwork(nn.Module):
    """Abstract base: layers over a sequence and a linear layer at every step.

    The output at a step does not depend on later steps. A sequence can be passed in parts, down to
    single steps: pass the state of one call to the next, so that nothing is computed twice.

    Shape:
        x (B, C, T), state=None -> (B, n_outputs, T), state
    """

    def __init__(self, layers, n_outputs):
        super().__init__()
        self.layers = layers
        self.head = Linear(layers.n_outputs, n_outputs)

    def forward(self, x: Tensor, *, state: Any = None) -> tuple[Tensor, Any]:
        hidden, state = self.layers(x.transpose(1, 2), state)  # (B, T, hidden)
        return self.head(hidden).transpose(1, 2), state


class SequenceLSTM(SequenceNetwork):
    """LSTM layers, linear layer.

    Shape:
        x (B, C, T), state=None -> (B, n_outputs, T), state

    Parameters
    ----------
    n_channels, n_outputs : int
    n_cells : int, default=32
        Number of units of every layer.
    n_layers : int, default=2

    Examples
    --------
    >>> import torch
    >>> from skts.models import SequenceLSTM
    >>> network = SequenceLSTM(3, 1)
    >>> outputs, state = network(torch.zeros(2, 3, 24))
    >>> outputs.shape
    torch.Size([2, 1, 24])
    >>> outputs, state = network(torch.zeros(2, 3, 1), state=state)  # the next step
    """

    def __init__(self, n_channels: int, n_outputs: int, *, n_cells: int = 32, n_layers: int = 2):
        super().__init__(LSTMLayers(n_channels, n_cells, n_layers=n_layers), n_outputs)


class ALSTM(SequenceNetwork):
    """ALSTM layers ("attention long short-term memory": causal attention), linear layer.

    Shape:
        x (B, C, T), state=None -> (B, n_outputs, T), state

    Parameters
    ----------
    n_channels, n_outputs : int
    n_cells : int, default=32
        Number of units of every layer.
    n_heads : int, default=4
        Number of heads of each layer. Their outputs are summed.
    n_layers : int, default=2

    Examples
    --------
    >>> import torch
    >>> from skts.models import ALSTM
    >>> network = ALSTM(3, 1)
    >>> outputs, state = network(torch.zeros(2, 3, 24))
    >>> outputs.shape
    torch.Size([2, 1, 24])
    >>> outputs, state = network(torch.zeros(2, 3, 1), state=state)  # the next step
    """

    def __init__(
        self,
        n_channels: int,
        n_outputs: int,
        *,
        n_cells: int = 32,
        n_heads: int = 4,
        n_layers: int = 2,
    ):
        layers = ALSTMLayers(n_channels, n_cells, n_heads=n_heads, n_layers=n_layers)
        super().__init__(layers, n_outputs)


class LSTMALSTM(SequenceNetwork):
    """LSTM and ALSTM layers combined, linear layer.

    Shape:
        x (B, C, T), state=None -> (B, n_outputs, T), state

    Parameters
    ----------
    n_channels, n_outputs : int
    combination : {"parallel", "lstm_alstm", "alstm_lstm"}, default="parallel"
        "parallel": both read the series. "lstm_alstm": the ALSTM reads the series and the output
        of the LSTM. "alstm_lstm": the LSTM reads the series and the output of the ALSTM.
    n_cells : int, default=32
        Number of units of every layer.
    n_heads : int, default=4
        Number of heads of each ALSTM layer. Their outputs are summed.
    n_layers : int, default=2
        Number of layers of each kind.

    Examples
    --------
    >>> import torch
    >>> from skts.models import LSTMALSTM
    >>> network = LSTMALSTM(3, 1)
    >>> outputs, state = network(torch.zeros(2, 3, 24))
    >>> outputs.shape
    torch.Size([2, 1, 24])
    >>> outputs, state = network(torch.zeros(2, 3, 1), state=state)  # the next step
    """

    def __init__(
        self,
        n_channels: int,
        n_outputs: int,
        *,
        combination: Combination = "parallel",
        n_cells: int = 32,
        n_heads: int = 4,
        n_layers: int = 2,
    ):
        layers = CombinedLayers(
            n_channels, n_cells, combination=combination, n_heads=n_heads, n_layers=n_layers
        )
        super().__init__(layers, n_outputs)


class LastStep(nn.Module):
    """The output of a :class:`SequenceNetwork` at the last valid step.

    Shape:
        x (B, C, T), lengths (B,) or None -> (B, n_outputs)
    """

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x, lengths=None):
        outputs, _ = self.network(x)
        return last_step(outputs.transpose(1, 2), lengths)


class _SequenceLSTMParams(Params):
    """Options of an LSTM for sequences."""

    paper = (
        "van Diepen. One-step-ahead forecasts with LSTM, with attention long short-term memory "
        "(ALSTM) and with three combinations of both."
    )

    n_cells: int = param(
        default=32, rule=integer(1), doc="Number of units of each layer.", search=(16, 32, 64)
    )
    n_layers: int = param(
        default=2, rule=integer(1, 1000), doc="Number of layers of each kind.", search=(1, 2, 3)
    )

    def _sequence_network(self, n_channels, n_outputs):
        """Return the untrained module, which has an output at every step."""
        return SequenceLSTM(n_channels, n_outputs, **self._architecture())


class _ALSTMParams(_SequenceLSTMParams):
    """Options of an ALSTM."""

    n_heads: int = param(
        default=4, rule=integer(1), doc="Number of heads of each ALSTM layer; outputs are summed."
    )

    def _sequence_network(self, n_channels, n_outputs):
        return ALSTM(n_channels, n_outputs, **self._architecture())

    def _network(self, n_channels, n_timepoints, n_outputs):
        return LastStep(self._sequence_network(n_channels, n_outputs))


class _LSTMALSTMParams(_ALSTMParams):
    """Options of a combination of both."""

    combination: Combination = param(
        default="parallel",
        doc="'parallel': both read the series. 'lstm_alstm': the ALSTM also reads the output of "
        "the LSTM. 'alstm_lstm': the LSTM also reads the output of the ALSTM.",
        search=COMBINATIONS,
    )

    def _sequence_network(self, n_channels, n_outputs):
        return LSTMALSTM(n_channels, n_outputs, **self._architecture())


class ALSTMClassifier(_ALSTMParams, SeriesClassifier):
    """ALSTM classifier [1]_: causal attention, output at the last step; any length of series."""


class ALSTMRegressor(_ALSTMParams, SeriesRegressor):
    """ALSTM regressor [1]_: causal attention, output at the last step; any length of series."""


class LSTMALSTMClassifier(_LSTMALSTMParams, SeriesClassifier):
    """Classifier that combines LSTM and ALSTM [1]_; takes series of any length."""


class LSTMALSTMRegressor(_LSTMALSTMParams, SeriesRegressor):
    """Regressor that combines LSTM and ALSTM [1]_; takes series of any length."""
