"""Links that nobody writes by hand: of names in code to the reference, of paths to their pages."""

import functools
import inspect
import re

from docutils import nodes
from options import shared_options
from sphinx.util.nodes import make_refnode

from skts.discovery import public_names

#: What a path as in the repository becomes.
PAGES = {
    r"examples/(\w+)\.(?:py|rst)": r"gallery/\1.rst",
    r"\.\./benchmarks/results/README\.md": "results/index.md",
    r"\.\./benchmarks/results/(\w+)/report\.md": r"results/\1.md",
    r"\.\./CHANGELOG\.md": "changelog.md",
    r"\.\./CONTRIBUTING\.md": "contributing.md",
}


def setup(app):
    app.connect("source-read", lambda app, docname, source: link_to_pages(source))
    app.connect("doctree-resolved", link_names)
    return {"parallel_read_safe": True}


def link_to_pages(source):
    for path, page in PAGES.items():
        source[0] = re.sub(rf"\]\({path}(#[^)]*)?\)", rf"]({page})", source[0])


def link_names(app, doctree, docname):
    """Make links of inline code outside the reference; it has the same names for other things."""
    if docname.startswith("api/"):
        return
    for code in list(doctree.findall(nodes.literal)):
        place = place_of(code.astext(), app.env.domains)
        if place and not is_within(code, (nodes.title, nodes.reference)):
            code.replace_self(make_refnode(app.builder, docname, *place, code.deepcopy()))


def is_within(node, kinds):
    return node is not None and (isinstance(node, kinds) or is_within(node.parent, kinds))


def place_of(code, domains):
    """Page and anchor of a public name, of an option, or of an option and its value, else None."""
    if name := names().get(code):
        return domains["py"].objects[name][:2]
    option = re.fullmatch(r"(\w+)(=[^=]+)?", code)
    if option and option[1] in options():
        return domains["std"].anonlabels[f"option-{option[1]}"]
    return None


@functools.cache
def names():
    """Public names, whole and without modules; an architecture stands for its classifier."""
    public = [name for part in public_names().values() for name in part]
    short = {name.rpartition(".")[2]: name for name in public}
    classifiers = {n.removesuffix("Classifier"): n for n in short if n.endswith("Classifier")}
    families = {family: short[name] for family, name in classifiers.items()}
    return {name: name for name in public} | short | families


@functools.cache
def options():
    """Options that are no parameter of a public function, which may be meant."""
    things = [thing for part in public_names().values() for thing in part.values()]
    functions = filter(inspect.isroutine, things)
    taken = {name for function in functions for name in inspect.signature(function).parameters}
    return {name for group in shared_options().values() for name in group} - taken
