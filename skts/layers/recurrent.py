"""Functions for torch's recurrent layers."""

import torch
from torch import nn


def last_step(x, lengths=None):
    """Return the last valid step of a sequence, (B, S, D) -> (B, D)."""
    if lengths is None:
        return x[:, -1]
    return x[torch.arange(x.shape[0], device=x.device), lengths - 1]  # exports: len() is fixed


def init_recurrent(rnn):
    """Initialise every layer of a recurrent module like Keras, with one bias vector per gate.

    Input weights are Glorot-uniform, recurrent weights orthogonal. Biases are zero, except the bias
    of 1 of forget gates. Torch's second bias vector is redundant, so it is frozen at zero.
    """
    for weight_ih, weight_hh, bias_ih, bias_hh in rnn.all_weights:
        nn.init.xavier_uniform_(weight_ih)
        nn.init.orthogonal_(weight_hh)
        nn.init.zeros_(bias_ih)
        nn.init.zeros_(bias_hh).requires_grad_(False)
        if isinstance(rnn, nn.LSTM):
            nn.init.ones_(bias_ih[rnn.hidden_size : 2 * rnn.hidden_size].detach())
    return rnn


def in_float32(recurrent, x, state=None):
    """Run a recurrent layer in float32, even if autocast runs other layers in bfloat16.

    torch supports recurrent layers in bfloat16 only on some processors, and on CUDA uses float16.
    """
    if not torch.is_autocast_enabled(x.device.type):
        return recurrent(x, state)
    with torch.autocast(x.device.type, enabled=False):
        return recurrent(x.float(), state)


def flatten_recurrent(network):
    """Store the weights of recurrent layers contiguously, as cuDNN requires; copies are not.

    Without this, cuDNN joins the weights at every call, and torch warns.
    """
    for module in network.modules():
        if isinstance(module, nn.RNNBase):
            module.flatten_parameters()
