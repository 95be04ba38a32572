"""Import of submodules on first access (PEP 562)."""

import importlib
import pkgutil
import sys
from collections.abc import Callable
from types import ModuleType


def submodules_of(package: str) -> tuple[Callable[[str], ModuleType], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package, which find its submodules."""

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
