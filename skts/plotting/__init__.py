"""Figures of explanations, training and forecasts.

Each function takes an Axes and returns it. The extra ``plot`` installs the required matplotlib.
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
