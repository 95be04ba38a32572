"""Every public name is documented as the house has it, and links between pages lead somewhere."""

import ast
import importlib
import inspect
import re
import textwrap
from pathlib import Path

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import validate
from torch import nn

from skts.discovery import public_names
from tests.settings import DOCSTRING_CHECKS, DOCUMENTED_ELSEWHERE

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/results/*.md")]
PUBLIC = {
    name: thing
    for part in public_names().values()
    for name, thing in part.items()
    if callable(thing)
}
CLASSES = {name: thing for name, thing in PUBLIC.items() if inspect.isclass(thing)}
NETWORKS = [name for name, cls in CLASSES.items() if issubclass(cls, nn.Module)]


def own_methods():
    """Public methods of public classes that skts defines, each function once: name, function."""
    found = {}
    for name, cls in CLASSES.items():
        for method, function in inspect.getmembers(cls, inspect.isroutine):
            function = inspect.unwrap(getattr(function, "__func__", function))
            module = getattr(function, "__module__", None) or ""
            if (
                module.startswith("skts")
                and not method.startswith("_")
                and method not in DOCUMENTED_ELSEWHERE
            ):
                found.setdefault(function, f"{name}.{method}")
    return {name: function for function, name in found.items()}


METHODS = own_methods()
FUNCTIONS = METHODS | {name: thing for name, thing in PUBLIC.items() if name not in CLASSES}


def faults(name, *more):
    return [error for error in validate(name)["errors"] if error[0] in (*DOCSTRING_CHECKS, *more)]


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_has_parameters_and_example(name):
    assert faults(name, "EX01") == []


@pytest.mark.parametrize("name", METHODS)
def test_method_has_parameters(name):
    assert faults(name) == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_errors_are_documented(name):
    tree = ast.parse(textwrap.dedent(inspect.getsource(FUNCTIONS[name])))
    if any(isinstance(node, ast.Raise) for node in ast.walk(tree)):
        assert get_doc_object(FUNCTIONS[name])["Raises"]


@pytest.mark.parametrize("name", NETWORKS)
def test_network_has_shapes(name):
    assert re.search(r"^ *Shape:\n +x \(B, C, T\)", CLASSES[name].__doc__, flags=re.MULTILINE)


def test_every_public_name_has_its_place_in_the_reference(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    (tmp_path / "skts.Gone.rst").write_text("of a class that is no more")
    importlib.import_module("api_pages").write_pages(tmp_path)
    pages = "\n".join(page.read_text() for page in tmp_path.glob("*.rst"))
    written = re.findall(r"^\.\. auto(?:class|function|data):: (\S+)", pages, flags=re.MULTILINE)
    assert sorted(written) == sorted(name for part in public_names().values() for name in part)
    assert not (tmp_path / "skts.Gone.rst").exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    inside = [target for target in targets if not re.match(r"\w+:", target)]
    assert [target for target in inside if not (page.parent / target).exists()] == []
