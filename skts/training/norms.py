"""Recomputation of the averages of batch normalisation after training."""

import math

import torch

from skts.device import is_out_of_memory
from skts.layers import batch_norms
from skts.training.batches import Batches


@torch.no_grad()
def recompute_norms(net, training):
    """Replace the averages of batch normalisation by averages over all training series.

    The averages are those of the final weights. Frozen layers keep their averages.
    """
    norms = batch_norms(net.module_, frozen=False)
    if not norms:
        return
    before = [(norm.momentum, norm.num_batches_tracked.clone()) for norm in norms]
    for norm in norms:
        norm.momentum = 1.0  # the averages are those of the last batch
        norm.train()  # only these layers: dropout stays off
    means = _means_over(net, training, norms, net.n_at_once(training))
    for norm, (momentum, n_seen), (mean, square) in zip(norms, before, means, strict=True):
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(square - mean**2)
        norm.momentum = momentum
        norm.num_batches_tracked.copy_(n_seen)
        norm.eval()


def _means_over(net, training, norms, n_at_once):
    """Return, for each norm, the means of its inputs and of their squares, (2, C)."""
    n_batches = math.ceil(len(training) / n_at_once)
    # equal and shuffled batches, because each batch is normalised before deeper layers
    batches = Batches(training, math.ceil(len(training) / n_batches), shuffle=True)
    totals, n_all = [0.0] * len(norms), 0
    try:
        for inputs, _ in batches:
            net.infer_at_once(inputs)
            lengths = inputs.get("lengths")
            n_values = inputs["x"][:, 0].numel() if lengths is None else lengths.sum()
            n_all += n_values
            for i, norm in enumerate(norms):
                mean, var = norm.running_mean.double(), norm.running_var.double()
                totals[i] += n_values * torch.stack([mean, var + mean**2])
        return [total / n_all for total in totals]
    except (RuntimeError, MemoryError) as error:
        if n_at_once == 1 or not is_out_of_memory(error):
            raise
    return _means_over(net, training, norms, min(n_at_once, len(training)) // 2)
