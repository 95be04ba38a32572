"""Figures of what skts.explain tells, of training and of forecasts.

Each takes an Axes and returns it. They need matplotlib, which the extra ``plot`` installs.
"""

from skts.plotting.embedding import plot_embedding
from skts.plotting.estimators import (
    plot_attention,
    plot_channel_importance,
    plot_confusion_matrix,
    plot_learning_curves,
)
from skts.plotting.forecasts import plot_forecast
from skts.plotting.series import plot_class_activation, plot_filter, plot_relevance

__all__ = [
    "plot_attention",
    "plot_channel_importance",
    "plot_class_activation",
    "plot_confusion_matrix",
    "plot_embedding",
    "plot_filter",
    "plot_forecast",
    "plot_learning_curves",
    "plot_relevance",
]
