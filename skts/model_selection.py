"""Search spaces for the options of estimators."""

import dataclasses
import inspect
from typing import Any

from sklearn.base import BaseEstimator

from skts.params import group_of

__all__ = ["search_space"]


def search_space(estimator: BaseEstimator) -> dict[str, Any]:
    """Return values and distributions of the options worth searching.

    The papers, or the study of the defaults, varied these options. The values suit series of any
    kind. They assume the defaults of all options that are not in the space. With `init_from`, the
    space has no options of the architecture, because the architecture must fit the weights.
    `max_epochs` is not in the space: use it as the resource of a halving search.

    Parameters
    ----------
    estimator : estimator
        An estimator of skts, or a pipeline, ensemble or multi-output estimator that holds one.

    Returns
    -------
    dict of str to list or distribution
        Keys are names of options, prefixed with the names of steps and members
        (``lstmfcnclassifier__lr``). All distributions are log-uniform ones of scipy.stats.

    Raises
    ------
    ValueError
        If no part of the estimator has an option to search.

    Examples
    --------
    >>> from sklearn.model_selection import RandomizedSearchCV
    >>> from skts import FCNClassifier
    >>> from skts.model_selection import search_space
    >>> sorted(search_space(FCNClassifier()))
    ['batch_size', 'filters', 'lr', 'normalize', 'representation', 'weight_decay']
    >>> search_space(FCNClassifier())["batch_size"]
    [8, 16, 32, 64]
    >>> search = RandomizedSearchCV(FCNClassifier(), search_space(FCNClassifier()), n_iter=20)
    """
    if not isinstance(estimator, BaseEstimator):
        raise ValueError(
            f"estimator must be an estimator such as FCNClassifier(), got {estimator!r}"
        )
    params = estimator.get_params(deep=True)
    parts = {f"{name}__": value for name, value in params.items()}
    space = {
        prefix + field.name: field.metadata["search"]
        for prefix, part in {"": estimator, **parts}.items()
        if dataclasses.is_dataclass(part)
        for field in dataclasses.fields(part)
        if field.metadata.get("search") and prefix + field.name in params
        if has_effect(field, part)
    }
    if not space:
        raise ValueError(f"estimator must be or contain an estimator of skts, got {estimator!r}")
    return {name: list(s) if isinstance(s, tuple) else s for name, s in space.items()}


def has_effect(field, estimator):
    """Return whether an option can be searched beside the estimator's other options."""
    if field.name == "weight_decay":
        return "weight_decay" in inspect.signature(estimator.optimizer).parameters
    is_transferred = getattr(estimator, "init_from", None) is not None  # fixes the architecture
    return not (is_transferred and group_of(field) == "architecture")
