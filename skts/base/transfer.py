"""Transfer of weights from a trained network."""

import numpy as np
import torch
from sklearn.base import is_classifier

from skts.layers import Reading, output_layer
from skts.training.weights import Start

#: Prefix of the names of the network's weights in a `Reading` module.
OF_READING = "network."


def inner(module):
    """Return the network inside a `Reading` module, and the prefix of its weights there."""
    return (module.network, OF_READING) if isinstance(module, Reading) else (module, "")


def transferred(estimator, network, source):
    """Return the weights that `estimator` copies from the fitted `source`, and `transferred_`.

    `network` makes the untrained module. Raises ValueError if no weight can be copied.
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
            f"{type(estimator).__name__}, got a {type(source).__name__}: no layer before the "
            "output layer has the same name and weights of the same shapes"
        )
    return {prefix + name: tensor for name, tensor in taken.items()}, report


def start_of(estimator, network, weights, report):
    """Return a Start with `weights` and the names of the weights that the options freeze."""
    if estimator.freeze is None:
        return Start(weights, frozenset())
    with torch.device("meta"):
        module, prefix = inner(network())
    head, _ = output_layer(module)
    names = [name for name, weight in module.named_parameters() if weight.requires_grad]
    kept = {name for name in names if layer_of(name) != head and name not in report["new"]}
    return Start(weights, frozenset(prefix + name for name in kept))


def layer_of(name):
    """Return the name of the layer of a weight."""
    return name.rpartition(".")[0]


def shapes_by_layer(network):
    """Return, for each layer by name, the shapes of its weights by name."""
    shapes = {}
    for name, tensor in network.state_dict().items():
        shapes.setdefault(layer_of(name), {})[name] = tensor.shape
    return shapes


def gives_the_same(one, other):
    """Return whether both are regressors, or classifiers of the same classes."""
    if is_classifier(one) != is_classifier(other):
        return False
    return not is_classifier(one) or np.array_equal(one.classes_, other.classes_)
