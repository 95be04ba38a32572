"""Test accuracy of skts estimators on data sets of the UCR archive.

    python benchmarks/accuracy.py --data PATH [--estimators LSTMFCNClassifier ...]
        [--sets GunPoint ...] [--seeds 0 1 2] [--set max_epochs=100 ...]

Training sees the training split alone; the test split is scored once, after training. Prints a line
for each set, then the mean over sets and seeds of each estimator.
"""

import argparse
import ast
import time

import numpy as np

import skts
from skts.datasets import load_ucr

SIXTEEN = (
    "SonyAIBORobotSurface1 ItalyPowerDemand MoteStrain TwoLeadECG ECGFiveDays CBF GunPoint Coffee "
    "ArrowHead ECG200 ToeSegmentation1 Plane SyntheticControl Wine Beef FaceFour"
).split()


def option(text):
    """``name=value`` with a Python literal, or a plain string, for a value."""
    name, _, value = text.partition("=")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder in the archive's layout")
    parser.add_argument("--estimators", nargs="+", default=["LSTMFCNClassifier"])
    parser.add_argument("--sets", nargs="+", default=SIXTEEN)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--recipe", default=None, help="a name in skts.recipes")
    parser.add_argument("--set", nargs="+", type=option, default=[], metavar="NAME=VALUE")
    args = parser.parse_args()
    options = (getattr(skts.recipes, args.recipe) if args.recipe else {}) | dict(args.set)
    for estimator in args.estimators:
        began, means = time.perf_counter(), []
        for name in args.sets:
            train, test = (load_ucr(name, split, args.data) for split in ("train", "test"))
            scores = [
                getattr(skts, estimator)(random_state=seed, **options).fit(*train).score(*test)
                for seed in args.seeds
            ]
            means.append(np.mean(scores))
            print(f"{estimator} {name}: " + " ".join(f"{s:.4f}" for s in scores), flush=True)
        seconds = time.perf_counter() - began
        print(
            f"{estimator} {options or 'defaults'}: mean test accuracy {np.mean(means):.4f} over "
            f"{len(args.sets)} sets x {len(args.seeds)} seeds, {seconds:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
