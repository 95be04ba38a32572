"""What a search over options tries."""

import dataclasses
from typing import Any

from sklearn.base import BaseEstimator

from skts.params import group_of

__all__ = ["search_space"]


def search_space(estimator: BaseEstimator) -> dict[str, Any]:
    """Values and distributions of the options that are worth searching.

    The papers, or the choice of the default recipe, varied these options. The values suit series of
    any kind. They assume the defaults of all options that are not in the space.
    With `init_from` there are no options of the architecture, which must fit the weights.
    `max_epochs` is not in it: it can be the resource of a halving search.

    Parameters
    ----------
    estimator : estimator
        An estimator of skts, or a pipeline, ensemble or multi-output estimator that holds one.

    Returns
    -------
    dict of str to list or distribution
        Keys are the names of options, behind those of steps and members
        (``lstmfcnclassifier__lr``). All distributions are log-uniform ones of scipy.stats.

    Raises
    ------
    ValueError
        Where nothing in the estimator has an option to search.

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
        if not (is_transferred(part) and group_of(field) == "architecture")
    }
    if not space:
        raise ValueError(f"estimator must be an estimator of skts or hold one, got {estimator!r}")
    return {name: list(s) if isinstance(s, tuple) else s for name, s in space.items()}


def is_transferred(estimator):
    """Whether it starts from weights that fit its architecture alone."""
    return getattr(estimator, "init_from", None) is not None
