"""The floors of the house, and what imports what; ``python -m tests.house`` prints the plan."""

import ast
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "skts"

#: From the ground up. Rooms of one floor do not see each other. A room is a module or a folder at
#: the top of the package.
FLOORS = [
    ["version", "process", "device", "extras", "lazy", "params", "layers"],
    ["input", "persistence", "augment", "summary", "model_selection"],
    ["training"],
    ["base"],
    ["models"],
    ["ensemble"],
    ["recipes", "datasets", "forecasting", "explain", "export"],
    ["saving"],
    ["__init__"],
    ["discovery"],
    ["demo", "adapters", "benchmark", "plotting"],
    ["cli"],
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def modules():
    """Every file of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def module_name(file):
    """Its dotted name; a folder's ``__init__.py`` has that of the folder."""
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(file):
    """Dotted names that a file imports, wherever in it, also by ``importlib.import_module``."""
    known = {module_name(f) for f in modules()}
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names} & known
            yield from names
            if len(names) < len(node.names):
                yield node.module
        elif isinstance(node, ast.Call) and _is_import_module(node.func):
            argument = node.args[0]
            yield argument.value if isinstance(argument, ast.Constant) else "(computed)"


def _is_import_module(function):
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("import_module", "__import__")


def room(module):
    """The room of a module of the package."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def own_imports(file):
    """Modules of the package that a file imports."""
    return {name for name in imports(file) if name.split(".")[0] == PACKAGE.name}


def arrows():
    """Of each room the rooms that it imports from."""
    found = defaultdict(set)
    for file in modules():
        own = room(module_name(file))
        found[own] |= {room(name) for name in own_imports(file)} - {own}
    return dict(found)


def circle(graph):
    """Nodes of a circle of imports, or None."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def module_graph():
    """Of each module the modules of the package that it imports."""
    return {module_name(file): own_imports(file) for file in modules()}


def main():
    found = arrows()
    for number, rooms in reversed(list(enumerate(FLOORS))):
        for name in rooms:
            print(f"{number}  {name:12} <- {', '.join(sorted(found.get(name, ()))) or '-'}")
    n_arrows = sum(map(len, found.values()))
    print(f"{len(found)} rooms, {n_arrows} arrows")
    print(f"circle of rooms: {circle(found) or 'none'}")
    print(f"circle of modules: {circle(module_graph()) or 'none'}")


if __name__ == "__main__":
    main()
