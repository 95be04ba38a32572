"""Rows of JSON in a file, which a benchmark adds to and reads when it is run again."""

import json
from pathlib import Path


def read_rows(path):
    """Return the rows of a file; none without a path, or if the file does not exist."""
    if path is None or not Path(path).exists():
        return []
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def add_row(path, row):
    """Add a row to a file, if there is a path."""
    if path is not None:
        with Path(path).open("a") as file:
            file.write(json.dumps(row) + "\n")
