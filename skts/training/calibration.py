"""How far predictions of numbers are to be trusted, from held-out series."""

import numpy as np
from sklearn.model_selection import KFold

#: Held-out series that are enough.
ENOUGH_HELD_OUT = 100
#: How far predictions may go beyond the range of the targets, as a part of it.
RANGE_MARGIN = 0.1


def held_out_folds(n, n_folds, seed):
    """Pairs of rows to train on and rows held out; none where there are fewer than four series.

    Of `n_folds` as many as hold `ENOUGH_HELD_OUT` series together.
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
    """What predictions should be multiplied with, from 0 to 1.

    This is the slope of the targets on the predictions, through 0, less what its standard error
    asks for: the positive-part estimator of James and Stein (1961). The targets have mean 0.
    """
    weight = weight / weight.mean()
    spread = (weight * predictions**2).sum()
    slope = (weight * predictions * target).sum() / spread if spread > 0 else 0.0
    if slope <= 0:
        return 0.0
    squared_error = (weight * (target - slope * predictions) ** 2).mean() / spread
    return float(min(slope, 1.0) * max(0.0, 1 - squared_error / slope**2))


def range_with_margin(target):
    """The least and the largest prediction that targets of this range allow."""
    low, high = float(target.min()), float(target.max())
    margin = RANGE_MARGIN * (high - low)
    return low - margin, high + margin
