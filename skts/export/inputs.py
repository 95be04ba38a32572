"""Series as an exported model takes them."""

import copy

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skts.base import SeriesEstimator
from skts.ensemble import Ensemble
from skts.input.validation import check_series

N_AT_ONCE = 64


def members_of(estimator):
    """The fitted estimators with networks: the members of an ensemble, or this one alone."""
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
        f"{type(estimator).__name__}. Of an adapter take its estimator_, of a search its "
        "best_estimator_, of a pipeline the last step, pipeline[-1], and do what the steps before "
        "do wherever the model runs"
    )


def inputs_of(estimator, X, *, n_timepoints, takes_lengths):
    """Batches of the inputs of the model, by name.

    `X` is what the estimator takes. The model takes series of `n_timepoints`, of any length where
    that is None; with `takes_lengths` shorter ones are padded.
    """
    first = copy.copy(members_of(estimator)[0])
    first._input_options = first._input_options._replace(normalize=None)  # the model does it
    values, lengths = check_series(first, X, reset=False)
    longest = values.shape[2]
    each = np.full(len(values), longest) if lengths is None else lengths
    if not takes_lengths and (each != longest).any():
        raise ValueError(
            f"the model takes no lengths, for {type(estimator).__name__} was fitted on series of "
            f"one length; X has series of {each.min()} to {longest} time points. Call once "
            "per length"
        )
    if n_timepoints is not None and not (
        each.max() <= n_timepoints if takes_lengths else longest == n_timepoints
    ):
        raise ValueError(
            f"the model takes series of {'at most ' if takes_lengths else ''}{n_timepoints} time "
            f"points, X has {longest}. Cut or resample the series, or export with dynamic_time=True"
        )
    missing = max(0, (n_timepoints or 0) - longest)
    inputs = {"x": np.pad(values, ((0, 0), (0, 0), (0, missing)))}
    if takes_lengths:
        inputs["lengths"] = each.astype(np.int64)
    return [
        {name: array[start : start + N_AT_ONCE] for name, array in inputs.items()}
        for start in range(0, len(values), N_AT_ONCE)
    ]
