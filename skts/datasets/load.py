"""Finding, reading and listing data sets of the UCR and UEA archives."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from skts.datasets.archive import SPLITS, files_of, read_parts, why_no_classes

#: Series and their labels. The series are an array, or a list if they differ in length. Any stands
#: for the list, because the type does not depend on the arguments.
Part = tuple[np.ndarray | Any, np.ndarray]


def load_ucr(
    name: str,
    split: Literal["train", "test"] | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Part:
    """Load a data set of the UCR or UEA archive.

    The function searches `path`, the folder in the environment variable ``SKTS_DATA``, and the data
    sets that sktime ships. If none of them has the data set, sktime downloads it. An archive folder
    contains ``NAME/NAME_TRAIN.tsv`` and ``NAME/NAME_TEST.tsv`` (the layout of ``UCRArchive_2018``),
    or the same files with ``.ts`` (the layout of sktime and aeon).

    Parameters
    ----------
    name : str
        For example ``"GunPoint"``.
    split : {"train", "test", None}, default=None
        None returns both splits, with the training series first.
    path : str or path, optional
        Folder of the archive.

    Returns
    -------
    X : ndarray of shape (n, T) or (n, C, T), or list of n arrays (C, T_i)
        Univariate, multivariate, or of unequal length. Missing values are NaN.
    y : ndarray of str, shape (n,)
        Labels. Labels of .ts files are in lower case, as in sktime and aeon.

    Raises
    ------
    TypeError
        If `name` is not a string.
    ValueError
        If `split` is none of the above, the data set has no classes, or a file has a wrong
        layout. The message names the file and the line.
    FileNotFoundError
        If `path` or ``SKTS_DATA`` is not a folder, or the data set was not found. The message
        names the folders that were searched.

    References
    ----------
    .. [1] H. A. Dau et al. (2019). The UCR time series archive. IEEE/CAA Journal of Automatica
       Sinica 6, 1293-1305.

    Examples
    --------
    >>> from skts.datasets import load_ucr
    >>> X, y = load_ucr("GunPoint", split="train")
    >>> X.shape, y[:3].tolist()
    ((50, 150), ['2', '2', '1'])
    """
    if split not in (*SPLITS, None):
        raise ValueError(f"split must be 'train', 'test' or None, got {split!r}")
    train, test = load_ucr_parts(name, path)
    if split is not None:
        return train if split == "train" else test
    X = [*train[0], *test[0]]
    return (np.stack(X) if isinstance(train[0], np.ndarray) else X), np.concatenate(
        [train[1], test[1]]
    )


def load_ucr_parts(name: str, path: str | os.PathLike[str] | None = None) -> tuple[Part, Part]:
    """Load the training split and the test split of a data set.

    Parameters
    ----------
    name : str
    path : str or path, optional
        As in load_ucr.

    Returns
    -------
    (X_train, y_train), (X_test, y_test)
        As in load_ucr; lists if series of either split differ in length.

    Raises
    ------
    TypeError, ValueError, FileNotFoundError
        As in load_ucr.

    Examples
    --------
    >>> from skts.datasets import load_ucr_parts
    >>> (X, y), (X_test, y_test) = load_ucr_parts("GunPoint")
    >>> X.shape, X_test.shape
    ((50, 150), (150, 150))
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, such as 'GunPoint', got {name!r}")
    folders = _archive_folders(path)
    parts = (
        _from_folders(name, folders)
        or _from_folders(name, [_shipped_folder()])
        or _downloaded(name, folders)
    )
    lengths = {series.shape[1] for X, _ in parts.values() for series in X}
    if len(lengths) > 1:
        return parts["train"], parts["test"]
    stacked = [(np.stack(X), y) for X, y in (parts[split] for split in SPLITS)]
    train, test = ((X[:, 0] if X.shape[1] == 1 else X, y) for X, y in stacked)
    return train, test


def list_ucr(path: str | os.PathLike[str] | None = None) -> list[str]:
    """Return the sorted names of the classification data sets in an archive folder.

    Data sets without labels or with numeric targets are left out. The header of a .ts file states
    this.

    Parameters
    ----------
    path : str or path, optional
        Folder of the archive. Default: the folder that ``SKTS_DATA`` names, or else the data sets
        that sktime ships.

    Returns
    -------
    list of str

    Raises
    ------
    FileNotFoundError
        If `path` or ``SKTS_DATA`` is not a folder.

    Examples
    --------
    >>> from skts.datasets import list_ucr
    >>> "GunPoint" in list_ucr()
    True
    """
    return sorted(name for name, reason in sets_in(path).items() if reason is None)


def sets_in(path=None):
    """Return the data sets in the folder of list_ucr by name, with why they have no classes.

    The reason is None for data sets with classes.
    """
    folder = (_archive_folders(path) or [_shipped_folder()])[0]
    found = {entry.name: files_of(folder, entry.name) for entry in sorted(Path(folder).iterdir())}
    return {name: why_no_classes(files) for name, files in found.items() if files}


def find_missing(names: Sequence[str], path: str | os.PathLike[str] | None = None) -> list[str]:
    """Return the names that load_ucr cannot find in `path` or, without `path`, does not know.

    Data sets without classes are included.

    Parameters
    ----------
    names : list of str
    path : str or path, optional
        Folder of the archive.

    Returns
    -------
    list of str, sorted

    Raises
    ------
    TypeError
        If `names` is a string.

    Examples
    --------
    >>> from skts.datasets import find_missing
    >>> find_missing(["GunPoint", "GunPiont"])
    ['GunPiont']
    """
    if isinstance(names, str):
        raise TypeError(f"names must be a list of names, got a string: pass [{names!r}]")
    known = set(list_ucr(path))
    if path is None:
        known |= {*list_ucr(_shipped_folder()), *_names_of_sktime()}
    return sorted(set(names) - known)


def _archive_folders(path):
    folders = [Path(folder) for folder in (path, os.environ.get("SKTS_DATA")) if folder]
    for folder in folders:
        if not folder.is_dir():
            raise FileNotFoundError(
                f"no such folder: {folder}. path= and SKTS_DATA must be a folder with data sets, "
                "each in NAME/NAME_TRAIN.tsv (or .ts)."
            )
    return folders


def size_of(name, path=None):
    """Return the bytes of the file of the training split, or 1 if load_ucr does not find it."""
    for folder in (*_archive_folders(path), _shipped_folder()):
        if files := files_of(folder, name):
            return max(1, files["train"].stat().st_size)
    return 1


def _shipped_folder():
    import sktime  # imported here, because a local archive does not need it

    return Path(sktime.__file__).parent / "datasets" / "data"


def _from_folders(name, folders):
    """Return both splits from the first folder that has them, as lists of (C, T_i) arrays."""
    for folder in folders:
        if files := files_of(folder, name):
            return read_parts(files)
    return None


def _downloaded(name, folders):
    from sktime.datasets import load_UCR_UEA_dataset

    looked_in = ", ".join(map(str, [*folders, _shipped_folder()]))
    if name not in _names_of_sktime():
        raise FileNotFoundError(
            f"data set {name!r} is neither in {looked_in} nor known to sktime. Check the name, or "
            f"pass path= or set SKTS_DATA to the folder with {name}/{name}_TRAIN.tsv (or .ts)."
        )
    try:
        loaded = {split: load_UCR_UEA_dataset(name, split=split) for split in SPLITS}
    except (OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f"data set {name!r} is not in {looked_in}, and sktime's download failed: {error}. Pass "
            f"path= or set SKTS_DATA to the folder with {name}/{name}_TRAIN.tsv (or .ts)."
        ) from error
    return {split: (_from_nested(X), y) for split, (X, y) in loaded.items()}


def _names_of_sktime():
    from sktime.datasets.tsc_dataset_names import multivariate, univariate

    return {*univariate, *multivariate}


def _from_nested(X):
    from sktime.datatypes import convert_to

    return [frame.to_numpy().T for frame in convert_to(X, "df-list", as_scitype="Panel")]
