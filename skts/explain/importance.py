"""How much predictions depend on each channel."""

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
    """How much the score drops where a channel is permuted among the series [1]_, [2]_.

    What ``sklearn.inspection.permutation_importance`` does with the columns of a table.
    Channels that tell the same thing stand in for each other: each of them alone may then seem to
    matter little.

    Parameters
    ----------
    estimator : fitted classifier or regressor
        Of skts, an ensemble, an adapter, a pipeline: what takes series of several channels.
    X : array-like of shape (n, C, T), or list of n arrays (C, T_i)
        Also what else `fit` takes; best series that it was not trained on. Where series differ in
        length, a channel is stretched or shrunk in time to the series that it comes into.
    y : array-like of shape (n,)
    n_repeats : int, default=10
        How often each channel is permuted.
    scoring : str, callable, list, tuple or dict, default=None
        As of scikit-learn; None: the estimator's `score`.
    random_state : int, RandomState or None, default=None
        Of the permutations.

    Returns
    -------
    Bunch, or dict of Bunch by name where `scoring` has several scores
        ``importances`` of shape (C, n_repeats), the drops of the score in its own units;
        ``importances_mean`` and ``importances_std`` of shape (C,).

    Raises
    ------
    NotFittedError
        Before `fit`.
    ValueError, TypeError
        Where an option is not as described, or the estimator does not take `X` or `y`.

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
    # an ensemble or an adapter has not what its network knows of names and channels
    reads = estimator if isinstance(estimator, SeriesEstimator) else BaseEstimator()
    values, lengths = read(reads, X, reset=reads is not estimator)
    scorer = check_scoring(estimator, scoring=scoring)
    if reads is not estimator:
        scorer(estimator, X, y)  # what it knows of names and channels it holds against X

    def score(estimator, donors, y):
        return scorer(estimator, _assembled(values, lengths, donors), y)

    # a table with a column for each channel: of each series the number of the one it comes from
    n, n_channels, _ = values.shape
    own = np.repeat(np.arange(n)[:, None], n_channels, axis=1)
    return permutation_importance(
        estimator, own, y, scoring=score, n_repeats=n_repeats, random_state=random_state
    )


def _assembled(values, lengths, donors):
    """Series whose channels come from the series that `donors` (n, C) names."""
    channels = np.arange(values.shape[1])
    if lengths is None:
        return values[donors, channels]
    return [
        np.stack([_stretched(values[row[c], c, : lengths[row[c]]], n_times) for c in channels])
        for row, n_times in zip(donors, lengths, strict=True)
    ]


def _stretched(series, n_times):
    """Resampled linearly to that many time points, the ends where they are."""
    if len(series) == n_times:
        return series
    return np.interp(np.linspace(0, len(series) - 1, n_times), np.arange(len(series)), series)
