"""Comparisons of models. Tables have a row for each data set and a column for each model."""

import itertools

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests


def mpce(accuracies, n_classes):
    """Mean per-class error of each model: the mean over data sets of error / number of classes.

    Parameters
    ----------
    accuracies : DataFrame of shape (n_datasets, n_models)
    n_classes : Series of shape (n_datasets,)

    Returns
    -------
    Series of shape (n_models,)

    References
    ----------
    .. [1] Z. Wang, W. Yan, T. Oates (2017). Time series classification from scratch with deep
       neural networks: A strong baseline. IJCNN, 1578-1585.

    Examples
    --------
    >>> import pandas as pd
    >>> from skts.benchmark.report.statistics import mpce
    >>> mpce(pd.DataFrame({"a": [0.9, 0.5]}), pd.Series([2, 5])).round(4).to_dict()
    {'a': 0.075}
    """
    return (1 - accuracies).div(n_classes, axis=0).mean()


def ranks(scores):
    """Of each model on each data set: 1 is the highest score, equal scores share their mean."""
    return scores.rank(axis=1, ascending=False)


def best_of_each(scores):
    """True where a model is the best on a data set, alone or with others."""
    return scores.eq(scores.max(axis=1), axis=0)


def wins_and_ties(scores):
    """On how many data sets a model alone is best, and on how many it is so with others."""
    best = best_of_each(scores)
    alone = best.sum(axis=1) == 1
    return best[alone].sum(), best[~alone].sum()


def friedman(scores):
    """Statistic and p-value of Friedman's test that all models rank alike.

    None where it cannot be done: for less than three models or two data sets, or where no data set
    tells the models apart.
    """
    apart = scores.nunique(axis=1) > 1
    if scores.shape[1] < 3 or len(scores) < 2 or not apart.any():
        return None
    result = stats.friedmanchisquare(*scores.to_numpy().T)
    return float(result.statistic), float(result.pvalue)


def wilcoxon_pairs(scores, pairs=None):
    """Wilcoxon's signed-rank test of pairs of models, two-sided, with corrected p-values.

    Parameters
    ----------
    scores : DataFrame of shape (n_datasets, n_models)
    pairs : list of (str, str), optional
        Default: all.

    Returns
    -------
    DataFrame with a row for each pair
        `first`, `second`; on how many data sets the first one `wins`, `draws`, `loses`; `p`, and p
        corrected for the number of pairs by `holm` and, as the LSTM-FCN papers do, by
        `dunn_sidak`.
    """
    found = []
    for first, second in pairs or itertools.combinations(scores, 2):
        # rounded, as differences that are equal but for the last digit share a rank
        difference = (scores[first] - scores[second]).round(10).to_numpy()
        # of two models that are equal everywhere the test knows nothing
        p = stats.wilcoxon(difference).pvalue if np.any(difference) else 1.0
        counts = [int(np.sum(np.sign(difference) == sign)) for sign in (1, 0, -1)]
        found.append([first, second, *counts, float(p)])
    table = pd.DataFrame(found, columns=["first", "second", "wins", "draws", "loses", "p"])
    for name, method in (("holm", "holm"), ("dunn_sidak", "sidak")):
        with np.errstate(divide="ignore"):  # of the logarithm, where p is 1
            table[name] = multipletests(table["p"], method=method)[1]
    return table
