"""Torch blocks that two or more architectures share; your own networks can use them too.

They are not part of the stable interface: no module lists them in ``__all__``.
"""

from skts.layers.attention import SelfAttention, dot_product_weights, masked_weights, split_heads
from skts.layers.common import (
    Linear,
    Pointwise,
    batch_norms,
    check_one_each,
    check_one_of,
    glorot_,
    masked,
    output_layer,
    padding_mask,
    repr_of,
)
from skts.layers.convolution import (
    AverageOverTime,
    BatchNorm,
    ConvBlock,
    ConvBranch,
    HalvingPool,
    HybridFilters,
    SameConv,
    SamePool,
    SeparableConv,
    SqueezeExcite,
    Window,
    mean_over_time,
)
from skts.layers.features import FixedFeatures
from skts.layers.recurrent import flatten_recurrent, in_float32, init_recurrent, last_step
from skts.layers.representation import (
    REPRESENTATIONS,
    CumulativeSum,
    Derivative,
    Reading,
    Spectrum,
    steps_of,
)
