"""Finds every estimator of the package by walking it; no list is kept by hand."""

import importlib
import inspect
import pkgutil

from sklearn.base import ClassifierMixin, RegressorMixin

KINDS = ("classifier", "regressor", "forecaster")


def all_estimators(kind=None):
    """Every public estimator of skts.

    Parameters
    ----------
    kind : {"classifier", "regressor", "forecaster"}, list of these or None, default=None
        None gives all. For forecasters sktime is imported.

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
    kinds = KINDS if kind is None else [kind] if isinstance(kind, str) else list(kind)
    if not set(kinds) <= set(KINDS):
        raise ValueError(f"kind must be one of {[*KINDS, None]} or a list of these, got {kind!r}")
    bases = tuple(map(_base_of, kinds))
    # the one's classes are made of these estimators; the other needs more than they do
    skipped = {"skts.adapters", "skts.benchmark"}
    if "forecaster" not in kinds:
        skipped.add("skts.forecasting")
    found = {}
    for module in _public_modules(importlib.import_module("skts"), skipped):
        for name, cls in inspect.getmembers(module, inspect.isclass):
            defined_here = cls.__module__ == module.__name__ and not name.startswith("_")
            if defined_here and issubclass(cls, bases) and not inspect.isabstract(cls):
                found[name] = cls
    return sorted(found.items())


def _base_of(kind):
    if kind == "forecaster":
        return importlib.import_module("sktime.forecasting.base").BaseForecaster
    return ClassifierMixin if kind == "classifier" else RegressorMixin


def _public_modules(package, skipped):
    for info in pkgutil.iter_modules(package.__path__, prefix=package.__name__ + "."):
        if info.name in skipped or info.name.rpartition(".")[2].startswith("_"):
            continue
        module = importlib.import_module(info.name)
        yield module
        if info.ispkg:
            yield from _public_modules(module, skipped)
