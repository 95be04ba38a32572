"""Transfer of weights and optimiser states to a net."""

import copy
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from torch import Tensor

from skts.device import CPU
from skts.training.checkpoint import add_epochs
from skts.training.cuda_graph import put_steps


class Start(NamedTuple):
    """Initial weights by name, and the names of frozen weights."""

    weights: Mapping[str, Tensor] = MappingProxyType({})
    frozen: frozenset[str] = frozenset()


#: All weights are newly initialised and trained.
AFRESH = Start()


def start_from(net, start):
    """Load the weights of `start` and freeze its frozen ones; other weights do not change."""
    net.module_.load_state_dict(dict(start.weights), strict=False)
    for name in start.frozen:
        net.module_.get_parameter(name).requires_grad_(False)
    net.module_.eval()  # makes the net set the mode of each layer when training begins


def unfreeze(net, start):
    """Unfreeze the weights that `start_from` froze."""
    for name in start.frozen:
        net.module_.get_parameter(name).requires_grad_(True)


def continue_from(net, previous, *, with_optimizer):
    """Load the weights of another net and, on request, its optimiser's state and history."""
    try:
        net.module_.load_state_dict(previous.module_.state_dict())
    except RuntimeError as error:
        raise ValueError(
            "training can only continue with the same architecture: the weights of the fitted "
            "network do not fit the current options. Undo the change, or start again "
            "(warm_start=False)."
        ) from error
    if with_optimizer:
        if type(net.optimizer_) is type(previous.optimizer_):
            take_state(net.optimizer_, previous.optimizer_.state_dict()["state"])
        net.history.extend(previous.history)


def take_weights(net, weights, epochs, optimizer):
    """Give a net the weights, the epochs (a list of dicts) and the optimiser of a stored net.

    `optimizer` is a pair of the optimiser's class and state, or None.
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
    """Load a copy of `state` into an optimiser, which keeps its learning rate and other options."""
    optimizer.load_state_dict(optimizer.state_dict() | {"state": copy.deepcopy(state)})
    if not optimizer.defaults.get("fused"):
        put_steps(optimizer, CPU)  # a CUDA graph leaves them on its device
