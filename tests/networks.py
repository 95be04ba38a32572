"""What the tests of several networks use."""

import dataclasses

import torch

#: What options of choice accept.
CHOICES = [None, True, False, "before", "after", "average", "flatten", "additive", "multihead"]
CHOICES += ["lstm", "gru", "rnn", "dense", "parallel", "lstm_alstm", "alstm_lstm"]


def option_variants(cls):
    """For each option of choice of an architecture, and each value but the default, the options."""
    defaults = cls()._architecture()
    for field in (f for f in dataclasses.fields(cls) if f.name in defaults):
        for value in CHOICES:
            if value == field.default or not field.metadata["rule"].accepts(value):
                continue
            options = {field.name: value}
            if field.name in ("positional_encoding", "norm_first", "pooling"):
                options["attention"] = "after"  # it acts there
            yield options


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
