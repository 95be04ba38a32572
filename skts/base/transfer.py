"""What training takes from a network that was trained before."""

import numpy as np
import torch
from sklearn.base import is_classifier

from skts.layers import Reading, output_layer
from skts.training.weights import Start

#: The name of the network in a module that reads series for it.
OF_READING = "network."


def inner(module):
    """The network itself, and what its weights' names begin with in the module around it."""
    return (module.network, OF_READING) if isinstance(module, Reading) else (module, "")


def transferred(estimator, network, source):
    """What `estimator` takes from the fitted estimator `source`, and its names as a report.

    `network` makes the untrained module. Raises ValueError where no weight can be taken.
    """
    with torch.device("meta"):
        module, prefix = inner(network())
    learnt, _ = inner(source.net_.module_)
    shapes, offered = shapes_by_layer(module), shapes_by_layer(learnt)
    layers = {layer for layer, of_layer in shapes.items() if offered.get(layer) == of_layer}
    if not gives_the_same(estimator, source):
        layers -= {output_layer(module)[0], output_layer(learnt)[0]}
    taken = {
        name: tensor for name, tensor in learnt.state_dict().items() if layer_of(name) in layers
    }
    names = [name for name, _ in module.named_parameters()]
    report = {
        "taken": [name for name in names if name in taken],
        "new": [name for name in names if name not in taken],
    }
    if not layers - {output_layer(module)[0]}:
        raise ValueError(
            f"init_from must be an estimator whose network has weights in common with this "
            f"{type(estimator).__name__}, got a {type(source).__name__}: no layer ahead of the "
            "output layer has the same name and weights of the same shapes"
        )
    return {prefix + name: tensor for name, tensor in taken.items()}, report


def start_of(estimator, network, weights, report):
    """The Start with these weights, and with those frozen that the options say."""
    if estimator.freeze is None:
        return Start(weights, frozenset())
    with torch.device("meta"):
        module, prefix = inner(network())
    head, _ = output_layer(module)
    names = [name for name, weight in module.named_parameters() if weight.requires_grad]
    kept = {name for name in names if layer_of(name) != head and name not in report["new"]}
    return Start(weights, frozenset(prefix + name for name in kept))


def layer_of(name):
    """The name of the layer that has a weight of this name."""
    return name.rpartition(".")[0]


def shapes_by_layer(network):
    """Of each layer with weights their shapes, by name."""
    shapes = {}
    for name, tensor in network.state_dict().items():
        shapes.setdefault(layer_of(name), {})[name] = tensor.shape
    return shapes


def gives_the_same(one, other):
    """Whether both predict the same classes, or both numbers."""
    if is_classifier(one) != is_classifier(other):
        return False
    return not is_classifier(one) or np.array_equal(one.classes_, other.classes_)
