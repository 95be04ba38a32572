"""The code of every page runs: its blocks in their order, in one namespace, in an empty folder."""

import re
from pathlib import Path

import pytest
from matplotlib import pyplot as plt

from tests.settings import PAGES_THAT_CANNOT_RUN

ROOT = Path(__file__).parents[1]
BLOCKS = {
    name: re.findall(r"^```python\n(.*?)^```", (ROOT / name).read_text(), flags=re.S | re.M)
    for name in ("README.md", *sorted(f"docs/{page.name}" for page in ROOT.glob("docs/*.md")))
}
WITH_CODE = [name for name in BLOCKS if BLOCKS[name] and name not in PAGES_THAT_CANNOT_RUN]


@pytest.mark.full
@pytest.mark.parametrize("name", WITH_CODE)
def test_the_code_of_a_page_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}
    for i, block in enumerate(BLOCKS[name], start=1):
        exec(compile(block, f"block {i} of {name}", "exec"), names)
    plt.close("all")


def test_pages_that_cannot_run_have_code():
    assert all(BLOCKS[name] for name in PAGES_THAT_CANNOT_RUN)
