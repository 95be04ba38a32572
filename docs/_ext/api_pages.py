"""Writes docs/api: pages of each estimator, of each module with public names, and of the options.

Nothing is listed by hand: the estimators are those of `skts.discovery.all_estimators`, all else is
what the modules name in ``__all__``.
"""

import importlib
import inspect
import re
from pathlib import Path

from options import options_page

from skts.discovery import KINDS, all_estimators, public_names
from skts.ensemble import Ensemble

INTRODUCTION = """\
The public names of skts: estimators, the :doc:`options <options>` that they share, and modules. All
other names can change without notice.
"""


def setup(app):
    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir) / "api"))
    return {"parallel_read_safe": True}


def write_pages(folder):
    """Write all pages, and remove those of names that are gone."""
    public, groups = public_names(), grouped_estimators()
    estimators = {cls for group in groups.values() for cls in group}
    pages = {name: estimator_page(name) for name in named(public, estimators)}
    modules = []
    for module, part in sorted(public.items()):
        others = {name: thing for name, thing in part.items() if not is_among(thing, estimators)}
        if others:
            modules.append(module)
            pages[module] = module_page(module, others)
    groups = {title: named(public, group) for title, group in groups.items()}
    pages |= {"index": index_page(groups, modules), "options": options_page()}
    folder.mkdir(exist_ok=True)
    for page in folder.glob("*.rst"):
        if page.stem not in pages:
            page.unlink()
    for name, text in pages.items():
        page = folder / f"{name}.rst"
        if not page.exists() or page.read_text() != text:  # sphinx reads what is newer
            page.write_text(text)


def grouped_estimators():
    groups = {f"{kind.capitalize()}s": [cls for _, cls in all_estimators(kind)] for kind in KINDS}
    of_many = [cls for _, cls in all_estimators() if issubclass(cls, Ensemble)]
    groups = {title: [cls for cls in g if cls not in of_many] for title, g in groups.items()}
    return groups | {"Ensembles": of_many}


def named(public, classes):
    """Those of the public names that stand for one of the classes, with the class."""
    things = {name: thing for part in public.values() for name, thing in part.items()}
    return {name: thing for name, thing in sorted(things.items()) if is_among(thing, classes)}


def is_among(thing, classes):
    return inspect.isclass(thing) and thing in classes


def index_page(groups, modules):
    parts = [heading("Reference", "="), INTRODUCTION]
    for title, group in groups.items():
        rows = [(f":class:`~{name}`", summary(cls)) for name, cls in group.items()]
        parts += [heading(title, "-"), table(rows), toctree(group, title)]
    rows = [(f":mod:`{name}`", summary(importlib.import_module(name))) for name in modules]
    rows.insert(0, (":doc:`options`", "The options that estimators share, by group."))
    parts += [
        heading("Modules and options", "-"),
        table(rows),
        toctree(["options", *modules], "Modules and options"),
    ]
    return "\n".join(parts)


def estimator_page(name):
    """The class, the methods that skts writes, the names of those inherited, and examples."""
    cls = resolved(name)
    methods = [n for n, _ in inspect.getmembers(cls, inspect.isroutine) if not n.startswith("_")]
    own = [n for n in methods if is_own(getattr(cls, n))]
    others = ", ".join(f"``{n}``" for n in methods if n not in own)
    return "\n".join(
        [
            heading(name.rpartition(".")[2], "="),
            f".. autoclass:: {name}\n   :members: {', '.join(own)}\n",
            f"Inherited: {others}.\n",
            f".. minigallery:: {name}\n   :add-heading: Examples\n   :heading-level: -\n",
        ]
    )


def module_page(module, part):
    parts = [heading(module, "="), f".. automodule:: {module}\n"]
    for name, thing in part.items():
        if not inspect.isclass(thing):
            parts.append(f".. {'autofunction' if callable(thing) else 'autodata'}:: {name}\n")
            continue
        own = [n for n, member in vars(thing).items() if n[0] != "_" and member.__doc__]
        methods = [n for n in own if callable(getattr(thing, n)) or is_property(thing, n)]
        members = f"   :members: {', '.join(methods)}\n" if methods else ""
        home = thing.__module__
        parts.append(f".. autoclass:: {name}\n{members}")
        parts.append(f"Defined in ``{home}``: {summary(importlib.import_module(home))}\n")
    return "\n".join(parts)


def resolved(name):
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def is_own(method):
    return inspect.unwrap(getattr(method, "__func__", method)).__module__.startswith("skts")


def is_property(cls, name):
    return isinstance(vars(cls)[name], property)


def summary(thing):
    """The first paragraph of its docstring, without footnotes."""
    first = inspect.getdoc(thing).partition("\n\n")[0]
    return re.sub(r" \[\d+\]_", "", " ".join(first.split()))


def heading(text, line):
    return f"{text}\n{line * len(text)}\n"


def table(rows):
    cells = [f"   * - {head}\n     - {text}" for head, text in rows]
    return "\n".join([".. list-table::", "   :widths: 40 60", "", *cells, ""])


def toctree(names, caption):
    lines = [".. toctree::", ":hidden:", f":caption: {caption}", "", *names]
    return "\n   ".join(lines) + "\n"
