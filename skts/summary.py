"""Layers, parameters, multiply-adds and memory of a network, computed without training."""

import collections
import contextlib
import copy
import dataclasses
import html
from typing import Any

import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_flop

from skts.device import CPU, seeded, torch_defaults
from skts.layers import FixedFeatures, Reading

__all__ = ["Layer", "Summary"]

HEADS = ("layer", "kind", "output shape", "parameters", "multiply-adds")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer of a network. Its figures exclude the layers inside it.

    Parameters
    ----------
    name : str
        Name in the torch module, as in ``named_modules``.
    kind : str
        Name of its class.
    output_shape : tuple of int or None
        Shape of the output for one series. None if the network does not call the layer, or its
        output is not a tensor.
    n_parameters : int
        Number of trainable parameters.
    multiply_adds : int
        Multiply-adds for one series, in all calls of the layer.

    Examples
    --------
    >>> from skts import FCNClassifier
    >>> summary = FCNClassifier().summary([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]], ["up", "down"])
    >>> summary.layers[0].name, summary.layers[0].output_shape
    ('conv.blocks.0.conv', (128, 3))
    """

    name: str
    kind: str
    output_shape: tuple[int, ...] | None
    n_parameters: int
    multiply_adds: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Summary:
    """Layers of a network, their multiply-adds, and the memory of training.

    The ``summary`` methods of estimators return it. It prints as a table, also in notebooks.

    Parameters
    ----------
    estimator : str
        Name of the class.
    n_channels, n_timepoints : int
        Shape of the longest series.
    layers : tuple of Layer
        Layers in the order of ``named_modules``, without modules that only contain other layers.
        The figures of a layer exclude the layers inside it, so they sum to those of the network.
    batch_size : int or None
        Number of series in a training step. None for networks with a ridge head, which is solved
        in one step.
    memory : dict of str to int
        Bytes by purpose. In a training step of `batch_size` series: weights, their gradients, the
        optimiser's state, and activations kept for the backward pass. Temporary layer outputs need
        additional memory. With a ridge head: weights, and the features of each training series.

    Examples
    --------
    >>> from skts import FCNClassifier
    >>> summary = FCNClassifier().summary([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]], ["up", "down"])
    >>> summary.n_parameters, summary.multiply_adds
    (264962, 789760)
    """

    estimator: str
    n_channels: int
    n_timepoints: int
    layers: tuple[Layer, ...]
    batch_size: int | None
    memory: dict[str, int]

    @property
    def n_parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(layer.n_parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds for one series in one forward pass; training takes about three times."""
        return sum(layer.multiply_adds for layer in self.layers)

    def __str__(self):
        rows = [HEADS, *map(cells, self.layers), self._totals()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(aligned, row, widths, HEADS)).rstrip() for row in rows]
        rule = "-" * (sum(widths) + 2 * len(widths) - 2)
        table = [lines[0], rule, *lines[1:-1], rule, lines[-1]]
        return "\n".join([self._title(), "", *table, "", *self._notes()])

    def _repr_html_(self):
        def row(texts, tag):
            style = ("left", "left", "left", "right", "right")
            pairs = zip(texts, style, strict=True)
            cell = "<{0} style='text-align: {2}'>{1}</{0}>"
            return f"<tr>{''.join(cell.format(tag, html.escape(t), s) for t, s in pairs)}</tr>"

        rows = [row(HEADS, "th"), *(row(cells(layer), "td") for layer in self.layers)]
        rows.append(row(self._totals(), "th"))
        notes = "<br>".join(map(html.escape, self._notes()))
        return f"<p>{html.escape(self._title())}</p><table>{''.join(rows)}</table><p>{notes}</p>"

    def _title(self):
        channels = "1 channel" if self.n_channels == 1 else f"{self.n_channels} channels"
        points = "1 time point" if self.n_timepoints == 1 else f"{self.n_timepoints} time points"
        return f"{self.estimator} on series of {channels} and {points}"

    def _totals(self):
        return ("total", "", "", f"{self.n_parameters:,}", f"{self.multiply_adds:,}")

    def _notes(self):
        each = ", ".join(f"{what} {in_words(n)}" for what, n in self.memory.items())
        memory = [f"Memory: {each}."]
        if self.batch_size is not None:
            whole = in_words(sum(self.memory.values()))
            memory = [
                f"Memory of a training step of {self.batch_size} series: {whole}",
                f"({each}).",
            ]
        return [
            "Only trainable parameters count. Multiply-adds are those of convolutions,",
            "recurrent layers and matrix products, for one series in one forward pass.",
            *memory,
        ]


def cells(layer):
    """Return the row of a layer in the table."""
    shape = "" if layer.output_shape is None else str(layer.output_shape)
    figures = (f"{n:,}" if n else "" for n in (layer.n_parameters, layer.multiply_adds))
    return (layer.name or "(root)", layer.kind, shape, *figures)


def aligned(text, width, head):
    """Return the text of a cell, with numbers aligned to the right."""
    return text.rjust(width) if head in HEADS[3:] else text.ljust(width)


def in_words(n_bytes):
    """Return a number of bytes in kB or MB."""
    return f"{n_bytes / 1e3:,.1f} kB" if n_bytes < 1e6 else f"{n_bytes / 1e6:,.1f} MB"


def flops_of_lstm(x, weight_ih, weight_hh, *others, out_val=None, **options):
    """Return the FLOPs of one LSTM layer on x (T, B, D): products with both weight matrices."""
    return 2 * x.shape[0] * x.shape[1] * (weight_ih.numel() + weight_hh.numel())


#: FLOP formulas of torch, and formulas of CPU kernels that torch lacks.
FORMULAS: dict[Any, Any] = {
    **flop_registry,
    torch.ops.aten.mkldnn_rnn_layer: flops_of_lstm,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: sdpa_flop,
}


class Arithmetic(TorchDispatchMode):
    """Counts the multiply-adds of each module that runs inside.

    Unlike torch's own counter, it does not import torch's decompositions, which takes seconds.
    """

    def __init__(self):
        super().__init__()
        self.running = []
        self.multiply_adds = collections.Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        options = kwargs or {}
        out = func(*args, **options)
        if formula := FORMULAS.get(func.overloadpacket):
            flops = formula(*args, **options, out_val=out)
            self.multiply_adds[self.running[-1]] += flops // 2
        return out


def layers_of(network, inputs):
    """Return the layers of a network, found by calling it with one batch."""
    arithmetic, shapes = Arithmetic(), {}

    def leave(module, args, out):
        arithmetic.running.pop()
        while isinstance(out, tuple | list) and len(out):
            out = out[0]
        shapes[module] = tuple(out.shape[1:]) if torch.is_tensor(out) else None

    with contextlib.ExitStack() as stack:
        for module in network.modules():
            enter = module.register_forward_pre_hook(lambda m, args: arithmetic.running.append(m))
            stack.callback(enter.remove)
            stack.callback(module.register_forward_hook(leave).remove)
        with arithmetic:
            network(*inputs)
    layers = []
    for name, module in network.named_modules():
        layer = Layer(
            name=name,
            kind=type(module).__name__,
            output_shape=shapes.get(module),
            n_parameters=n_trained(module.parameters(recurse=False)),
            multiply_adds=arithmetic.multiply_adds[module] // len(inputs[0]),
        )
        is_leaf = module in shapes and not any(True for _ in module.children())
        if is_leaf or layer.n_parameters or layer.multiply_adds:
            layers.append(layer)
    return tuple(layers)


def n_trained(parameters):
    return sum(parameter.numel() for parameter in parameters if parameter.requires_grad)


def kept_for_backward(network, inputs):
    """Return the bytes that a forward pass keeps for the backward pass, without the weights."""
    own = {tensor.untyped_storage().data_ptr() for tensor in tensors_of(network)}
    kept = {}  # holds the storages, so that no address is used twice

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        network(*inputs)
    return sum(storage.nbytes() for storage in kept.values())


def tensors_of(network):
    return [*network.parameters(), *network.buffers()]


def size_of(tensors):
    """Return the bytes of tensors."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def memory_of_step(network, net, zeros):
    """Return the bytes of a training step, by purpose."""
    with torch.autocast("cpu", dtype=net.autocast or torch.bfloat16, enabled=bool(net.autocast)):
        two, three = (kept_for_backward(network, zeros(n)) for n in (2, 3))
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.grad = torch.zeros_like(parameter)
    optimizer = net.optimizer(trained, lr=net.lr)
    optimizer.step(lambda: torch.zeros(()))
    remembered = [value for state in optimizer.state.values() for value in state.values()]
    return {
        "weights": size_of(tensors_of(network)),
        "gradients": size_of(trained),
        f"state of {net.optimizer.__name__}": size_of(filter(torch.is_tensor, remembered)),
        "activations": two + (net.batch_size - 2) * (three - two),
    }


@torch_defaults()
def summary_of(net, name, n_channels, n_timepoints, *, unequal_length):
    """Return the summary of a skorch net, without changing it; `name` is its estimator's class."""
    network = copy.deepcopy(net.module_).cpu()
    fixed = network.network if isinstance(network, Reading) else network

    def zeros(n):
        lengths = torch.full((n,), n_timepoints) if unequal_length else None
        return torch.zeros(n, n_channels, n_timepoints), lengths

    with seeded(0, CPU):
        if isinstance(fixed, FixedFeatures):
            with torch.no_grad():
                layers = layers_of(network.eval(), zeros(1))
            batch_size = None
            memory = {
                "weights": size_of(tensors_of(network)),
                "features of each training series": 8 * fixed.head.in_features,  # float64
            }
        else:
            layers = layers_of(network.train(), zeros(2))
            batch_size, memory = net.batch_size, memory_of_step(network, net, zeros)
    return Summary(
        estimator=name,
        n_channels=n_channels,
        n_timepoints=n_timepoints,
        layers=layers,
        batch_size=batch_size,
        memory=memory,
    )
