"""Training step of a separable convolution on the CPU, beside torch's depthwise convolution.

    python benchmarks/depthwise.py [--shapes 16x113x150 ...] [--repeats 20] [--threads 1]

A shape is series x channels x time points. The convolution is the first separable one of LITE: 20
taps, dilation 2, 32 filters. Forward and backward passes of both take turns. Prints one JSON object
per shape: the milliseconds of a step with the gradient of skts and, relative to torch's ``conv1d``
with groups, the median of the ratios.
"""

import argparse
import json
import time

import numpy as np
import torch
from throughput import shape
from torch.nn import functional as F

from skts.layers import SeparableConv

SHAPES = ["16x113x150", "16x113x500", "64x113x150"]


def torchs(conv, x):
    """The same output by ``conv1d`` in torch's own layout."""
    kernel, reach = conv.kernel[:, None], conv.dilation * (conv.kernel.shape[1] - 1)
    padded = F.pad(x, (reach // 2, reach - reach // 2))
    out = F.conv1d(padded, kernel, groups=len(kernel), dilation=conv.dilation)
    return F.conv1d(out, conv.pointwise.weight[:, :, None])


def seconds(forward, x):
    began = time.perf_counter()
    forward(x).sum().backward()
    return time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shapes", nargs="+", type=shape, default=[*map(shape, SHAPES)])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    for n_series, n_channels, n_timepoints in args.shapes:
        conv = SeparableConv(n_channels, 32, 20, dilation=2)
        x = torch.randn(n_series, n_channels, n_timepoints, requires_grad=True)
        image = x.detach()[:, :, None].contiguous(memory_format=torch.channels_last)
        ours = image.squeeze(2).requires_grad_()
        times = np.array(
            [
                (seconds(conv, ours), seconds(lambda x, conv=conv: torchs(conv, x), x))
                for _ in range(args.repeats)
            ]
        )
        result = {
            "shape": f"{n_series}x{n_channels}x{n_timepoints}",
            "skts_ms": round(1e3 * float(np.median(times[:, 0])), 2),
            "skts/torch": round(float(np.median(times[:, 0] / times[:, 1])), 3),
        }
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
