"""The time axis inside a network: which time points the steps of a layer are made of."""

import functools
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from skts.explain.calls import called, given
from skts.layers import Spectrum, Window


class Reach(NamedTuple):
    """The time points from which a layer's first step is made, and how far on those of the next."""

    first: int = 0
    last: int = 0
    stride: int = 1

    def through(self, window):
        """The same of a layer that reads this one's steps through a window."""
        first = self.first - self.stride * window.before
        last = self.last + self.stride * (window.width - 1 - window.before)
        return Reach(first, last, self.stride * window.stride)

    def middles(self, n_steps):
        return (self.first + self.last) / 2 + self.stride * np.arange(n_steps)


class Call(NamedTuple):
    """A layer that was called, with what it read and how many steps it gave."""

    layer: nn.Module
    read: torch.Tensor
    n_steps: int


def step_times(net, layer, inputs, *, read=False, axis=2):
    """The time point in the middle of all those from which each step of a layer is made, (S,).

    Each layer that changes the time axis tells how, and autograd's graph of a forward pass tells
    which of them lie on the way from the series to this layer.

    Parameters
    ----------
    net : SeriesNet
        One's own.
    layer : nn.Module
        Within its network.
    inputs : dict of tensors
        Of the network; the first series counts.
    read : bool, default=False
        Whether the steps are those that the layer reads, else those that it gives.
    axis : int, default=2
        Which axis of that tensor the steps are.

    Raises
    ------
    ValueError
        If the network reads a spectrum, or a layer does not declare how it changes the time axis.
    """
    if any(isinstance(module, Spectrum) for module in net.module_.modules()):
        raise ValueError(
            "this needs time points, but with representation='spectrum' the steps of the network "
            "stand for frequencies, not for time points. Use occlusion"
        )
    calls = {}  # by the node of autograd's graph that the output is

    def note(layer, args, kwargs, output):
        if _window(layer, 1) is None:
            return output
        output = output.clone()  # a node that no operation in place can take out of the graph
        calls[output.grad_fn] = Call(layer, given(layer, args, kwargs)[0], output.shape[2])
        return output

    hooks = [m.register_forward_hook(note, with_kwargs=True) for m in net.module_.modules()]
    try:
        with torch.enable_grad():
            x = inputs["x"][:1].clone().requires_grad_().clone()
            rest = {name: tensor[:1] for name, tensor in inputs.items() if name != "x"}
            _, arguments, output = called(net, {"x": x, **rest}, layer)
    finally:
        for hook in hooks:
            hook.remove()
    steps = arguments[0] if read else output
    reach = _reach_of(steps, steps.shape[axis], layer, x, calls)
    return reach.middles(steps.shape[axis])


def _reach_of(steps, n_steps, layer, x, calls):
    @functools.cache
    def reach_at(node):
        """Of what that node gives, and its number of steps."""
        if node is x.grad_fn:
            return Reach(), x.shape[2]
        layer, read, n_steps = calls[node]
        window = _window(layer, read.shape[2])
        filled = read.shape[2] + window.before + window.after - window.width
        if n_steps - 1 not in (filled // window.stride, -(-filled // window.stride)):
            raise _unknown_time_points(
                layer, f"{n_steps} steps out of {read.shape[2]} are not what {window} gives"
            )
        return reach_read(layer, read, read.shape[2]).through(window), n_steps

    def reach_read(layer, read, n_steps):
        """Of a tensor between layers; where ways meet, it reaches as far as they together."""
        nodes = _nearest(read.grad_fn, {x.grad_fn, *calls})
        found = [reach_at(node) for node in nodes]
        if {n for _, n in found} != {n_steps} or len({reach.stride for reach, _ in found}) > 1:
            came = sorted({n for _, n in found})
            raise _unknown_time_points(
                layer, f"{n_steps} steps arrive there, where layers ahead give {came}"
            )
        first, last = min(r.first for r, _ in found), max(r.last for r, _ in found)
        return Reach(first, last, found[0][0].stride)

    node = steps.grad_fn
    return reach_at(node)[0] if node in calls else reach_read(layer, steps, n_steps)


def _unknown_time_points(layer, why):
    return ValueError(
        f"the network does not tell which time points the steps of its {layer} are made of: {why}. "
        "Change the time axis in layers that tell it: nn.Conv1d, nn.MaxPool1d, nn.AvgPool1d, "
        "nn.ConstantPad1d, those of skts.layers, or one of yours with a method "
        "time_window(n_steps) that returns a skts.layers.Window; attention over channels says "
        "over_channels=True"
    )


def _nearest(node, known):
    """The known nodes of autograd's graph from which a node is computed, none behind another."""
    found, seen, ahead = set(), set(), [node]
    while ahead:
        node = ahead.pop()
        if node in known:
            found.add(node)
        elif node is not None and node not in seen:
            seen.add(node)
            ahead.extend(earlier for earlier, _ in node.next_functions)
    return found


def _window(layer, n_steps):
    """How a layer reads its input of that many steps; None: step by step."""
    if hasattr(layer, "time_window"):
        return layer.time_window(n_steps)
    if isinstance(layer, nn.ConstantPad1d):
        return Window(1, 1, *layer.padding)
    if isinstance(layer, nn.AvgPool1d):
        padding = _number(layer.padding)
        return Window(_number(layer.kernel_size), _number(layer.stride), padding, padding)
    if not isinstance(layer, (nn.Conv1d, nn.MaxPool1d)):
        return None
    width = _number(layer.dilation) * (_number(layer.kernel_size) - 1) + 1
    before = after = layer.padding
    if layer.padding == "same":
        before, after = (width - 1) // 2, width // 2
    elif layer.padding == "valid":
        before = after = 0
    return Window(width, _number(layer.stride), _number(before), _number(after))


def _number(value):
    return value if isinstance(value, int) else value[0]
