"""What the tests of several networks use."""

import torch


def seeded(make, *args, **options):
    """A module made from seed 0, in evaluation; torch's global state stays as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make(*args, **options).eval()


def n_trainable(network):
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
