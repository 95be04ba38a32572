"""Quantiles of forecasts from errors on time points that were held out of training."""

import numpy as np


def error_quantiles(errors, levels):
    """The quantiles that split conformal prediction takes of held-out errors.

    Of m errors the k-th smallest, k = floor(level (m + 1)) below the median and ceil above; the
    smallest or largest where there are too few for a level.

    Parameters
    ----------
    errors : array of shape (m, d)
    levels : list of float

    Returns
    -------
    array of shape (len(levels), d)
    """
    ordered = np.sort(errors, axis=0)
    m = len(ordered)
    quantiles = []
    for level in levels:
        if level == 0.5:
            quantiles.append(np.median(ordered, axis=0))
            continue
        position = level * (m + 1)
        # products of decimals such as 0.05 * 20 miss whole numbers by their rounding
        rank = np.floor(position + 1e-9) if level < 0.5 else np.ceil(position - 1e-9)
        quantiles.append(ordered[int(np.clip(rank, 1, m)) - 1])
    return np.array(quantiles)
