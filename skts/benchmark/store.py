"""Results of a study in a folder: append-only rows, and predictions."""

import contextlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from filelock import FileLock, Timeout

from skts.persistence.files import replace_file

ROWS = "rows.jsonl"


class Store:
    """Results in a folder: ``rows.jsonl`` with one row per line, and ``predictions/KEY.npz``.

    A line counts when its end is written. The next process that adds rows removes an incomplete
    line of a process that was killed. Only one process at a time can add rows.

    Parameters
    ----------
    folder : str or path
        Folder, which need not exist yet.

    Examples
    --------
    >>> import tempfile
    >>> from skts.benchmark import Store
    >>> store = Store(tempfile.mkdtemp())
    >>> with store.writing():
    ...     store.add({"key": "a", "accuracy": 0.5}, {})
    >>> store.rows()
    [{'key': 'a', 'accuracy': 0.5}]
    """

    def __init__(self, folder: str | os.PathLike[str]):
        self.folder = Path(folder)

    @property
    def _file(self):
        return self.folder / ROWS

    def rows(self) -> list[dict[str, Any]]:
        """Return the last row of each run, in the order of their first rows.

        Returns
        -------
        list of dict

        Raises
        ------
        ValueError
            If a line is damaged.
        """
        if not self._file.exists():
            return []
        *lines, _ = self._file.read_bytes().split(b"\n")  # behind the last end: nothing, or half
        found = {}
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                found[row["key"]] = row
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(
                    f"line {number} of {self._file} is damaged: remove it, to have its run again"
                ) from error
        return list(found.values())

    def predictions(self, key: str) -> dict[str, np.ndarray]:
        """Return the predictions of a run.

        Parameters
        ----------
        key : str
            Key of the run.

        Returns
        -------
        dict of str to ndarray
            Labels, probabilities and losses by epoch.
        """
        with np.load(self.folder / "predictions" / f"{key}.npz", allow_pickle=False) as arrays:
            return dict(arrays)

    def check_folder(self) -> None:
        """Check that the folder can be written to, without creating it.

        Raises
        ------
        NotADirectoryError
            If the path, or its parent, is not a folder.
        PermissionError
            If the folder cannot be written to.
        """
        places = (self.folder.absolute(), *self.folder.absolute().parents)
        place = next(place for place in places if place.exists())
        if not place.is_dir():
            raise NotADirectoryError(f"the results need a folder, but {place} is not one")
        if not os.access(place, os.W_OK):
            raise PermissionError(f"the results need a folder, but {place} cannot be written to")

    @contextlib.contextmanager
    def writing(self) -> Iterator[Self]:
        """Lock the folder while this process adds rows.

        Yields
        ------
        Store

        Raises
        ------
        OSError
            If the folder cannot be written to.
        RuntimeError
            If another process adds rows.
        """
        (self.folder / "predictions").mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise RuntimeError(
                f"another process is adding to {self.folder}: wait for it, or use another folder"
            ) from error
        try:
            self._remove_incomplete_records()
            yield self
        finally:
            lock.release()

    def _remove_incomplete_records(self):
        for half in (self.folder / "predictions").glob("*.half"):
            half.unlink()
        with self._file.open("ab+") as file:
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)

    def add(self, row: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Add a row. Its predictions are written first, so that every row has them.

        Parameters
        ----------
        row : dict
            Row with the ``key`` of the run.
        arrays : dict of str to ndarray
            Arrays that `predictions` will return.

        Raises
        ------
        OSError
            If the folder cannot be written to.
        """
        try:
            self._add(row, arrays)
        except OSError as error:
            raise OSError(
                error.errno,
                f"{error.strerror}: no more can be written to {self.folder}, what is there is "
                "safe. Make room, and repeat the command",
            ) from error

    def _add(self, row, arrays):
        if arrays:
            content = io.BytesIO()
            np.savez_compressed(content, **arrays)
            path = self.folder / "predictions" / f"{row['key']}.npz"
            replace_file(path, content.getvalue())
        with self._file.open("ab") as file:
            file.write(json.dumps(row).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
