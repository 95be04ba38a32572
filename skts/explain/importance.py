"""Permutation importance of channels."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.inspection import permutation_importance
from sklearn.metrics import check_scoring
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from skts.base import SeriesEstimator
from skts.input.containers import read
from skts.params import integer


def channel_importance(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    n_repeats: int = 10,
    scoring: str | Callable | Sequence[str] | dict[str, Any] | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch | dict[str, Bunch]:
    """Measure how much the score drops if a channel is permuted among the series [1]_, [2]_.

    ``sklearn.inspection.permutation_importance`` does the same with the columns of a table.
    Channels with the same information can replace each other, so each of them can seem unimportant.

    Parameters
    ----------
    estimator : fitted classifier or regressor
        An estimator, ensemble or adapter of skts, or a pipeline, that takes several channels.
    X : array-like of shape (n, C, T), or list of n arrays (C, T_i)
        Or any other format of `fit`. Use held-out series. If series differ in length, a channel is
        stretched or shrunk in time to the length of its new series.
    y : array-like of shape (n,)
    n_repeats : int, default=10
        Number of permutations of each channel.
    scoring : str, callable, list, tuple or dict, default=None
        As in scikit-learn. None: the `score` of the estimator.
    random_state : int, RandomState or None, default=None
        Seed of the permutations.

    Returns
    -------
    Bunch, or dict of Bunch by name if `scoring` has several scores
        ``importances`` of shape (C, n_repeats), the drops of the score in its own units;
        ``importances_mean`` and ``importances_std`` of shape (C,).

    Raises
    ------
    NotFittedError
        Before `fit`.
    ValueError, TypeError
        If an option is not as described, or the estimator does not take `X` or `y`.

    References
    ----------
    .. [1] L. Breiman (2001). Random forests. Machine Learning 45, 5-32.
    .. [2] A. Fisher, C. Rudin, F. Dominici (2019). All models are wrong, but many are useful:
       Learning a variable's importance by studying an entire class of prediction models
       simultaneously. Journal of Machine Learning Research 20(177), 1-81.

    Examples
    --------
    >>> from skts import FCNClassifier
    >>> from skts.datasets import load_ucr
    >>> from skts.explain import channel_importance
    >>> X, y = load_ucr("BasicMotions", split="train")
    >>> clf = FCNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> channel_importance(clf, X, y, n_repeats=3, random_state=0).importances.shape
    (6, 3)
    """
    check_is_fitted(estimator)
    if not integer(1).accepts(n_repeats):
        raise ValueError(f"n_repeats must be {integer(1).text}, got {n_repeats!r}")
    # only a single estimator of skts knows the names and the number of channels of `fit`
    reads = estimator if isinstance(estimator, SeriesEstimator) else BaseEstimator()
    values, lengths = read(reads, X, reset=reads is not estimator)
    scorer = check_scoring(estimator, scoring=scoring)
    if reads is not estimator:
        scorer(estimator, X, y)  # the estimator checks names and channels of X

    def score(estimator, donors, y):
        return scorer(estimator, _assembled(values, lengths, donors), y)

    # a table (n, C) with the number of the series that each channel comes from
    n, n_channels, _ = values.shape
    own = np.repeat(np.arange(n)[:, None], n_channels, axis=1)
    return permutation_importance(
        estimator, own, y, scoring=score, n_repeats=n_repeats, random_state=random_state
    )


def _assembled(values, lengths, donors):
    """Return series whose channels come from the series with the numbers `donors` (n, C)."""
    channels = np.arange(values.shape[1])
    if lengths is None:
        return values[donors, channels]
    return [
        np.stack([_stretched(values[row[c], c, : lengths[row[c]]], n_times) for c in channels])
        for row, n_times in zip(donors, lengths, strict=True)
    ]


def _stretched(series, n_times):
    """Return a channel resampled linearly to `n_times` time points, with the same ends."""
    if len(series) == n_times:
        return series
    return np.interp(np.linspace(0, len(series) - 1, n_times), np.arange(len(series)), series)
