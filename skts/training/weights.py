"""Weights that a net takes over from elsewhere, and what its optimiser remembers."""

import copy
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from torch import Tensor

from skts.device import CPU
from skts.training.checkpoint import add_epochs
from skts.training.cuda_graph import put_steps


class Start(NamedTuple):
    """Weights to start training from, and names of weights that are not trained; both by name."""

    weights: Mapping[str, Tensor] = MappingProxyType({})
    frozen: frozenset[str] = frozenset()


#: All weights start anew and are trained.
AFRESH = Start()


def start_from(net, start):
    """Take over some weights, and freeze some; the other weights stay as they are."""
    net.module_.load_state_dict(dict(start.weights), strict=False)
    for name in start.frozen:
        net.module_.get_parameter(name).requires_grad_(False)
    net.module_.eval()  # so that the net sets the mode of each layer when training begins


def unfreeze(net, start):
    """Undo what `start_from` froze."""
    for name in start.frozen:
        net.module_.get_parameter(name).requires_grad_(True)


def continue_from(net, previous, *, with_optimizer):
    """Take over the weights of another net; the optimiser's state and history on demand."""
    try:
        net.module_.load_state_dict(previous.module_.state_dict())
    except RuntimeError as error:
        raise ValueError(
            "training can only go on in the same architecture: the fitted network has other "
            "weights than the present options give. Undo the change, or fit anew "
            "(warm_start=False)."
        ) from error
    if with_optimizer:
        if type(net.optimizer_) is type(previous.optimizer_):
            take_state(net.optimizer_, previous.optimizer_.state_dict()["state"])
        net.history.extend(previous.history)


def take_weights(net, weights, epochs, optimizer):
    """Make it the net that was trained to these weights in these epochs, dicts.

    `optimizer` is the class of the one that trained it and its state, or None.
    """
    net.module_.load_state_dict(weights)
    if optimizer is not None:
        cls, state = optimizer
        if type(net.optimizer_) is not cls:  # the option was changed after training
            net.optimizer_ = cls(net.module_.parameters(), lr=net.lr)
        take_state(net.optimizer_, state)
    add_epochs(net.history, epochs)
    net.module_.eval()
    net.release()


def take_state(optimizer, state):
    """Let an optimiser remember a copy of `state`, and keep its learning rate and other options."""
    optimizer.load_state_dict(optimizer.state_dict() | {"state": copy.deepcopy(state)})
    if not optimizer.defaults.get("fused"):
        put_steps(optimizer, CPU)  # after a graph they are on its device
