"""What networks do with torch's recurrent layers."""

import torch
from torch import nn


def last_step(x, lengths=None):
    """The last valid step of a sequence, (B, S, D) -> (B, D)."""
    if lengths is None:
        return x[:, -1]
    return x[torch.arange(x.shape[0], device=x.device), lengths - 1]  # len() would fix exports


def init_recurrent(rnn):
    """Keras's defaults for every layer of a recurrent net, with ONE bias vector per gate.

    Glorot-uniform input weights, orthogonal recurrent weights, zero biases with forget-gate bias 1.
    Torch's second bias vector is redundant: it is frozen at zero.
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
    """What a recurrent layer gives, in float32 also where autocast runs the rest in bfloat16.

    torch has recurrent layers in bfloat16 on some processors alone, and on CUDA takes float16.
    """
    if not torch.is_autocast_enabled(x.device.type):
        return recurrent(x, state)
    with torch.autocast(x.device.type, enabled=False):
        return recurrent(x.float(), state)


def flatten_recurrent(network):
    """Lay the weights of recurrent layers side by side again, as cuDNN wants them; copies are not.

    Where they are not, cuDNN puts them together at every call, and torch warns.
    """
    for module in network.modules():
        if isinstance(module, nn.RNNBase):
            module.flatten_parameters()
