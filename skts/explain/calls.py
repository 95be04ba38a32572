"""What explanations share: the estimators they take, and networks called batch by batch."""

import inspect

import numpy as np
import torch
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from skts.base import SeriesEstimator
from skts.input.validation import check_series
from skts.training.batches import SeriesDataset


def check_single(estimator):
    """Raise unless it is one fitted estimator with a network."""
    if not isinstance(estimator, SeriesEstimator):
        raise TypeError(
            f"expected one classifier or regressor of skts, got a {type(estimator).__name__}. Of "
            "an ensemble take one of its estimators_, of an adapter its estimator_"
        )
    check_is_fitted(estimator)


def own_net(estimator):
    """The estimator's net around a network of the caller's own, for hooks and other modes.

    So explanations in several threads, and predictions beside them, do not see each other.
    """
    check_single(estimator)
    return estimator.net_.copied_for_hooks()


def chosen_columns(estimator, classes, n):
    """Of each series the column of the network's output, or None for the predicted one."""
    if not is_classifier(estimator):
        if classes is not None:
            raise ValueError(f"a regressor has no classes: leave them out, got {classes!r}")
        return np.zeros(n, dtype=int)
    if classes is None:
        return None
    labels = np.asarray(classes)
    if labels.shape not in ((), (n,)):
        raise ValueError(f"classes must be one label or {n}, got an array of shape {labels.shape}")
    labels = np.broadcast_to(labels, (n,))
    known = np.isin(labels, estimator.classes_)
    if not known.all():
        raise ValueError(
            f"classes must be among {estimator.classes_.tolist()}, got "
            f"{np.unique(labels[~known]).tolist()}"
        )
    return np.searchsorted(estimator.classes_, labels)


def columns_of(logits, columns, rows):
    """The chosen columns of these rows on the device, (B,), or those of the largest logits."""
    if columns is None:
        return logits.argmax(dim=1)
    return torch.as_tensor(columns[rows], device=logits.device)


def output_scale(estimator):
    """What the network's output is multiplied with: logits stay, targets were standardised."""
    return 1.0 if is_classifier(estimator) else estimator._output_scale()


def batches(net, values, lengths):
    """Inputs of the network on its device, with the slice of the series that they are."""
    dataset = SeriesDataset(values, lengths=lengths, device=net.device)
    for start in range(0, len(values), net.batch_size):
        rows = slice(start, start + net.batch_size)
        inputs, _ = dataset[rows]
        yield {name: tensor.to(net.device) for name, tensor in inputs.items()}, rows


def calls_of(estimator, net, X, module):
    """Of each batch its inputs, and what `called` tells of a module in the network."""
    values, lengths = check_series(estimator, X, reset=False)
    for inputs, _ in batches(net, values, lengths):
        with torch.no_grad():
            _, arguments, output = called(net, inputs, module)
        yield inputs, arguments, output


def called(net, inputs, module, *, as_leaf=False):
    """The outputs of one's own net, and the arguments and the output of a module in it.

    The latter have a second row where there is one series (SeriesNet.infer). As a leaf, gradients
    go as far as that output and no further.
    """
    seen = []

    def keep(module, args, kwargs, output):
        output = output.detach().requires_grad_() if as_leaf else output
        seen.append((given(module, args, kwargs), output))
        return output

    hook = module.register_forward_hook(keep, with_kwargs=True)
    try:
        outputs = net.infer_at_once(inputs)  # the hook keeps one call
    finally:
        hook.remove()
    ((arguments, output),) = seen
    return outputs, arguments, output


def given(module, args, kwargs):
    """All arguments of a call of a module, however they were given, and those that were not."""
    bound = inspect.signature(module.forward).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.args
