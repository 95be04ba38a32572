"""Quantiles of forecasts from errors on time points that were held out of training."""

import numpy as np


def error_quantiles(errors, levels):
    """The quantiles that split conformal prediction takes of held-out errors.

    Of m errors the k-th smallest, k = floor(level (m + 1)) below the median and ceil above; minus
    or plus infinity where there is no such one, since m errors tell nothing of that level.

    Parameters
    ----------
    errors : array of shape (m, d)
    levels : list of float

    Returns
    -------
    array of shape (len(levels), d)
    """
    unbounded = np.full((1, errors.shape[1]), np.inf)
    ordered = np.concatenate([-unbounded, np.sort(errors, axis=0), unbounded])
    return np.array([_of_level(ordered, level) for level in levels])


def _of_level(ordered, level):
    last = len(ordered) - 1  # m + 1
    if level == 0.5 and last > 1:
        return np.median(ordered[1:-1], axis=0)
    # products of decimals such as 0.05 * 20 miss whole numbers by their rounding
    position = level * last
    return ordered[int(np.floor(position + 1e-9) if level < 0.5 else np.ceil(position - 1e-9))]
