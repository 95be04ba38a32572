"""Time per epoch of every classifier in bfloat16, relative to float32, on the CPU.

    python benchmarks/precision.py [--estimators LSTMFCN ...] [--shapes 50x1x150 60x6x100 300x1x176]
        [--repeats 3] [--epochs 3]

Prints one JSON object per classifier with the ratio for each shape. A time is the fastest epoch
except the first; ratios are medians of interleaved repeats. `_fast_in_bfloat16` of the estimators
follows these ratios.
"""

import argparse
import json

import numpy as np
from throughput import data, shape, skts_epochs

import skts
from skts.base import GradientTrained
from skts.discovery import all_estimators

SHAPES = ["50x1x150", "60x6x100", "300x1x176"]


def ratio(cls, of_shape, args):
    X, y = data(*of_shape)
    options = {"batch_size": 16 if len(X) < 100 else 64, "n_epochs": args.epochs + 1}
    options["device"] = "cpu"
    times = [
        [
            skts_epochs(X, y, cls=cls, precision=precision, **options)[1:].min()
            for precision in ("bfloat16", "float32")
        ]
        for _ in range(args.repeats)
    ]
    in_bfloat16, in_float32 = np.transpose(times)
    return round(float(np.median(in_bfloat16 / in_float32)), 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    single = [n for n, cls in all_estimators("classifier") if issubclass(cls, GradientTrained)]
    parser.add_argument("--estimators", nargs="+", default=single)
    parser.add_argument("--shapes", nargs="+", type=shape, default=list(map(shape, SHAPES)))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()
    for name in args.estimators:
        cls = getattr(skts, name if name.endswith("Classifier") else f"{name}Classifier")
        ratios = {"x".join(map(str, s)): ratio(cls, s, args) for s in args.shapes}
        print(json.dumps({name: ratios}), flush=True)


if __name__ == "__main__":
    main()
