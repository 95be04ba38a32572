"""Splits of archive data sets, and preparation for estimators that do not accept all of them."""

import hashlib

import numpy as np

from skts.datasets import load_ucr_parts


def load_split(name, archive, resample=0):
    """Return the training and test split of a data set, and facts about it.

    Parameters
    ----------
    name : str
    archive : str, path or None
        Like `path` in skts.datasets.load_ucr.
    resample : int, default=0
        0: the archive's own split. Others: a random split of all series from this seed, with the
        archive's number of training series per class.

    Returns
    -------
    (X, y), (X_test, y_test), facts
    """
    parts = load_ucr_parts(name, archive)
    data = _fingerprint(parts)
    if resample:
        parts = _resampled(*parts, resample)
    (X, y), (X_test, _) = parts
    series = [*X, *X_test]
    lengths = [x.shape[-1] for x in series]
    facts = {
        "n_train": len(X),
        "n_test": len(X_test),
        "n_classes": len(np.unique(y)),
        "n_channels": series[0].shape[0] if series[0].ndim == 2 else 1,
        "length": max(lengths),
        "unequal_length": min(lengths) < max(lengths),
        "missing": any(np.isnan(x).any() for x in series),
        "data": data,
    }
    return *parts, facts


def fingerprint(name, archive):
    """Identify a data set among others of its name, such as earlier files or another archive."""
    return _fingerprint(load_ucr_parts(name, archive))


def _fingerprint(parts):
    digest = hashlib.sha256()
    for X, y in parts:
        digest.update("\0".join(map(str, y)).encode())
        for x in X:
            digest.update(np.ascontiguousarray(x).tobytes())
    return digest.hexdigest()[:16]


def _resampled(train, test, seed):
    labels = np.concatenate([train[1], test[1]])
    series = [*train[0], *test[0]]
    rng, chosen = np.random.default_rng(seed), []
    for label, count in zip(*np.unique(train[1], return_counts=True), strict=True):
        chosen.append(rng.permutation(np.flatnonzero(labels == label))[:count])
    chosen = np.sort(np.concatenate(chosen))
    left = np.setdiff1d(np.arange(len(labels)), chosen)
    stacked = np.stack if isinstance(train[0], np.ndarray) else list
    return [(stacked([series[i] for i in rows]), labels[rows]) for rows in (chosen, left)]


def prepared(estimator, facts, *, own):
    """Prepare an estimator for the series of a data set.

    Returns
    -------
    estimator
        If values are missing, an estimator of skts gets ``missing="interpolate"``, and one of
        sktime gets sktime's imputer if it needs one. If lengths differ, one of sktime gets padding
        to the longest series of both splits if it needs it.
    list of str
        Names of the preparations.
    """
    if own:
        if not facts["missing"]:
            return estimator, []
        return estimator.set_params(missing="interpolate"), ["interpolated"]
    from sktime.transformations.compose import FitInTransform
    from sktime.transformations.impute import Imputer
    from sktime.transformations.padder import PaddingTransformer

    done = []
    if facts["unequal_length"] and not estimator.get_tag("capability:unequal_length"):
        estimator = PaddingTransformer(pad_length=facts["length"]) * estimator
        done.append("padded with zeros")
    if facts["missing"] and not estimator.get_tag("capability:missing_values"):
        # alone it remembers each series that it was fitted on, and wants as many to predict
        estimator = FitInTransform(Imputer(method="linear")) * estimator
        done.append("interpolated")
    return estimator, done[::-1]


def container(X, *, own):
    """Convert series to a container for the estimator: any for skts, a panel for sktime."""
    if own or isinstance(X, np.ndarray):
        return X if own or X.ndim == 3 else X[:, None]
    import pandas as pd

    return [pd.DataFrame(x.T) for x in X]
