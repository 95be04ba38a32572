"""Discovery of all estimators and public names by walking the package."""

import importlib
import inspect
import pkgutil
from collections.abc import Sequence
from typing import Any, Literal, get_args

from sklearn.base import ClassifierMixin, RegressorMixin

__all__ = ["all_estimators", "public_names"]

Kind = Literal["classifier", "regressor", "forecaster"]
KINDS = get_args(Kind)


def all_estimators(kind: Kind | Sequence[Kind] | None = None) -> list[tuple[str, type[Any]]]:
    """Return every public estimator of skts.

    Parameters
    ----------
    kind : {"classifier", "regressor", "forecaster"}, list of these or None, default=None
        None returns all. For forecasters, the function imports sktime.

    Returns
    -------
    list of (name, class), sorted by name

    Raises
    ------
    ValueError
        If `kind` is none of the above.

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
    rooms = ["skts.models", "skts.ensemble"]
    if "forecaster" in kinds:
        rooms.append("skts.forecasting")
    found = {}
    for module in _modules_in(rooms):
        for name, cls in inspect.getmembers(module, inspect.isclass):
            defined_here = cls.__module__ == module.__name__ and not name.startswith("_")
            if defined_here and issubclass(cls, bases) and not inspect.isabstract(cls):
                found[name] = cls
    return sorted(found.items())


def public_names() -> dict[str, dict[str, Any]]:
    """Return every public function, class and recipe of skts, by module.

    Names in the ``__all__`` of a module or package of skts are public; all others can change. The
    function imports sktime and the packages of the extra ``bench``.

    Returns
    -------
    dict of str to dict
        For each module, the shortest dotted name of each object and the object. An object named by
        several modules appears once, in the module with the longest name.

    Examples
    --------
    >>> from skts.discovery import public_names
    >>> sorted(public_names()["skts.saving"])
    ['skts.load', 'skts.save']
    """
    package = importlib.import_module("skts")
    found: dict[int, list[tuple[str, str, Any]]] = {}
    for module in (package, *_faces_in(package)):
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if not inspect.ismodule(thing):
                found.setdefault(id(thing), []).append((module.__name__, name, thing))
    of_module: dict[str, dict[str, Any]] = {}
    for named in found.values():
        shortest = min(named, key=lambda entry: len(entry[0]))
        longest = max(named, key=lambda entry: len(entry[0]))
        of_module.setdefault(longest[0], {})[f"{shortest[0]}.{shortest[1]}"] = shortest[2]
    return of_module


def _base_of(kind):
    if kind == "forecaster":
        return importlib.import_module("sktime.forecasting.base").BaseForecaster
    return ClassifierMixin if kind == "classifier" else RegressorMixin


def _modules_in(rooms):
    """Yield these modules and packages, and all modules in the packages."""
    for name in rooms:
        room = importlib.import_module(name)
        yield room
        for info in pkgutil.walk_packages(getattr(room, "__path__", ()), prefix=f"{name}."):
            yield importlib.import_module(info.name)


def _faces_in(package):
    """Yield the modules and packages directly in skts, and all packages inside those.

    The ``__init__`` of a package names its public objects.
    """
    for info in pkgutil.iter_modules(package.__path__, prefix=f"{package.__name__}."):
        if info.ispkg or package.__name__ == "skts":
            face = importlib.import_module(info.name)
            yield face
            if info.ispkg:
                yield from _faces_in(face)
