"""Imports point one way: a module imports only what stands above it in the house."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "skts"

#: From the ground up; rooms in one line do not see each other, but for files of one folder.
FLOORS = [
    ["_files"],
    ["_params", "_tensors", "_containers", "_callbacks"],
    ["_checkpoint"],
    ["_validation", "layers", "_net", "_options"],
    ["_training"],
    ["persistence", "_onnx"],
    ["base"],
    ["models", "ensemble"],
    ["recipes", "datasets", "forecasting", "explain", "export"],
    ["__init__"],
    ["discovery"],
    ["demo", "adapters", "benchmark", "plotting"],
    ["cli"],
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room(parts):
    return parts[1] if len(parts) > 1 else "__init__"


def imports(file):
    """Dotted names that `file` imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            yield node.module
            if node.module == "skts":
                yield from (f"skts.{a.name}" for a in node.names if a.name in FLOOR)


@pytest.mark.parametrize("file", MODULES, ids=lambda f: str(f.relative_to(PACKAGE)))
class TestModule:
    def test_imports_only_from_above(self, file):
        own = room(file.relative_to(PACKAGE.parent).with_suffix("").parts)
        for name in imports(file):
            if name.partition(".")[0] == "skts" and name != "skts":
                imported = room(name.split("."))
                assert imported == own or FLOOR[imported] < FLOOR[own], f"{own} imports {name}"

    def test_only_nets_and_callbacks_import_skorch(self, file):
        names = {name.partition(".")[0] for name in imports(file)}
        assert "skorch" not in names or file.name in ("_net.py", "_callbacks.py", "_checkpoint.py")

    def test_keeps_the_budgets(self, file):
        source = file.read_text()
        assert len(source.splitlines()) <= 400
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                documented = ast.get_docstring(node) is not None
                body = node.body[1:] if documented and len(node.body) > 1 else node.body
                lines = node.end_lineno - body[0].lineno + 1
                assert lines <= 40, f"{file.name}: {node.name} has {lines} lines"


def test_importing_skts_does_not_import_sktime():
    source = "import sys, skts; print([m for m in sys.modules if m.partition('.')[0] == 'sktime'])"
    out = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"
