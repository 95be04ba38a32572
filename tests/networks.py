"""What the tests of several networks use."""

import torch


def seeded(make, *args, **options):
    """A module made from seed 0, in evaluation; torch's global state stays as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make(*args, **options).eval()


def n_trainable(network):
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def without_gradient(network, output):
    """Names of the trainable parameters that a loss on `output` would not move at all."""
    output.square().sum().backward()
    trainable = [(name, p.grad) for name, p in network.named_parameters() if p.requires_grad]
    return [name for name, grad in trainable if grad is None or not grad.any()]
