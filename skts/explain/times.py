"""The time axis inside a network: the time points that the steps of a layer depend on."""

import functools
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from skts.explain.calls import called, given
from skts.layers import Spectrum, Window


class Reach(NamedTuple):
    """First and last time point of a layer's first step, and the stride between its steps."""

    first: int = 0
    last: int = 0
    stride: int = 1

    def through(self, window):
        """Return the reach of a layer that reads the steps of this one through a window."""
        first = self.first - self.stride * window.before
        last = self.last + self.stride * (window.width - 1 - window.before)
        return Reach(first, last, self.stride * window.stride)

    def middles(self, n_steps):
        return (self.first + self.last) / 2 + self.stride * np.arange(n_steps)


class Call(NamedTuple):
    """A call of a layer, with its input and its number of output steps."""

    layer: nn.Module
    read: torch.Tensor
    n_steps: int


def step_times(net, layer, inputs, *, read=False, axis=2):
    """Return the middle of the time points that each step of a layer depends on, (S,).

    Each layer that changes the time axis declares how. Autograd's graph of a forward pass contains
    the layers between the series and this layer.

    Parameters
    ----------
    net : SeriesNet
        A copy, from own_net.
    layer : nn.Module
        Layer of its network.
    inputs : dict of tensors
        Inputs of the network. Only the first series is used.
    read : bool, default=False
        Whether the steps are those of the input of the layer. Otherwise they are those of its
        output.
    axis : int, default=2
        Axis of the steps.

    Raises
    ------
    ValueError
        If the network reads a spectrum, or a layer does not declare how it changes the time axis.
    """
    if any(isinstance(module, Spectrum) for module in net.module_.modules()):
        raise ValueError(
            "this needs time points, but with representation='spectrum' the steps of the network "
            "are frequencies, not time points. Use occlusion"
        )
    calls = {}  # by the node of autograd's graph for the output

    def note(layer, args, kwargs, output):
        if _window(layer, 1) is None:
            return output
        output = output.clone()  # gives a node that no in-place operation can replace
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
        """Return the reach of the output of a node, and its number of steps."""
        if node is x.grad_fn:
            return Reach(), x.shape[2]
        layer, read, n_steps = calls[node]
        window = _window(layer, read.shape[2])
        filled = read.shape[2] + window.before + window.after - window.width
        if n_steps - 1 not in (filled // window.stride, -(-filled // window.stride)):
            raise _unknown_time_points(
                layer,
                f"it returned {n_steps} steps for {read.shape[2]}, which does not fit {window}",
            )
        return reach_read(layer, read, read.shape[2]).through(window), n_steps

    def reach_read(layer, read, n_steps):
        """Return the reach of a tensor between layers, which covers all paths that join there."""
        nodes = _nearest(read.grad_fn, {x.grad_fn, *calls})
        found = [reach_at(node) for node in nodes]
        if {n for _, n in found} != {n_steps} or len({reach.stride for reach, _ in found}) > 1:
            came = sorted({n for _, n in found})
            raise _unknown_time_points(
                layer, f"its input has {n_steps} steps, but layers before it return {came}"
            )
        first, last = min(r.first for r, _ in found), max(r.last for r, _ in found)
        return Reach(first, last, found[0][0].stride)

    node = steps.grad_fn
    return reach_at(node)[0] if node in calls else reach_read(layer, steps, n_steps)


def _unknown_time_points(layer, why):
    return ValueError(
        f"the time points of the steps of {layer} are unknown: {why}. Change the time axis only in "
        "nn.Conv1d, nn.MaxPool1d, nn.AvgPool1d, nn.ConstantPad1d, layers of skts.layers, or your "
        "own layers with a method time_window(n_steps) that returns a skts.layers.Window. Set "
        "over_channels=True in attention over channels"
    )


def _nearest(node, known):
    """Return the nearest known nodes of autograd's graph from which a node is computed."""
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
    """Return the window of a layer for an input of `n_steps`; None: it works step by step."""
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
