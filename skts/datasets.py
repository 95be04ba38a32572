"""Data sets of the UCR and UEA archives: find, read, list."""

import csv
import os
from pathlib import Path

import numpy as np

__all__ = ["find_missing", "list_ucr", "load_ucr", "load_ucr_parts"]

SPLITS = ("train", "test")


def load_ucr(name, split=None, path=None):
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

    Raises
    ------
    ValueError
        Where `split` is none of the above, or a file is not of its layout.
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


def load_ucr_parts(name, path=None):
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
    ValueError, FileNotFoundError
        As load_ucr.

    Examples
    --------
    >>> from skts.datasets import load_ucr_parts
    >>> (X, y), (X_test, y_test) = load_ucr_parts("GunPoint")
    >>> X.shape, X_test.shape
    ((50, 150), (150, 150))
    """
    folders = _archive_folders(path)
    parts = _from_folders(name, folders) or _from_sktime(name, folders)
    lengths = {series.shape[1] for X, _ in parts.values() for series in X}
    if len(lengths) > 1:
        return parts["train"], parts["test"]
    stacked = [(np.stack(X), y) for X, y in (parts[split] for split in SPLITS)]
    return tuple((X[:, 0] if X.shape[1] == 1 else X, y) for X, y in stacked)


def list_ucr(path=None):
    """Names of the data sets in an archive folder, sorted.

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
    folder = (_archive_folders(path) or [_shipped_folder()])[0]
    return sorted(p.name for p in Path(folder).iterdir() if _files(folder, p.name))


def find_missing(names, path=None):
    """Those of the names that load_ucr does not find in `path`, or, without it, knows nothing of.

    Parameters
    ----------
    names : list of str
    path : str or path, optional
        The archive's folder.

    Returns
    -------
    list of str, sorted

    Examples
    --------
    >>> from skts.datasets import find_missing
    >>> find_missing(["GunPoint", "GunPiont"])
    ['GunPiont']
    """
    known = set(list_ucr(path)) | (_names_of_sktime() if path is None else set())
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


def _shipped_folder():
    import sktime  # here, so that reading a local archive does not import it

    return Path(sktime.__file__).parent / "datasets" / "data"


def _files(folder, name):
    """The file of each split, or None where the folder does not hold both."""
    for suffix in (".tsv", ".ts"):
        files = {s: Path(folder) / name / f"{name}_{s.upper()}{suffix}" for s in SPLITS}
        if all(file.is_file() for file in files.values()):
            return files
    return None


def _from_folders(name, folders):
    """Both splits from the first folder that holds them, as lists of (C, T_i) arrays."""
    for folder in folders:
        if files := _files(folder, name):
            if files["train"].suffix == ".tsv":
                return _read_tsv(files)
            return {split: _read_ts(file) for split, file in files.items()}
    return None


def _read_ts(file):
    from sktime.datasets import load_from_tsfile

    X, y = load_from_tsfile(str(file), return_data_type="nested_univ")
    return _from_nested(X), y


def _read_tsv(files):
    """A label, then values; NaN at the end of a row is padding unless the set also has others."""
    tables = {split: _table(file) for split, file in files.items()}
    values = {s: table.iloc[:, 1:].to_numpy(dtype=np.float64) for s, table in tables.items()}
    padded = {split: _n_padded(array) for split, array in values.items()}
    if any(np.isnan(values[split]).sum() > padded[split].sum() for split in files):
        # no set of the archive has both: these are missing values
        padded = {split: np.zeros_like(n) for split, n in padded.items()}
    return {
        split: (
            [row[None, : len(row) - n] for row, n in zip(array, padded[split], strict=True)],
            tables[split][0].to_numpy(dtype=str),
        )
        for split, array in values.items()
    }


def _table(file):
    import pandas as pd

    n_columns = max((line.count("\t") + 1 for line in file.read_text().splitlines()), default=0)
    if n_columns < 2:
        raise ValueError(f"{file} must hold a label and tab-separated values in each line")
    return pd.read_csv(
        file,
        sep="\t",
        names=range(n_columns),
        dtype={0: str},
        quoting=csv.QUOTE_NONE,
        keep_default_na=False,
        na_values={column: ["NaN", "nan", "?", ""] for column in range(1, n_columns)},
    )


def _n_padded(values):
    """How many NaN stand at the end of each row."""
    return np.logical_and.accumulate(np.isnan(values)[:, ::-1], axis=1).sum(axis=1)


def _from_sktime(name, folders):
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

    return {*univariate, *multivariate, *(p.name for p in _shipped_folder().iterdir())}


def _from_nested(X):
    from sktime.datatypes import convert_to

    return [frame.to_numpy().T for frame in convert_to(X, "df-list", as_scitype="Panel")]
