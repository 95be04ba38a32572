"""Linear layers, and what all layers share."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm


class Linear(nn.Linear):
    """A linear layer that starts as Keras's: Glorot-uniform weights, zero bias.

    In evaluation it computes in double precision: in single precision the rounding depends on the
    size of the batch, and a series would be predicted differently alone than among others.

    Shape:
        (..., in_features) -> (..., out_features)
    """

    def reset_parameters(self):
        glorot_(self)

    def forward(self, x):
        if self.training:
            return super().forward(x)
        bias = None if self.bias is None else self.bias.double()
        return F.linear(x.double(), self.weight.double(), bias).to(x.dtype)


class Pointwise(Linear):
    """A convolution of width 1: the same linear layer at every time point.

    Shape:
        (B, C, T) -> (B, F, T)
    """

    def forward(self, x):
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


def output_layer(network):
    """The name and the module of the last linear layer, which gives the output; or None twice."""
    linear = [(name, m) for name, m in network.named_modules() if isinstance(m, nn.Linear)]
    return linear[-1] if linear else (None, None)


def batch_norms(network, *, frozen):
    """The layers of batch normalisation whose weights are frozen, or those whose are not."""
    norms = (module for module in network.modules() if isinstance(module, _BatchNorm))
    return [norm for norm in norms if frozen == (norm.affine and not norm.weight.requires_grad)]


def repr_of(module, *names):
    """The options of those names, as torch's own layers show theirs."""
    return ", ".join(f"{name}={getattr(module, name)!r}" for name in names)


def check_one_of(name, value, allowed):
    """Raise ValueError unless `value` is among `allowed`."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {list(allowed)}, got {value!r}")


def check_one_each(name, widths, kernel_sizes):
    """Raise ValueError unless there is one kernel for each of `widths`."""
    if len(widths) != len(kernel_sizes):
        raise ValueError(
            f"kernel_sizes must have one entry for each of {name}: {len(widths)} for "
            f"{name}={widths}, got {kernel_sizes}"
        )


def glorot_(layer):
    """Keras's default start: Glorot-uniform weights, zero bias."""
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def padding_mask(lengths, n_timepoints):
    """True at the valid time points; None where there are no lengths, for all are.

    Shape:
        lengths (B,) or None -> (B, 1, T) or None
    """
    if lengths is None:
        return None
    return torch.arange(n_timepoints, device=lengths.device) < lengths[:, None, None]


def masked(x, mask):
    """`x` with zeros where the mask is False; `x` itself where there is no mask."""
    return x if mask is None else x * mask
