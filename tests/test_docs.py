"""Every public name is documented as the house has it, and links between pages lead somewhere."""

import ast
import configparser
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
EXAMPLES = ROOT.glob("docs/examples/*.py")
USERS_PAGES = [*EXAMPLES, *(page for page in PAGES if page.stem != "architecture")]
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
    raised = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc]
    named = {error.func.id for error in raised if isinstance(error, ast.Call)}
    entries = get_doc_object(FUNCTIONS[name])["Raises"]
    documented = ", ".join(entry.type for entry in entries)
    assert {error for error in named if error not in documented} == set()


@pytest.mark.parametrize("name", NETWORKS)
def test_network_has_shapes(name):
    assert re.search(r"^ *Shape:\n +x \(B, C, T\)", CLASSES[name].__doc__, flags=re.MULTILINE)


def imported_from_skts(text):
    """Module and name of what Python code imports from skts."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "skts":
            yield from ((node.module, alias.name) for alias in node.names)


@pytest.mark.parametrize("page", USERS_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_users_are_shown_public_names_alone(page):
    text = page.read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    code = text if page.suffix == ".py" else "\n".join(blocks)
    public = {id(thing) for part in public_names().values() for thing in part.values()}
    for module, name in imported_from_skts(code):
        thing = getattr(importlib.import_module(module), name)
        assert inspect.ismodule(thing) or id(thing) in public, f"{module}.{name}"


def anchors_of(page):
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", text)
    for target, anchor in links:
        if re.match(r"\w+:", target) or target.startswith("api/"):  # pages that the site makes
            continue
        file = page.parent / target if target else page
        assert file.exists(), target
        assert not anchor or anchor in anchors_of(file), f"{target}#{anchor}"


def test_the_page_on_installation_has_every_extra_and_every_lowest_version():
    page = (ROOT / "docs" / "installation.md").read_text()
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg")
    of_packages = re.findall(r"^([\w-]+)>=(\S+)$", setup["options"]["install_requires"], flags=re.M)
    assert re.findall(r"^\| ([\w-]+) \| ([\d.]+) \|$", page, flags=re.M) == of_packages
    extras = re.findall(r"^\| `(\w+)` \|", page, flags=re.M)
    assert sorted(extras) == sorted(setup["options.extras_require"])
