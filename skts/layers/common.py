"""Linear layers, and functions that all layers share."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm


class Linear(nn.Linear):
    """A linear layer with Keras's initialisation: Glorot-uniform weights, zero bias.

    In evaluation mode it computes in double precision. In single precision, rounding depends on the
    batch size, so the prediction for a series would depend on the other series of its batch.

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
    """Return the name and the module of the output layer, the last linear layer; or None twice."""
    linear = [(name, m) for name, m in network.named_modules() if isinstance(m, nn.Linear)]
    return linear[-1] if linear else (None, None)


def batch_norms(network, *, frozen):
    """Return the batch normalisation layers whose weights are frozen, or all others."""
    norms = (module for module in network.modules() if isinstance(module, _BatchNorm))
    return [norm for norm in norms if frozen == (norm.affine and not norm.weight.requires_grad)]


def repr_of(module, *names):
    """Return the options with these names as text, in the style of torch's own layers."""
    return ", ".join(f"{name}={getattr(module, name)!r}" for name in names)


def check_one_of(name, value, allowed):
    """Raise ValueError unless `value` is among `allowed`."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {list(allowed)}, got {value!r}")


def check_one_each(name, widths, kernel_sizes):
    """Raise ValueError unless there is one kernel size for each of `widths`."""
    if len(widths) != len(kernel_sizes):
        raise ValueError(
            f"kernel_sizes must have {len(widths)} entries, as many as {name}={widths}, "
            f"got {kernel_sizes}"
        )


def glorot_(layer):
    """Initialise a layer like Keras: Glorot-uniform weights, zero bias."""
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def padding_mask(lengths, n_timepoints):
    """Return a mask that is True at valid time points, or None if all are valid.

    Shape:
        lengths (B,) or None -> (B, 1, T) or None
    """
    if lengths is None:
        return None
    return torch.arange(n_timepoints, device=lengths.device) < lengths[:, None, None]


def masked(x, mask):
    """Return `x` with zeros where the mask is False, or `x` itself without a mask."""
    return x if mask is None else x * mask
