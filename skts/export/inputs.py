"""Inputs of exported models."""

import copy

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skts.base import SeriesEstimator
from skts.ensemble import Ensemble
from skts.input.validation import check_series

N_AT_ONCE = 64


def members_of(estimator):
    """Return the fitted estimators with networks: the members of an ensemble, or this one."""
    if isinstance(estimator, SeriesEstimator):
        check_is_fitted(estimator)
        return [estimator]
    if isinstance(estimator, Ensemble):
        check_is_fitted(estimator)
        if all(isinstance(member, SeriesEstimator) for member in estimator.estimators_):
            return estimator.estimators_
        raise TypeError(
            "cannot export: all members must be networks of skts, got "
            f"{[type(member).__name__ for member in estimator.estimators_]}"
        )
    raise TypeError(
        "expected a fitted classifier, regressor or ensemble of skts, got a "
        f"{type(estimator).__name__}. Of an adapter, pass estimator_; of a search, pass "
        "best_estimator_; of a pipeline, pass its last step pipeline[-1], and apply the other "
        "steps where the model runs"
    )


def inputs_of(estimator, X, *, n_timepoints, takes_lengths):
    """Return batches of the inputs of the model, by name.

    `X` has a format of the estimator. The model takes series of `n_timepoints`, or of any length if
    that is None. With `takes_lengths`, shorter series are padded.
    """
    first = copy.copy(members_of(estimator)[0])
    first._input_options = first._input_options._replace(normalize=None)  # the model does it
    values, lengths = check_series(first, X, reset=False)
    longest = values.shape[2]
    each = np.full(len(values), longest) if lengths is None else lengths
    if not takes_lengths and (each != longest).any():
        raise ValueError(
            f"the model takes no lengths, because {type(estimator).__name__} was fitted on series "
            f"of one length; X has series of {each.min()} to {longest} time points. Call once "
            "per length"
        )
    if n_timepoints is not None and not (
        each.max() <= n_timepoints if takes_lengths else longest == n_timepoints
    ):
        raise ValueError(
            f"the model takes series of {'at most ' if takes_lengths else ''}{n_timepoints} time "
            f"points, got {longest}. Cut or resample the series, or export with dynamic_time=True"
        )
    missing = max(0, (n_timepoints or 0) - longest)
    inputs = {"x": np.pad(values, ((0, 0), (0, 0), (0, missing)))}
    if takes_lengths:
        inputs["lengths"] = each.astype(np.int64)
    return [
        {name: array[start : start + N_AT_ONCE] for name, array in inputs.items()}
        for start in range(0, len(values), N_AT_ONCE)
    ]
