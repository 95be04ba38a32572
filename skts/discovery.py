"""Finds every estimator of the package by walking it; no list is kept by hand."""

import importlib
import inspect
import pkgutil

from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

KINDS = {"classifier": ClassifierMixin, "regressor": RegressorMixin}


def all_estimators(kind=None):
    """Every public estimator of skts.

    Parameters
    ----------
    kind : {"classifier", "regressor", None}, default=None
        None gives all.

    Returns
    -------
    list of (name, class), sorted by name

    Raises
    ------
    ValueError
        Where `kind` is none of the above.

    Examples
    --------
    >>> from skts.discovery import all_estimators
    >>> "LSTMFCNClassifier" in dict(all_estimators("classifier"))
    True
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(f"kind must be one of {[*KINDS, None]}, got {kind!r}")
    found = {}
    for module in _public_modules():
        for name, cls in inspect.getmembers(module, inspect.isclass):
            defined_here = cls.__module__ == module.__name__ and not name.startswith("_")
            if defined_here and issubclass(cls, BaseEstimator) and not inspect.isabstract(cls):
                found[name] = cls
    wanted = object if kind is None else KINDS[kind]
    return sorted((name, cls) for name, cls in found.items() if issubclass(cls, wanted))


def _public_modules():
    package = importlib.import_module("skts")
    for info in pkgutil.walk_packages(package.__path__, prefix="skts."):
        hidden = info.name.rpartition(".")[2].startswith("_")
        if not hidden and not info.name.startswith("skts.adapters."):  # made of these estimators
            yield importlib.import_module(info.name)
