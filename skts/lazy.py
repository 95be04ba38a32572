"""Submodules of a package that are imported when they are first asked for (PEP 562)."""

import importlib
import pkgutil
import sys
from collections.abc import Callable
from types import ModuleType


def submodules_of(package: str) -> tuple[Callable[[str], ModuleType], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` for the package of that name, whose submodules they find."""

    def names():
        of_package = pkgutil.iter_modules(sys.modules[package].__path__)
        return [module.name for module in of_package if not module.name.startswith("_")]

    def __getattr__(name):  # noqa: N807
        if name.startswith("_") or name not in names():
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return importlib.import_module(f"{package}.{name}")

    def __dir__():  # noqa: N807
        return sorted({*vars(sys.modules[package]), *names()})

    return __getattr__, __dir__
