"""Scatter plot of the features of many series."""

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
    """Draw the features of series in two dimensions, with one point for each series.

    Parameters
    ----------
    estimator : fitted classifier, regressor or ensemble of skts
        With `transform`.
    X : as in `fit`
    y : array-like of shape (n,), optional
        Colours the points: by label for classifiers, on a continuous scale for regressors.
    reducer : estimator with `fit_transform`, optional
        Reduces the features to two columns, for example scikit-learn's ``TSNE()``. Default:
        ``PCA(2)``.
    ax : matplotlib Axes, optional
        Default: new Axes.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        If the estimator has no `transform`.
    ValueError
        If `y` has another length than `X` or missing values, or `reducer` does not return two
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
            f"expected an estimator with transform, got a {type(estimator).__name__}. An ensemble "
            "has transform only if all its members have it"
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
                f"y must have no missing values, got {pd.isna(y).sum()}: drop these series, or "
                "pass no y"
            )
        _scatter(ax, points, y, by_label=is_classifier(estimator))
    ax.set(xlabel=f"{name} 1", ylabel=f"{name} 2")
    return ax


def _in_two_dimensions(features, reducer):
    """Return the points (n, 2) and the name of their axes."""
    if reducer is None:
        from sklearn.decomposition import PCA  # imported here because other figures do not need it

        if min(features.shape) < 2:
            raise ValueError(
                "PCA needs at least 2 series and 2 features, got features of shape "
                f"{features.shape}: pass another reducer"
            )
        return PCA(2, random_state=0).fit_transform(features), "principal component"
    points = np.asarray(reducer.fit_transform(features))
    if points.shape != (len(features), 2):
        raise ValueError(
            f"reducer must return 2 columns for {len(features)} series, got an array of shape "
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
