"""Time per epoch and peak memory of training by number of series, time points and channels.

    python benchmarks/scaling.py [--base 64x2x96] [--factors 1 3 10 30 100] [--epochs 2]
        [--device cpu]

Along each axis, the base is multiplied by the factors. Each point is two processes in sequence: the
bare torch loop and LSTMFCNClassifier, with the same libraries loaded. Memory is the growth from
before the data are made (on CUDA: torch's peak on the device). Batches have 16 series. Prints one
JSON object per point. Then prints, for each axis, the slope of time and of memory over the upper
decade (1 is linear), and the largest ratio of the memory of skts to (1.3 times bare + data).
"""

import argparse
import json
import resource
import subprocess
import sys

import numpy as np
import torch
from peers import bare_epochs
from throughput import data, shape, skts_epochs

AXES = ("series", "channels", "time points")
KIB = 1024


def measured(who, of_shape, n_epochs, device):
    """One training in this process; prints seconds per epoch and bytes."""
    torch.ones(8, 8, device=device) @ torch.ones(8, 8, device=device)  # libraries load lazily
    small = data(4, of_shape[1], 8)
    train = bare_epochs if who == "bare" else skts_epochs
    options = {"batch_size": 16, "device": device}
    train(*small, n_epochs=1, **options)
    before = resident()
    X, y = data(*of_shape)
    trained = train(X, y, n_epochs=n_epochs + 1, **options)
    seconds = trained[1] if who == "bare" else trained
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB - before
    if device != "cpu":
        peak = torch.cuda.max_memory_reserved()
    peak = max(peak, X.nbytes)  # of the smallest shapes the libraries may have held as much before
    print(json.dumps({"seconds": float(seconds[1:].min()), "bytes": peak, "data": X.nbytes}))


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def point(of_shape, args):
    """Both competitors at one shape, {"bare": ..., "skts": ...}."""
    found = {}
    for who in ("bare", "skts"):
        text = "x".join(map(str, of_shape))
        command = [sys.executable, __file__, "--measure", who, "--base", text]
        command += ["--epochs", str(args.epochs), "--device", args.device]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found[who] = json.loads(out.splitlines()[-1])
    return found


def along(axis, args):
    """Measure and print the points along one axis, then what they show."""
    points = []
    for factor in args.factors:
        of_shape = list(args.base)
        of_shape[axis] *= factor
        points.append(point(of_shape, args))
        ours, bare = points[-1]["skts"], points[-1]["bare"]
        printed = {
            "shape": of_shape,
            "seconds": round(ours["seconds"], 4),
            "MiB": round(ours["bytes"] / KIB**2, 1),
            "seconds, skts/bare": round(ours["seconds"] / bare["seconds"], 3),
            "bytes, skts/bare": round(ours["bytes"] / bare["bytes"], 3),
        }
        print(json.dumps(printed), flush=True)
    upper = [i for i, factor in enumerate(args.factors) if factor * 10 >= args.factors[-1]]
    slopes = {
        f"slope of {what}": round(
            np.polyfit(
                np.log([args.factors[i] for i in upper]),
                np.log([points[i]["skts"][what] for i in upper]),
                deg=1,
            )[0],
            2,
        )
        for what in ("seconds", "bytes")
    }
    excess = max(
        p["skts"]["bytes"] / (1.3 * p["bare"]["bytes"] + p["bare"]["data"]) for p in points
    )
    print(json.dumps({"axis": AXES[axis]} | slopes | {"memory": round(excess, 3)}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--base", type=shape, default=shape("64x2x96"))
    parser.add_argument("--factors", nargs="+", type=int, default=[1, 3, 10, 30, 100])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--measure", choices=["bare", "skts"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        measured(args.measure, args.base, args.epochs, args.device)
        return
    for axis in range(len(AXES)):
        along(axis, args)


if __name__ == "__main__":
    main()
