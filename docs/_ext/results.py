"""Writes docs/results: the reports of benchmarks/results, as pages of the site."""

import re
from pathlib import Path

STUDIES = Path(__file__).parents[2] / "benchmarks" / "results"
SEEN = "../../benchmarks/results"  # the same from docs/results
#: Tables get the room of the list of headings.
WIDE = "---\nhtml_theme.sidebar_secondary.remove: true\n---\n"


def setup(app):
    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir) / "results"))
    return {"parallel_read_safe": True}


def write_pages(folder):
    """A page for each study, and the list of them."""
    folder.mkdir(exist_ok=True)
    for report in STUDIES.glob("*/report.md"):
        name = report.parent.name
        text = report.read_text().replace("](figures/", f"]({SEEN}/{name}/figures/")
        (folder / f"{name}.md").write_text(WIDE + text)
    text = (STUDIES / "README.md").read_text()
    text = re.sub(r"\]\((\w+)/report\.md\)", r"](\1.md)", text).replace("](../../docs/", "](../")
    tree = "\n```{toctree}\n:hidden:\n:glob:\n\n*\n```\n"
    (folder / "index.md").write_text(text + tree)
