"""Functions that explanations share: checks of estimators, and calls of networks by batch."""

import inspect

import numpy as np
import torch
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from skts.base import SeriesEstimator
from skts.input.validation import check_series
from skts.training.batches import SeriesDataset


def check_single(estimator):
    """Raise TypeError or NotFittedError unless this is a single fitted estimator of skts."""
    if not isinstance(estimator, SeriesEstimator):
        raise TypeError(
            f"expected one classifier or regressor of skts, got a {type(estimator).__name__}. Of "
            "an ensemble, pass one of estimators_; of an adapter, pass estimator_"
        )
    check_is_fitted(estimator)


def own_net(estimator):
    """Return the estimator's net with a copy of its network, for hooks and training mode.

    The copy keeps explanations in several threads, and predictions, independent of each other.
    """
    check_single(estimator)
    return estimator.net_.copied_for_hooks()


def chosen_columns(estimator, classes, n):
    """Return the output column of each series, or None for the predicted class."""
    if not is_classifier(estimator):
        if classes is not None:
            raise ValueError(f"classes must be None for a regressor, got {classes!r}")
        return np.zeros(n, dtype=int)
    if classes is None:
        return None
    labels = np.asarray(classes)
    if labels.shape not in ((), (n,)):
        raise ValueError(
            f"classes must be one label or {n} labels, got an array of shape {labels.shape}"
        )
    labels = np.broadcast_to(labels, (n,))
    known = np.isin(labels, estimator.classes_)
    if not known.all():
        raise ValueError(
            f"classes must be among {estimator.classes_.tolist()}, got "
            f"{np.unique(labels[~known]).tolist()}"
        )
    return np.searchsorted(estimator.classes_, labels)


def columns_of(logits, columns, rows):
    """Return the chosen columns of these rows, (B,), or else those of the largest logits."""
    if columns is None:
        return logits.argmax(dim=1)
    return torch.as_tensor(columns[rows], device=logits.device)


def output_scale(estimator):
    """Return the factor of the network's output: 1 for logits, the unit of standardised targets."""
    return 1.0 if is_classifier(estimator) else estimator._output_scale()


def batches(net, values, lengths):
    """Yield the inputs of the network on its device, with the slice of their series."""
    dataset = SeriesDataset(values, lengths=lengths, device=net.device)
    for start in range(0, len(values), net.batch_size):
        rows = slice(start, start + net.batch_size)
        inputs, _ = dataset[rows]
        yield {name: tensor.to(net.device) for name, tensor in inputs.items()}, rows


def calls_of(estimator, net, X, module):
    """Yield the inputs of each batch, and the arguments and output of `module` for them."""
    values, lengths = check_series(estimator, X, reset=False)
    for inputs, _ in batches(net, values, lengths):
        with torch.no_grad():
            _, arguments, output = called(net, inputs, module)
        yield inputs, arguments, output


def called(net, inputs, module, *, as_leaf=False):
    """Return the outputs of a copied net, and the arguments and the output of a module in it.

    If there is one series, arguments and output have two rows (SeriesNet.infer_at_once). With
    `as_leaf`, the output of the module is a leaf of the graph, where gradients end.
    """
    seen = []

    def keep(module, args, kwargs, output):
        output = output.detach().requires_grad_() if as_leaf else output
        seen.append((given(module, args, kwargs), output))
        return output

    hook = module.register_forward_hook(keep, with_kwargs=True)
    try:
        outputs = net.infer_at_once(inputs)  # one call, because the hook expects one
    finally:
        hook.remove()
    ((arguments, output),) = seen
    return outputs, arguments, output


def given(module, args, kwargs):
    """Return all arguments of a call of a module in their order, defaults included."""
    bound = inspect.signature(module.forward).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.args
