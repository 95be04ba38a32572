"""Data sets of the UCR and UEA archives: find, read, list."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from skts.datasets.archive import SPLITS, files_of, read_parts, why_no_classes

#: Series and their labels. The series are an array, or a list where they differ in length, which
#: Any stands for: no type can tell which of both it is.
Part = tuple[np.ndarray | Any, np.ndarray]


def load_ucr(
    name: str,
    split: Literal["train", "test"] | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Part:
    """Load a data set of the UCR or UEA archive.

    Looked for in `path`, then in the folder that the environment variable ``SKTS_DATA`` names, then
    among what sktime ships, then with sktime's downloader. An archive folder holds
    ``NAME/NAME_TRAIN.tsv`` and ``NAME/NAME_TEST.tsv`` (the layout of ``UCRArchive_2018``) or the
    same with ``.ts`` (that of sktime and aeon).

    Parameters
    ----------
    name : str
        For example ``"GunPoint"``.
    split : {"train", "test", None}, default=None
        None gives both, training series first.
    path : str or path, optional
        The archive's folder.

    Returns
    -------
    X : ndarray of shape (n, T) or (n, C, T), or list of n arrays (C, T_i)
        Univariate, multivariate, or of unequal length. Missing values are NaN.
    y : ndarray of str, shape (n,)
        Labels; those of .ts files in lower case, as sktime and aeon give them.

    Raises
    ------
    TypeError
        Where `name` is no string.
    ValueError
        Where `split` is none of the above, the data set has no classes, or a file is not of its
        layout, with the file and the line.
    FileNotFoundError
        Where `path` or ``SKTS_DATA`` is no folder, or the data set is nowhere; the message names
        the folders looked in.

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
    """Load both parts of a data set, with one reading.

    Parameters
    ----------
    name : str
    path : str or path, optional
        As of load_ucr.

    Returns
    -------
    (X_train, y_train), (X_test, y_test)
        Each as of load_ucr; lists where series of either part differ in length.

    Raises
    ------
    TypeError, ValueError, FileNotFoundError
        As load_ucr.

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
    """Names of the classification sets in an archive folder, sorted.

    What has no labels, or numbers in their place, is left out: a .ts file says so in its header.

    Parameters
    ----------
    path : str or path, optional
        The archive's folder; else the one that ``SKTS_DATA`` names, else what sktime ships.

    Returns
    -------
    list of str

    Raises
    ------
    FileNotFoundError
        Where `path` or ``SKTS_DATA`` is no folder.

    Examples
    --------
    >>> from skts.datasets import list_ucr
    >>> "GunPoint" in list_ucr()
    True
    """
    return sorted(name for name, reason in sets_in(path).items() if reason is None)


def sets_in(path=None):
    """Data sets in the folder of list_ucr by name, each with why it has no classes, or None."""
    folder = (_archive_folders(path) or [_shipped_folder()])[0]
    found = {entry.name: files_of(folder, entry.name) for entry in sorted(Path(folder).iterdir())}
    return {name: why_no_classes(files) for name, files in found.items() if files}


def find_missing(names: Sequence[str], path: str | os.PathLike[str] | None = None) -> list[str]:
    """Those of the names that load_ucr does not find in `path`, or, without it, knows nothing of.

    Data sets that are not of classes are among them.

    Parameters
    ----------
    names : list of str
    path : str or path, optional
        The archive's folder.

    Returns
    -------
    list of str, sorted

    Raises
    ------
    TypeError
        Where `names` is a string.

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
                f"no such folder: {folder}. path= and SKTS_DATA must name a folder that holds data "
                "sets, NAME/NAME_TRAIN.tsv (or .ts) each."
            )
    return folders


def size_of(name, path=None):
    """Bytes of the training part's file, where load_ucr finds it; 1 where it does not."""
    for folder in (*_archive_folders(path), _shipped_folder()):
        if files := files_of(folder, name):
            return max(1, files["train"].stat().st_size)
    return 1


def _shipped_folder():
    import sktime  # here, so that reading a local archive does not import it

    return Path(sktime.__file__).parent / "datasets" / "data"


def _from_folders(name, folders):
    """Both splits from the first folder that holds them, as lists of (C, T_i) arrays."""
    for folder in folders:
        if files := files_of(folder, name):
            return read_parts(files)
    return None


def _downloaded(name, folders):
    from sktime.datasets import load_UCR_UEA_dataset

    looked_in = ", ".join(map(str, [*folders, _shipped_folder()]))
    if name not in _names_of_sktime():
        raise FileNotFoundError(
            f"data set {name!r} is neither in {looked_in} nor a name of the archives. Pass path= "
            f"or set SKTS_DATA to the folder that holds {name}/{name}_TRAIN.tsv (or .ts)."
        )
    try:
        loaded = {split: load_UCR_UEA_dataset(name, split=split) for split in SPLITS}
    except (OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f"data set {name!r} is not in {looked_in}, and sktime's download failed: {error}. Pass "
            f"path= or set SKTS_DATA to the folder that holds {name}/{name}_TRAIN.tsv (or .ts)."
        ) from error
    return {split: (_from_nested(X), y) for split, (X, y) in loaded.items()}


def _names_of_sktime():
    from sktime.datasets.tsc_dataset_names import multivariate, univariate

    return {*univariate, *multivariate}


def _from_nested(X):
    from sktime.datatypes import convert_to

    return [frame.to_numpy().T for frame in convert_to(X, "df-list", as_scitype="Panel")]
