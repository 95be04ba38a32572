"""What a fitted network looks at, in numbers; skts.plotting draws them."""

from skts.explain.layers import (
    attention_weights,
    average_attention,
    convolution_filters,
    filter_outputs,
)
from skts.explain.maps import class_activation_maps

__all__ = [
    "attention_weights",
    "average_attention",
    "class_activation_maps",
    "convolution_filters",
    "filter_outputs",
]
