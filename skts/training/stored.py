"""A trained net as plain data and tensors, and the net again."""

import torch

from skts.device import CPU, resolve_device, seeded, torch_defaults
from skts.persistence.files import from_plain, to_plain
from skts.training.checkpoint import epochs_of
from skts.training.train import made_net, runs_fused, shapes_of
from skts.training.weights import take_state, take_weights


def plain_training(net, tensors):
    """What is kept of a training besides weights, each as to_plain gives it.

    The dict `tensors` takes what the optimiser remembers, where it is one of torch.optim.
    """
    history = [
        {name: to_plain(name, value) for name, value in epoch.items()}
        for epoch in epochs_of(net.history)
    ]
    cls, optimizer = type(net.optimizer_), None
    if getattr(torch.optim, cls.__name__, None) is cls:
        state = net.optimizer_.state_dict()["state"]
        optimizer = to_plain("the optimiser's state", (cls, state), tensors)
    return {"history": history, "bfloat16": net.autocast is not None, "optimizer": optimizer}


def restored_net(plain, options, make_net, network, weights, tensors):
    """The net of a training as plain_training gave it; the rest as of net_with_weights."""
    epochs = [
        {name: from_plain(value) for name, value in epoch.items()} for epoch in plain["history"]
    ]
    optimizer = from_plain(plain.get("optimizer"), tensors)  # files of format 1 have none
    net = net_with_weights(options, make_net, network, weights, epochs, optimizer)
    if not isinstance(plain["bfloat16"], bool):
        raise ValueError(f"bfloat16 of a training must be True or False, got {plain['bfloat16']!r}")
    net.autocast = torch.bfloat16 if plain["bfloat16"] else None
    return net


@torch_defaults()
def net_with_weights(options, make_net, network, weights, epochs, optimizer):
    """The fitted skorch net of an estimator that was stored.

    `optimizer` is the class of its optimiser and what that remembers, or None. Raises ValueError
    where the weights are not those of the network, or the optimiser cannot remember this of them.
    """
    device = resolve_device(options.device)
    # ahead of memory for weights that are not there
    if shapes_of(network) != {name: weight.shape for name, weight in weights.items()}:
        raise ValueError(
            "the weights are of another architecture than the options give; options that were "
            "changed since fit must be set back"
        )
    with seeded(0, device):  # what is drawn is not kept
        net = made_net(options, make_net, network, device)
    if optimizer is not None:
        check_optimizer_state(optimizer, net.module_.parameters())
    take_weights(net, weights, epochs, optimizer)
    return net


def check_optimizer_state(optimizer, weights):
    """Raise ValueError unless an optimiser can remember this of the weights, a pair as above.

    It must look like what another one remembers after a step on weights of these shapes, and that
    one must be able to take a step from it.
    """
    match optimizer:
        case (type() as cls, dict(state)):
            pass
        case _:
            raise ValueError(f"expected an optimiser and its state, got {optimizer!r}")
    twins = [torch.zeros_like(weight, device=CPU, requires_grad=True) for weight in weights]
    try:
        fused = {"fused": True} if runs_fused(cls, CPU) else {}
        twin = cls(twins, lr=1e-3, **fused)
        _step_towards_minus_one(twin, twins)
        like = twin.state_dict()["state"]
        for place, of_weight in state.items():
            for name, value in of_weight.items():
                if not _is_alike(value, like[place][name]):
                    raise ValueError(f"it has {name}={value!r} of weight {place}")
        take_state(twin, state)
        _step_towards_minus_one(twin, twins)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as e:
        raise ValueError(f"what the optimiser remembers does not fit the weights: {e!r}") from e


def _step_towards_minus_one(optimizer, weights):
    def closure():
        for weight in weights:
            weight.grad = weight.detach() + 1
        return sum(weight.grad.square().sum() / 2 for weight in weights)

    optimizer.step(closure)


def _is_alike(value, like):
    """Whether a part of an optimiser's state has the kind and shape of another."""
    if isinstance(like, list):
        return isinstance(value, list) and all(_is_alike(item, like[0]) for item in value)
    if isinstance(like, torch.Tensor) and like.ndim:
        return isinstance(value, torch.Tensor) and (value.shape, value.dtype) == (
            like.shape,
            like.dtype,
        )
    if isinstance(value, torch.Tensor):
        return value.ndim == 0 and value.is_floating_point()
    return value is None or isinstance(value, int | float)
