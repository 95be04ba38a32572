"""Translation of recurrent layers to one ONNX operator each, for any number of time points.

torch's exporters unroll recurrent layers to the time points of the example instead.
"""

from collections.abc import Callable

import torch
from torch import nn

from skts.layers import Linear

#: Order of the gates in ONNX, as their numbers in torch, for each class of layer. The operator of
#: ONNX has the name of the class.
GATES = {nn.LSTM: (0, 3, 1, 2), nn.GRU: (1, 0, 2), nn.RNN: (0,)}


@torch.library.custom_op("skts::recurrent", mutates_args=())
def recurrent(
    x: torch.Tensor,
    weight: torch.Tensor,
    state_weight: torch.Tensor,
    bias: torch.Tensor,
    operator: str,
    n_cells: int,
) -> torch.Tensor:
    """Placeholder in the exported program, without computation: x (T, B, D) -> (T, B, n_cells)."""
    return x.new_zeros(x.shape[0], x.shape[1], n_cells)


@recurrent.register_fake
def _(x, weight, state_weight, bias, operator, n_cells):
    return x.new_empty(x.shape[0], x.shape[1], n_cells)


def as_onnx(x, weight, state_weight, bias, operator, n_cells):
    """Return the ONNX operator that replaces the placeholder."""
    from onnxscript import opset18 as op

    options = {"hidden_size": n_cells} | ({"linear_before_reset": 1} if operator == "GRU" else {})
    states, *_ = getattr(op, operator)(x, weight, state_weight, bias, **options)
    return op.Squeeze(states, op.Constant(value_ints=[1]))  # there is one direction


class NoState:
    """Substitute for the last state, which networks for whole series do not read."""

    def __iter__(self):
        raise ValueError("the network reads the state of a recurrent layer and cannot be exported")


class RecurrentLayers(nn.Module):
    """The layers of a recurrent module of torch, with weights in the order of ONNX.

    Shape:
        x (B, T, D) -> (B, T, n_cells), NoState
    """

    def __init__(self, rnn):
        super().__init__()
        kind = next(kind for kind in GATES if isinstance(rnn, kind))
        is_plain = rnn.batch_first and rnn.bias and not rnn.bidirectional and rnn.proj_size == 0
        if not is_plain or getattr(rnn, "nonlinearity", "tanh") != "tanh":
            raise ValueError(
                "a recurrent layer can be exported only if it has batch_first=True and biases, one "
                f"direction and tanh, and no projection, got {rnn}"
            )
        self.operator, self.n_cells = kind.__name__, rnn.hidden_size
        self.weights = [
            [_reordered(weight.detach(), GATES[kind]) for weight in of_layer]
            for of_layer in rnn.all_weights
        ]

    def extra_repr(self):
        return f"{self.operator}, n_cells={self.n_cells}, n_layers={len(self.weights)}"

    def forward(self, x, state=None):
        x = x.transpose(0, 1)  # (B, T, D) -> (T, B, D)
        for weight, state_weight, bias, state_bias in self.weights:
            both = torch.cat([bias, state_bias])
            arguments = (of[None] for of in (weight, state_weight, both))
            x = recurrent(x, *arguments, self.operator, self.n_cells)
        return x.transpose(0, 1), NoState()


def _reordered(weight, gates):
    parts = weight.chunk(len(gates))
    return torch.cat([parts[gate] for gate in gates])


def with_onnx_layers(module):
    """Replace every recurrent layer of a module by RecurrentLayers, in place."""
    for name, child in module.named_children():
        if isinstance(child, nn.RNNBase):
            setattr(module, name, RecurrentLayers(child))
        else:
            with_onnx_layers(child)
    return module


def in_single_precision(module):
    """Set linear layers to compute in float32, in place, because integers will replace them."""
    for layer in module.modules():
        if isinstance(layer, Linear):
            layer.train()  # evaluation mode computes in double precision
    return module


TRANSLATIONS: dict[Callable, Callable] = {torch.ops.skts.recurrent.default: as_onnx}
