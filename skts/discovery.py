"""Finds every estimator and public name by walking the package; no list is kept by hand."""

import importlib
import inspect
import pkgutil

from sklearn.base import ClassifierMixin, RegressorMixin

__all__ = ["all_estimators", "public_names"]

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


def public_names():
    """Every public function, class and recipe of skts, by module.

    Public is what the ``__all__`` of a module names, a module whose name has no leading underscore;
    all else may change. sktime is imported, and what ``skts[bench]`` installs.

    Returns
    -------
    dict of str to dict
        For each module the shortest dotted name of each object, and the object. What several
        modules name is in that of the longest name, once.

    Examples
    --------
    >>> from skts.discovery import public_names
    >>> sorted(public_names()["skts.persistence"])
    ['skts.load', 'skts.save']
    """
    package = importlib.import_module("skts")
    made_on_demand = {"skts.adapters.aeon", "skts.adapters.sktime"}
    found = {}
    for module in (package, *_public_modules(package, made_on_demand)):
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if not inspect.ismodule(thing):
                found.setdefault(id(thing), []).append((module.__name__, name, thing))
    of_module = {}
    for named in found.values():
        shortest = min(named, key=lambda entry: len(entry[0]))
        longest = max(named, key=lambda entry: len(entry[0]))
        of_module.setdefault(longest[0], {})[f"{shortest[0]}.{shortest[1]}"] = shortest[2]
    return of_module


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
