"""Saving and loading of fitted estimators."""

import importlib
import os
from typing import Any

from skts.persistence.storable import (
    Storable,
    class_in,
    estimator_of,
    read_entry,
    write_estimator,
)

__all__ = ["load", "save"]


def save(estimator: Storable, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator of skts to a file.

    Parameters
    ----------
    estimator : classifier, regressor, seed ensemble or forecaster of skts
        A fitted estimator, or a pretrained forecaster. Of an adapter for sktime or aeon, save
        ``estimator_``.
    path : str or path
        An existing file is replaced when the new one is complete, and keeps its mode. The file
        also holds the state of the optimiser. With AdamW it is three times as large as the weights.

    Raises
    ------
    TypeError
        If `estimator` is none of these, or its class is not part of skts.
    NotFittedError
        If `estimator` is not fitted.
    ValueError
        If an option cannot be stored (a RandomState, callbacks, an optimiser from outside
        torch.optim), or if options that the fitted network depends on changed since `fit`.
    OSError
        If the file cannot be written, for example because the folder does not exist, or the path
        is a folder, device, FIFO or socket.

    Examples
    --------
    >>> import tempfile, pathlib, skts
    >>> from skts.datasets import load_ucr
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = skts.FCNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "fcn.skts"
    >>> skts.save(clf, path)
    >>> bool((skts.load(path).predict(X) == clf.predict(X)).all())
    True
    """
    write_estimator(estimator, path)


def load(path: str | os.PathLike[str], *, device: str | None = None) -> Any:
    """Read an estimator that skts.save wrote. Nothing in the file is executed.

    Parameters
    ----------
    path : str or path
    device : {"auto", "cpu", "cuda", "cuda:N"}, optional
        Replaces the `device` of the estimator. Required if that device is not available.

    Returns
    -------
    estimator
        It predicts like the saved one. `partial_fit` and `update` train it as they would train the
        saved one, identically on the same CPU. `history_` has no single batches. After loading a
        file older than format 2, training starts with a new state of the optimiser.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If the file was not written by skts, is damaged, was changed or needs a later version of
        skts, or if the device is not available.

    Examples
    --------
    >>> import tempfile, pathlib, skts
    >>> from skts.datasets import load_ucr
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "fcn.skts"
    >>> skts.FCNClassifier(max_epochs=2, random_state=0).fit(X, y).save(path)
    >>> skts.load(path, device="cpu").classes_.tolist()
    ['1', '2']
    """
    header, tensors = read_entry(path)
    if str(class_in(header)).endswith("Forecaster"):
        importlib.import_module("skts.forecasting")  # registers forecasters; imports sktime
    return estimator_of(path, header, tensors, device)
