"""Explanations of fitted networks as arrays; skts.plotting draws them."""

from skts.explain.attributions import integrated_gradients, occlusion
from skts.explain.importance import channel_importance
from skts.explain.layers import (
    attention_context,
    attention_times,
    attention_weights,
    average_attention,
    convolution_filters,
    filter_outputs,
    filter_times,
)
from skts.explain.maps import class_activation_maps

__all__ = [
    "attention_context",
    "attention_times",
    "attention_weights",
    "average_attention",
    "channel_importance",
    "class_activation_maps",
    "convolution_filters",
    "filter_outputs",
    "filter_times",
    "integrated_gradients",
    "occlusion",
]
