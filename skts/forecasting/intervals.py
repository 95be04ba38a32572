"""Quantiles of forecasts, from errors on held-out time points."""

import numpy as np


def quantiles_of_steps(series, rollout, steps, levels):
    """Return quantiles of the standardised forecast errors at these steps ahead.

    Parameters
    ----------
    series : dict of name to skts.forecasting.series.Series
        The errors of all series are pooled.
    rollout : skts.forecasting.rollout.Rollout
    steps : int array
        1 for the next time point.
    levels : list of float

    Returns
    -------
    array of shape (len(steps), len(levels), d)
    """
    errors = held_out_errors(series, rollout, int(steps.max()))
    known = [of_step[np.isfinite(of_step).all(axis=1)] for of_step in np.moveaxis(errors, 1, 0)]
    return np.array([error_quantiles(known[step - 1], levels) for step in steps])


def held_out_errors(series, rollout, n_steps):
    """Return the errors on the held-out time points of all series, (n_held_out, n_steps, d)."""
    errors = []
    for name, one in series.items():
        start, stop = one.held_out_rows()
        y, X = one.standardised()
        is_known = one.y.notna().to_numpy()[:stop]
        errors.append(rollout.errors(name, y[:stop], X, is_known, start, n_steps))
    return np.concatenate(errors)


def error_quantiles(errors, levels):
    """Return the quantiles of held-out errors for split conformal prediction.

    The quantile of m errors is the k-th smallest one. Below the median, k = floor(level (m + 1)),
    above it, k = ceil(level (m + 1)). Without a k-th error, the quantile is minus or plus infinity,
    because m errors are too few for the level.

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
    # rounding: products of decimals such as 0.05 * 20 may not be whole numbers
    position = level * last
    return ordered[int(np.floor(position + 1e-9) if level < 0.5 else np.ceil(position - 1e-9))]
