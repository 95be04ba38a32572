"""Storage of trained nets as plain data and tensors."""

import torch

from skts.device import CPU, resolve_device, seeded, torch_defaults
from skts.persistence.files import from_plain, to_plain
from skts.training.checkpoint import epochs_of
from skts.training.train import made_net, runs_fused, shapes_of
from skts.training.weights import take_state, take_weights


def plain_training(net, tensors):
    """Return the stored form of a training without its weights, as plain data.

    The tensors of the optimiser's state are added to the dict `tensors`. Only optimisers of
    torch.optim are stored.
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
    """Return the net of a `plain_training`; other arguments as in `net_with_weights`."""
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
    """Return the fitted skorch net of a stored estimator.

    `optimizer` is a pair of the optimiser's class and state, or None. Raises ValueError if the
    weights do not fit the network, or the optimiser's state does not fit the weights.
    """
    device = resolve_device(options.device)
    # check the shapes before memory is allocated
    if shapes_of(network) != {name: weight.shape for name, weight in weights.items()}:
        raise ValueError(
            "the weights do not fit the architecture that the options describe: set back "
            "options that changed since fit"
        )
    with seeded(0, device):  # the random initial weights are replaced
        net = made_net(options, make_net, network, device)
    if optimizer is not None:
        check_optimizer_state(optimizer, net.module_.parameters())
    take_weights(net, weights, epochs, optimizer)
    return net


def check_optimizer_state(optimizer, weights):
    """Raise ValueError unless `optimizer`, a pair as above, fits the weights.

    The state must have the form of a new optimiser's state after a step on weights of these shapes,
    and the new optimiser must be able to take a step from the state.
    """
    match optimizer:
        case (type() as cls, dict(state)):
            pass
        case _:
            raise ValueError(f"expected a pair of an optimiser and its state, got {optimizer!r}")
    twins = [torch.zeros_like(weight, device=CPU, requires_grad=True) for weight in weights]
    try:
        fused = {"fused": True} if runs_fused(cls, CPU) else {}
        twin = cls(twins, lr=1e-3, **fused)
        _step_towards_minus_one(twin, twins)
        like = twin.state_dict()["state"]
        for place, of_weight in state.items():
            for name, value in of_weight.items():
                if not _is_alike(value, like[place][name]):
                    raise ValueError(f"it has {name}={value!r} for weight {place}")
        take_state(twin, state)
        _step_towards_minus_one(twin, twins)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as e:
        raise ValueError(f"the optimiser's state does not fit the weights: {e!r}") from e


def _step_towards_minus_one(optimizer, weights):
    def closure():
        for weight in weights:
            weight.grad = weight.detach() + 1
        return sum(weight.grad.square().sum() / 2 for weight in weights)

    optimizer.step(closure)


def _is_alike(value, like):
    """Return whether a part of an optimiser's state has the type and shape of another."""
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
