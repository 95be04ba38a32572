"""What docs/_ext makes of the package: pages of the reference, options, links and results."""

import importlib
import inspect
import re
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils import nodes
from docutils.utils import new_document

from skts.discovery import all_estimators, public_names
from skts.params import GROUPS, group_of

ROOT = Path(__file__).parents[1]
ESTIMATORS = dict(all_estimators())


@pytest.fixture
def extension(monkeypatch):
    """A module of docs/_ext by its name."""
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    return importlib.import_module


def test_every_public_name_has_its_place_in_the_reference(tmp_path, extension):
    (tmp_path / "skts.Gone.rst").write_text("of a class that is no more")
    extension("api_pages").write_pages(tmp_path)
    pages = "\n".join(page.read_text() for page in tmp_path.glob("*.rst"))
    written = re.findall(r"^\.\. auto(?:class|function|data):: (\S+)", pages, flags=re.MULTILINE)
    assert sorted(written) == sorted(name for part in public_names().values() for name in part)
    assert not (tmp_path / "skts.Gone.rst").exists()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_parameters_stand_in_groups(name, extension):
    cls = ESTIMATORS[name]
    lines = inspect.getdoc(cls).splitlines()
    extension("options").group_parameters(None, "class", name, cls, None, lines)
    text = "\n".join(lines).partition("\nAttributes\n")[0]
    terms = re.findall(r"^(?::ref:`)?(\w+)(?: <option-\w+>`)? : .+\n    \S", text, re.MULTILINE)
    assert terms == list(inspect.signature(cls).parameters)
    groups = sorted({group_of(field) for field in fields(cls)}, key=GROUPS.index)
    assert re.findall(r"rubric:: (.+)", text) == [group.capitalize() for group in groups]
    assert "(down to `" not in text


def test_every_shared_option_is_explained_once(extension):
    page = extension("options").options_page()
    of_group = {(f.name, group_of(f)) for cls in ESTIMATORS.values() for f in fields(cls)}
    shared = {name for name, group in of_group if group != "architecture"}
    assert sorted(re.findall(r"^\.\. _option-(\w+):$", page, re.MULTILINE)) == sorted(shared)
    assert "Default: ``0.005``, ``0.001`` in ALSTMForecaster, LSTMALSTMForecaster and" in page


@pytest.mark.parametrize(
    ("code", "target"),
    [
        ("LSTMFCNClassifier", "py:skts.LSTMFCNClassifier"),
        ("skts.export_onnx", "py:skts.export_onnx"),
        ("MultiView", "py:skts.MultiViewClassifier"),
        ("max_epochs", "std:option-max_epochs"),
        ("target_loss=None", "std:option-target_loss"),
        ("precision", None),  # also of export_onnx
        ("n_cells", None),  # each architecture has its own
        ("fit", None),
    ],
)
def test_names_in_code_become_links(code, target, extension):
    page = new_document("page")
    page += nodes.paragraph("", "", nodes.literal("", code))
    page += nodes.title("", "", nodes.literal("", code))
    domain, _, name = (target or "").partition(":")
    place = {name: ("elsewhere", "anchor")}
    domains = {domain: SimpleNamespace(objects=place, anonlabels=place)}
    builder = SimpleNamespace(get_relative_uri=lambda page, other: f"{other}.html")
    app = SimpleNamespace(env=SimpleNamespace(domains=domains), builder=builder)
    extension("links").link_names(app, page, "page")
    links = [link["refuri"] for link in page.findall(nodes.reference)]
    assert links == (["elsewhere.html#anchor"] if target else [])
    assert page.astext() == f"{code}\n\n{code}"


def test_reports_of_studies_are_pages(tmp_path, extension):
    extension("results").write_pages(tmp_path)
    studies = {report.parent.name for report in ROOT.glob("benchmarks/results/*/report.md")}
    pages = list(tmp_path.iterdir())
    assert {page.stem for page in pages} == {"index", *studies}
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            seen = [folder / target for folder in (tmp_path, ROOT / "docs" / "examples")]
            assert any(path.exists() for path in seen), target
