"""Comparison of an exported model with its estimator."""

import json
import os
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier

from skts.base import SeriesEstimator
from skts.ensemble import Ensemble
from skts.export.export import json_labels
from skts.export.inputs import inputs_of, members_of
from skts.extras import needs


def compare_onnx(
    estimator: SeriesEstimator | Ensemble, path: str | os.PathLike[str], X: ArrayLike
) -> dict[str, float]:
    """Run an exported model with onnxruntime and compare its output with the estimator.

    Parameters
    ----------
    estimator : classifier, regressor or ensemble of skts
        The estimator that was exported to `path`.
    path : str or path
    X : array-like
        Series as for `predict`. Use series that were not used for training or calibration.

    Returns
    -------
    dict
        ``bytes``, the size of the file, and ``largest_difference`` of a probability, or of a
        prediction in the unit of the targets. For a classifier also ``same_label``, the share of
        series with the same label.

    Raises
    ------
    TypeError, NotFittedError
        As in export_onnx.
    ValueError
        If `X` is invalid for the estimator, or its lengths are invalid for the model.
    OSError
        If there is no such file.
    ModuleNotFoundError
        If onnxruntime is not installed; the extra ``onnx`` installs it.

    Examples
    --------
    >>> import tempfile, pathlib, skts
    >>> from skts.datasets import load_ucr
    >>> from skts.export import compare_onnx
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = skts.FCNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "fcn.onnx"
    >>> skts.export_onnx(clf, path, precision="float16")
    >>> compare_onnx(clf, path, X)["largest_difference"] < 0.01
    True
    """
    with needs("onnx", "compare_onnx"):
        import onnxruntime
    members_of(estimator)  # raises if the estimator is invalid, before the file is read
    content = Path(path).read_bytes()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    _check_is_of(estimator, session, path)
    shapes = {of.name: of.shape for of in session.get_inputs()}
    fixed = shapes["x"][2] if isinstance(shapes["x"][2], int) else None
    batches = inputs_of(estimator, X, n_timepoints=fixed, takes_lengths="lengths" in shapes)
    found = np.concatenate([session.run(None, inputs)[0] for inputs in batches])
    own = _answers(estimator, X)
    told: dict[str, float] = {"bytes": len(content)}
    if is_classifier(estimator):
        told["same_label"] = float(np.mean(found.argmax(axis=1) == own.argmax(axis=1)))
    return told | {"largest_difference": float(np.abs(found - own).max())}


def _check_is_of(estimator, session, path):
    """Raise ValueError unless the metadata of the model has the classes of the estimator."""
    told = json.loads(session.get_modelmeta().custom_metadata_map.get("skts", "{}")).get("classes")
    own = None
    if is_classifier(estimator):
        own = json.loads(json.dumps(json_labels(estimator.classes_), default=str))
    if told != own:
        raise ValueError(
            f"{path} must be an export of this {type(estimator).__name__}, with the classes {own}, "
            f"got a model with the classes {told}"
        )


def _answers(estimator, X):
    return estimator.predict_proba(X) if is_classifier(estimator) else estimator.predict(X)
