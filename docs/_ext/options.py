"""Parameters of the estimators by group, and a page that explains the options that they share."""

import inspect
import re
from collections import Counter, defaultdict

from docutils import nodes
from numpydoc.docscrape import NumpyDocString

from skts.discovery import KINDS, all_estimators
from skts.params import Params

SECTION = re.compile(r"^Parameters\n-+\n.*?(?=^\w+\n-+\n|\Z)", re.DOTALL | re.MULTILINE)
OWN = "Architecture"  # the group whose options an estimator does not share

INTRODUCTION = """\
Estimators share these options. The page of an estimator lists the options that it has, with its own
defaults.
"""


def setup(app):
    # ahead of numpydoc, which makes one list of all parameters
    app.connect("autodoc-process-docstring", group_parameters, priority=400)
    app.connect("autodoc-process-signature", leave_out_options, priority=400)
    app.connect("doctree-read", hide_from_search)
    return {"parallel_read_safe": True}


def is_grouped(thing):
    return inspect.isclass(thing) and issubclass(thing, Params)


def leave_out_options(app, what, name, thing, *others):
    """The signature of an estimator only repeats its list of parameters."""
    return ("", None) if is_grouped(thing) else None


def group_parameters(app, what, name, thing, options, lines):
    """Parameters under the names of their groups; the search finds shared ones on their page."""
    if is_grouped(thing):
        lines[:] = SECTION.sub(lambda _: parameters(thing), "\n".join(lines)).splitlines()


def hide_from_search(app, doctree):
    """Methods and examples of estimators, as they are much the same on every page."""
    if app.env.docname.rpartition(".")[2] in dict(all_estimators()):
        for node in doctree.findall(nodes.Element):
            if isinstance(node, nodes.doctest_block) or node.get("objtype") == "method":
                node["classes"].append("no-search")


def parameters(cls):
    parts = []
    for group, entries in grouped(cls).items():
        parts.append(f".. rubric:: {group}\n")
        if group != OWN:
            parts.append(".. rst-class:: no-search\n")
        for entry in entries:
            term = entry.name if group == OWN else f":ref:`{entry.name} <option-{entry.name}>`"
            parts.append(f"{term} : {entry.type}\n    {text_of(entry)}\n")
    return "\n".join([*parts, ""])


def grouped(cls):
    """The parameters in the docstring of an estimator; the first of a group names it there."""
    found = defaultdict(list)
    for entry in NumpyDocString(inspect.getdoc(cls))["Parameters"]:
        if mark := re.match(r"\*\*([\w ]+)\*\*", " ".join(entry.desc)):
            group = mark[1]
        found[group].append(entry)
    return found


def text_of(entry):
    return re.sub(r"^\*\*[\w ]+\*\*(?: \(down to `\w+`\))?\. ?", "", " ".join(entry.desc))


def shared_options():
    """By group and name of the option: its entry in each estimator, by kind and class."""
    found = defaultdict(lambda: defaultdict(list))
    for kind in KINDS:
        for _, cls in all_estimators(kind):
            for group, entries in grouped(cls).items():
                for entry in entries if group != OWN else ():
                    found[group][entry.name].append((kind, cls, entry))
    return found


def options_page():
    parts = ["Options\n=======\n", INTRODUCTION]
    for group, options in shared_options().items():
        parts.append(f"{group}\n{'-' * len(group)}\n")
        for name, uses in options.items():
            parts += [f".. _option-{name}:\n", f"{name}\n{'~' * len(name)}\n", *explained(uses)]
    return "\n".join(parts)


def explained(uses):
    """A paragraph for each text that estimators have for an option."""
    variants = defaultdict(list)
    for use in uses:
        kind = use[2].type.partition(", default=")[0]
        variants[kind, text_of(use[2])].append(use)
    for (type_, text), variant in variants.items():
        kinds = list(dict.fromkeys(kind for kind, _, _ in variant))
        whose = "" if len(kinds) == len(KINDS) else f" ({enumerated([f'{k}s' for k in kinds])})"
        yield f"*{type_}*{whose}\n    {text}\n\n    {defaults(variant)}\n"


def defaults(uses):
    """The most common default, then the others with the estimators that have them."""
    classes = defaultdict(list)
    for _, cls, entry in uses:
        classes[entry.type.partition("default=")[2]].append(cls.__name__)
    (common, _), *others = Counter({k: len(v) for k, v in classes.items()}).most_common()
    whose = [f"``{value}`` in {enumerated(classes[value])}" for value, _ in others]
    return f"Default: {', '.join([f'``{common}``', *whose])}."


def enumerated(words):
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
