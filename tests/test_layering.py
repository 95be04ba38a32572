"""Imports point one way: a module imports only what stands below it in the house."""

import ast
import subprocess
import sys

import pytest

import skts
from tests.house import (
    FLOOR,
    PACKAGE,
    circle,
    imports,
    module_graph,
    module_name,
    modules,
    own_imports,
    room,
)

MODULES = modules()


def test_circles_and_hidden_imports_are_seen(tmp_path):
    assert circle({"a": {"b"}, "b": {"a"}}) == ["a", "b", "a"]
    assert circle({"a": {"b"}}) is None
    file = tmp_path / "module.py"
    file.write_text(
        "def f():\n    import skts\n    importlib.import_module('skts.cli')\n"
        "    from skts import models, load\n    from skts.models import fcn\n"
    )
    found = {"skts", "skts.cli", "skts.models", "skts.models.fcn"}
    assert set(imports(file)) == found == own_imports(file)


def test_no_module_imports_itself_by_way_of_others():
    assert circle(module_graph()) is None


@pytest.mark.parametrize("file", MODULES, ids=lambda f: str(f.relative_to(PACKAGE)))
class TestModule:
    def test_imports_only_from_below(self, file):
        own = room(module_name(file))
        for name in own_imports(file):
            imported = room(name)
            assert imported == own or FLOOR[imported] < FLOOR[own], f"{own} imports {name}"

    def test_only_training_imports_skorch(self, file):
        names = {name.partition(".")[0] for name in imports(file)}
        assert "skorch" not in names or room(module_name(file)) == "training"

    def test_its_name_has_no_underscore_in_front(self, file):
        assert not file.stem.startswith("_") or file.stem == "__init__"

    def test_keeps_the_budgets(self, file):
        source = file.read_text()
        assert len(source.splitlines()) <= 400
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                documented = ast.get_docstring(node) is not None
                body = node.body[1:] if documented and len(node.body) > 1 else node.body
                lines = node.end_lineno - body[0].lineno + 1
                assert lines <= 40, f"{file.name}: {node.name} has {lines} lines"


#: Modules of skts and its folders; what is in a folder its face names.
PUBLIC = sorted(module_name(f) for f in MODULES if f.stem == "__init__" or f.parent == PACKAGE)


def test_every_public_module_is_an_attribute_of_its_package():
    source = "import skts, sys\nfor name in sys.argv[1:]: assert eval(name).__name__ == name, name"
    subprocess.run([sys.executable, "-W", "error", "-c", source, *PUBLIC], check=True)


@pytest.mark.parametrize("package", [skts, skts.adapters, skts.benchmark], ids=lambda p: p.__name__)
class TestLazyPackage:
    def test_tells_of_its_modules(self, package):
        inside = [module_name(file).removeprefix(f"{package.__name__}.") for file in MODULES]
        names = {name for name in inside if "." not in name} - {"skts"}
        assert len(names) > 1
        assert names <= set(dir(package))
        assert set(package.__all__) <= set(dir(package))

    @pytest.mark.parametrize("name", ["nonsense", "_nonsense", "__wrapped__", "plotting.x", ""])
    def test_has_no_others(self, package, name):
        message = f"module '{package.__name__}' has no attribute '{name}'"
        with pytest.raises(AttributeError, match=f"^{message}$"):
            getattr(package, name)
        assert not hasattr(package, name)


def test_importing_skts_does_not_import_sktime():
    source = "import sys, skts, skts.adapters; dir(skts); hasattr(skts, 'nonsense'); skts.plotting;"
    source += "print([m for m in sys.modules if m.partition('.')[0] in ('sktime', 'matplotlib')])"
    out = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"
