"""Fitted estimators in files: save and load."""

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
        Fitted; a forecaster may also be pretrained alone. Of an adapter for sktime or aeon save its
        ``estimator_``.
    path : str or path
        An existing file is replaced, once all is written, and keeps its mode. What the optimiser
        remembers is written too: with AdamW two more numbers for each weight, three times the size.

    Raises
    ------
    TypeError
        Where it is no such estimator, or of a class of one's own.
    NotFittedError
        Where it is not fitted.
    ValueError
        Where an option cannot be written: a RandomState, callbacks, an optimiser that is not of
        torch.optim; or where options were changed since `fit`, so that the weights do not fit.
    OSError
        Where no file can be written: there is no such folder, or the path is that of a folder,
        device, FIFO or socket.

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
        Takes the place of the estimator's `device`; needed where that is not there.

    Returns
    -------
    estimator
        Predicts as the saved one does, and `partial_fit` and `update` train it as they would train
        the saved one, on the same CPU to the bit. `history_` has no single batches. Of files that
        skts wrote before format 2 training starts with a new state of the optimiser.

    Raises
    ------
    OSError
        Where there is no such file.
    ValueError
        Where it is no file of skts, is damaged or was changed, or needs a later version; or where
        the device is not there.

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
        importlib.import_module("skts.forecasting")  # costs the import of sktime
    return estimator_of(path, header, tensors, device)
