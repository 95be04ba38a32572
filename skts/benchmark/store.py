"""The results of a study in a folder: rows that are only ever added, and predictions."""

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
    """Results in a folder: ``rows.jsonl``, a row for each line, and ``predictions/KEY.npz``.

    A line counts once its end is written. What a process that was killed left half written is cut
    off by the next one that adds rows; one at a time may do that.

    Parameters
    ----------
    folder : str or path
        Need not be there yet.

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
        """The last row of each run, in the order in which the runs came first.

        Returns
        -------
        list of dict

        Raises
        ------
        ValueError
            Where a line is damaged.
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
        """What a run predicted.

        Parameters
        ----------
        key : str
            Of the run.

        Returns
        -------
        dict of str to ndarray
            Labels, probabilities and losses by epoch.
        """
        with np.load(self.folder / "predictions" / f"{key}.npz", allow_pickle=False) as arrays:
            return dict(arrays)

    def check_folder(self) -> None:
        """See that the folder can be written to, without making it.

        Raises
        ------
        NotADirectoryError
            Where it, or what it is to be in, is no folder.
        PermissionError
            Where it cannot be written to.
        """
        places = (self.folder.absolute(), *self.folder.absolute().parents)
        place = next(place for place in places if place.exists())
        if not place.is_dir():
            raise NotADirectoryError(f"the results need a folder, but {place} is none")
        if not os.access(place, os.W_OK):
            raise PermissionError(f"the results need a folder, but {place} cannot be written to")

    @contextlib.contextmanager
    def writing(self) -> Iterator[Self]:
        """For the time in which this process may add rows.

        Yields
        ------
        Store

        Raises
        ------
        OSError
            Where the folder cannot be written to.
        RuntimeError
            Where another process adds rows.
        """
        (self.folder / "predictions").mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise RuntimeError(
                f"another process is adding to {self.folder}: wait for its end or use another"
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
        """Add a row, and first its predictions, so that no row is without them.

        Parameters
        ----------
        row : dict
            With the ``key`` of the run.
        arrays : dict of str to ndarray
            What `predictions` gives back.

        Raises
        ------
        OSError
            Where the folder cannot be written to.
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
