"""Calibration of regressors on held-out series: shrinkage and range of predictions."""

import numpy as np
from sklearn.model_selection import KFold

#: No more folds are trained once this number of series has been held out.
ENOUGH_HELD_OUT = 100
#: Margin of predictions on each side of the range of the targets, as a fraction of the range.
RANGE_MARGIN = 0.1


def held_out_folds(n, n_folds, seed):
    """Yield pairs of training rows and held-out rows; none for fewer than four series.

    The function stops once at least `ENOUGH_HELD_OUT` series have been held out.
    """
    n_folds = min(n_folds, n // 2)
    if n_folds < 2:
        return
    n_held_out = 0
    for train, test in KFold(n_folds, shuffle=True, random_state=seed).split(np.zeros(n)):
        yield train, test
        n_held_out += len(test)
        if n_held_out >= ENOUGH_HELD_OUT:
            return


def shrinkage_of(predictions, target, weight):
    """Return the factor for predictions, from 0 to 1.

    The factor is the slope of a regression of the targets on the predictions, through 0. It is
    reduced according to its standard error, as in the positive-part estimator of James and Stein
    (1961). The targets have mean 0.
    """
    weight = weight / weight.mean()
    spread = (weight * predictions**2).sum()
    slope = (weight * predictions * target).sum() / spread if spread > 0 else 0.0
    if slope <= 0:
        return 0.0
    squared_error = (weight * (target - slope * predictions) ** 2).mean() / spread
    return float(min(slope, 1.0) * max(0.0, 1 - squared_error / slope**2))


def range_with_margin(target):
    """Return the smallest and the largest prediction for targets of this range."""
    low, high = float(target.min()), float(target.max())
    margin = RANGE_MARGIN * (high - low)
    return low - margin, high + margin
