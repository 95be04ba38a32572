"""A figure of the features of many series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import is_classifier
from sklearn.utils.validation import check_consistent_length, column_or_1d

from skts.plotting.axes import axes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_embedding(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    reducer: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """The features of series, in two dimensions, one point for each series.

    Parameters
    ----------
    estimator : fitted classifier, regressor or ensemble of skts
        With `transform`.
    X : as in `fit`
    y : array-like of shape (n,), optional
        Colours the points: by label for classifiers, along a scale for regressors.
    reducer : estimator with `fit_transform`, optional
        Makes two columns of the features, as scikit-learn's ``TSNE()`` does. Default: ``PCA(2)``.
    ax : matplotlib Axes, optional
        Default: a new one.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        Where the estimator has no `transform`.
    ValueError
        Where `y` has another length than `X` or missing values, or `reducer` does not give two
        columns.
    NotFittedError
        Before `fit`.

    Examples
    --------
    >>> from skts import FCNClassifier
    >>> from skts.datasets import load_ucr
    >>> from skts.plotting import plot_embedding
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = FCNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> plot_embedding(clf, X, y).get_xlabel()
    'principal component 1'
    """
    if not hasattr(estimator, "transform"):
        raise TypeError(
            f"expected an estimator with transform, got a {type(estimator).__name__}; an ensemble "
            "has it where all its members do"
        )
    features = estimator.transform(X)
    points, name = _in_two_dimensions(features, reducer)
    ax = axes_of(ax)
    if y is None:
        ax.scatter(points[:, 0], points[:, 1], s=20)
    else:
        y = column_or_1d(y)
        check_consistent_length(points, y)
        if pd.isna(y).any():
            raise ValueError(
                f"y must have a value for each series, got {pd.isna(y).sum()} without: leave out "
                "these series, or y"
            )
        _scatter(ax, points, y, by_label=is_classifier(estimator))
    ax.set(xlabel=f"{name} 1", ylabel=f"{name} 2")
    return ax


def _in_two_dimensions(features, reducer):
    """The points (n, 2), and what their coordinates are called."""
    if reducer is None:
        from sklearn.decomposition import PCA  # not needed by the other figures

        if min(features.shape) < 2:
            raise ValueError(
                "PCA needs at least 2 series and 2 features, got features of shape "
                f"{features.shape}: give a reducer of your own"
            )
        return PCA(2, random_state=0).fit_transform(features), "principal component"
    points = np.asarray(reducer.fit_transform(features))
    if points.shape != (len(features), 2):
        raise ValueError(
            f"reducer must give 2 columns for {len(features)} series, got an array of shape "
            f"{points.shape}: set its n_components=2"
        )
    return points, "dimension"


def _scatter(ax, points, y, *, by_label):
    if not by_label:
        shown = ax.scatter(points[:, 0], points[:, 1], c=y, s=20, cmap="cividis")
        ax.figure.colorbar(shown, ax=ax, label="target")
        return
    from matplotlib import colormaps

    labels = np.unique(y)
    shades = colormaps["viridis" if len(labels) > 10 else "tab10"]
    colors = shades(np.linspace(0, 1, len(labels)) if len(labels) > 10 else range(len(labels)))
    for label, color in zip(labels, colors, strict=True):
        of_class = points[y == label]
        ax.scatter(of_class[:, 0], of_class[:, 1], s=20, color=color, label=str(label))
    ax.legend(title="class", ncols=1 + len(labels) // 15)
