"""The other benchmarks on a CUDA device, and a whole archive with karim2017.

    python benchmarks/gpu.py --data PATH [--device cuda] [--cells 8 64 128] [--quick]

Throughput is measured with and without CUDA graphs ("skts", "skts eager"). The archive is every
data set in --data, once per number of cells. --quick makes everything small, so that the script
can be tried on a CPU. Prints the output of the other scripts, one JSON object per line, and then
an object for the archive.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from skts import LSTMFCNClassifier, recipes
from skts.datasets import list_ucr, load_ucr_parts

QUICK = {
    "throughput.py": "--shapes 20x1x16 --repeats 1 --epochs 1 --n-predicted 100",
    "scaling.py": "--base 4x1x16 --factors 1 2 --epochs 1",
    "time_to_accuracy.py": "--sets Chinatown --seeds 0 --members 2 --max-epochs 2",
}


def run_script(name, args):
    command = [sys.executable, str(Path(__file__).with_name(name)), "--device", args.device]
    if name == "time_to_accuracy.py":
        command += ["--data", args.data, "--peer-sets"]
    subprocess.run(command + (QUICK[name].split() if args.quick else []), check=True)


def archive(args):
    """Train and score every set with every number of cells; totals."""
    names = list_ucr(args.data)[: 1 if args.quick else None]
    options = recipes.karim2017 | {"device": args.device, "precision": "auto", "random_state": 0}
    # sets of the archive with missing values or series of different lengths
    options |= {"missing": "interpolate"} | ({"max_epochs": 2} if args.quick else {})
    accuracies, began = {n_cells: [] for n_cells in args.cells}, time.perf_counter()
    for name in names:
        train, test = load_ucr_parts(name, args.data)
        for n_cells in args.cells:
            clf = LSTMFCNClassifier(n_cells=n_cells, **options).fit(*train)
            accuracies[n_cells].append(clf.score(*test))
            row = {"dataset": name, "n_cells": n_cells, "accuracy": accuracies[n_cells][-1]}
            print(json.dumps(row), flush=True)
    return {
        "archive": len(names),
        "minutes": round((time.perf_counter() - began) / 60, 2),
        "mean accuracy": {n: round(float(np.mean(of_n)), 4) for n, of_n in accuracies.items()},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder in the archive's layout")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--cells", nargs="+", type=int, default=[8, 64, 128])
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    on_cuda = args.device != "cpu"
    name = torch.cuda.get_device_name(args.device) if on_cuda else "cpu"
    print(json.dumps({"device": name, "torch": torch.__version__}), flush=True)
    for script in QUICK:
        run_script(script, args)
    print(json.dumps(archive(args)), flush=True)


if __name__ == "__main__":
    main()
