"""A report into a folder. Nothing is trained here."""

import io
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import matplotlib as mpl
import pandas as pd
from jinja2 import Environment, PackageLoader

from skts.benchmark.report import sections
from skts.benchmark.report.scores import scores_of
from skts.benchmark.store import Store
from skts.persistence.files import replace_file

#: What pages call columns whose names in tables are no words.
HEADINGS = {
    "dataset": "data set",
    "holm": "Holm",
    "dunn_sidak": "Dunn-Sidak",
    "stands_for": "stands for",
}


def write_report(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    against: Literal["published"] | None = None,
    models: Sequence[str] | None = None,
    curves: Sequence[str] | None = None,
) -> Path:
    """Compare the models of a study.

    Parameters
    ----------
    folder : str or path
        Folder of the results of the study.
    out : str or path
        Folder for ``report.html``, which needs no other file; ``report.md`` with
        ``figures/NAME.svg``; and ``tables/NAME.csv``, including ``runs.csv``.
    against : {"published", None}, default=None
        Also compare with published results.
    models : list of str, optional
        Names as in the report. Default: all.
    curves : list of str, optional
        Data sets whose learning curves are shown. Default: those on which models differ most.

    Returns
    -------
    Path of ``report.html``

    Raises
    ------
    ValueError
        If there is nothing to compare, or a name is unknown.
    FileNotFoundError
        If the folder does not exist.

    Examples
    --------
    >>> import tempfile
    >>> from skts.benchmark import plan_runs, run_study
    >>> from skts.benchmark.report import write_report
    >>> folder = tempfile.mkdtemp()
    >>> runs = plan_runs(["UnitTest"], ["FCN"], fixed={"max_epochs": 1})
    >>> store = run_study(runs, folder)
    >>> write_report(folder, f"{folder}/report").name
    'report.html'
    """
    if against not in (None, "published"):
        raise ValueError(f"against must be 'published' or None, got {against!r}")
    store = Store(folder)
    if not store.folder.is_dir():
        raise FileNotFoundError(f"no such folder: {folder}. It must be the --out of a study")
    rows = store.rows()
    if not rows:
        raise ValueError(f"there are no results in {folder}: `skts bench run --out` makes them")
    scores = scores_of(rows, models)
    parts = _parts(scores, store, against, curves)
    out = Path(out)
    _make_room(out)
    drawn = {part.name: _as_svg(part) for part in parts if part.figure is not None}
    for name, svg in drawn.items():
        replace_file(out / "figures" / f"{name}.svg", svg.encode())
    for part in parts:
        if part.table is not None:
            replace_file(out / "tables" / f"{part.name}.csv", part.table.to_csv().encode())
    replace_file(out / "tables" / "runs.csv", scores.all_runs.to_csv(index=False).encode())
    words = {
        "title": f"{len(scores.models)} models on {len(scores.facts)} data sets",
        "protocol": sections.protocol(scores),
        "parts": [(part, _cells(part), drawn.get(part.name)) for part in parts],
    }
    pages = Environment(
        loader=PackageLoader("skts.benchmark.report", "."),
        autoescape=lambda name: (name or "").startswith("page.html"),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["md"] = lambda text: re.sub(r"([\\|*_<`])", r"\\\1", str(text))
    for kind in ("md", "html"):
        path = out / f"report.{kind}"
        replace_file(path, pages.get_template(f"page.{kind}.jinja").render(words).encode())
    return path


def _make_room(out):
    """Folders for a report, without the files of a former one."""
    if (out / "report.html").exists():
        for old in (*out.glob("tables/*.csv"), *out.glob("figures/*.svg")):
            old.unlink()
    for name in ("tables", "figures"):
        (out / name).mkdir(parents=True, exist_ok=True)


def _parts(scores, store, against, curves):
    table = scores.table()
    parts = [
        sections.summary(table, scores.facts["n_classes"], text="The mean is of accuracy."),
        *sections.tests(table),
        sections.every_score(table, spread=scores.deviation()),
        sections.other_metrics(scores),
        sections.groups(table, scores.facts),
        sections.times(scores, table),
        *sections.curves(scores, table, store, curves),
    ]
    if against is not None:
        parts += sections.beside_published(scores)
    return [*parts, sections.models(scores), *sections.failures(scores)]


def _as_svg(part):
    text = io.StringIO()
    # the same figure is the same file, and no two figures of a page share the names within them
    with mpl.rc_context({"svg.hashsalt": part.name, "svg.fonttype": "none"}):
        part.figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def _cells(part):
    """(name, whether of numbers) of each column, and (text, number, best) of each cell."""
    if part.table is None:
        return None
    index = part.table.index.to_frame(index=False)
    rows = []
    for place, values in enumerate(part.table.itertuples(index=False, name=None)):
        cells = [(str(value), False, False) for value in index.iloc[place]]
        for column, value in enumerate(values):
            marked = part.best is not None and bool(part.best.iat[place, column])
            decimals = part.decimals.get(part.table.columns[column], 4)
            cells.append((_as_text(value, decimals), not isinstance(value, str), marked))
        rows.append(cells)
    names = [HEADINGS.get(name, name) for name in [*index, *part.table]]
    return [(name, rows[0][i][1]) for i, name in enumerate(names)], rows


def _as_text(value, decimals):
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return ""
    if isinstance(value, float):
        return (
            f"{value:.{decimals}f}" if abs(value) >= 10**-decimals or not value else f"{value:.1e}"
        )
    return str(value)
