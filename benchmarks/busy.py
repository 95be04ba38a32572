"""Training time beside other busy processes, relative to an idle machine.

    python benchmarks/busy.py [--shapes 67x1x24 50x1x150 500x1x176] [--busy 0 1 2] [--repeats 3]
        [--epochs 30]

A shape is series x channels x time points. --epochs applies to 50 series; other numbers of series
train for the same number of steps. Each training of LSTM-FCN runs in its own process, beside
processes that only loop. There are three variants: unchanged ("skts"), with the default waiting of
torch's threads ("off", GOMP_SPINCOUNT set), and on one thread ("one thread"). Prints one JSON
object per shape and number of busy processes: the seconds of each variant relative to "off"
without busy processes, as medians over repeats.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time

import numpy as np
import torch
from throughput import data, shape

from skts import LSTMFCNClassifier

SHAPES = ["67x1x24", "50x1x150", "500x1x176"]
WAYS = {"skts": {}, "off": {"GOMP_SPINCOUNT": "300000"}, "one thread": {"OMP_NUM_THREADS": "1"}}


def measured(of_shape, n_epochs):
    """The seconds of one training in this process, and its number of threads."""
    X, y = data(*of_shape)
    options = {
        "batch_size": 16 if len(X) < 100 else 64,
        "target_loss": None,
        "random_state": 0,
        "device": "cpu",
    }
    LSTMFCNClassifier(max_epochs=1, **options).fit(X, y)
    began = time.perf_counter()
    LSTMFCNClassifier(max_epochs=n_epochs, **options).fit(X, y)
    return time.perf_counter() - began, torch.get_num_threads()


@contextlib.contextmanager
def busy(n_processes):
    count = [sys.executable, "-c", "while True: pass"]
    running = [subprocess.Popen(count) for _ in range(n_processes)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def seconds(of_shape, way, args):
    """Of a training in a process of its own, and its number of threads."""
    n_epochs = max(2, args.epochs * 50 // of_shape[0])
    command = [sys.executable, "-W", "ignore", __file__, "--measure"]
    command += ["--shapes", "x".join(map(str, of_shape)), "--epochs", str(n_epochs)]
    ours = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    out = subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment | WAYS[way]
    ).stdout
    return json.loads(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shapes", nargs="+", type=shape, default=list(map(shape, SHAPES)))
    parser.add_argument("--busy", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measured(args.shapes[0], args.epochs)))
        return
    numbers = sorted({0, *args.busy})
    for of_shape in args.shapes:
        times, n_threads = {(n, way): [] for n in numbers for way in WAYS}, {}
        for _ in range(args.repeats):
            for n_busy in numbers:
                with busy(n_busy):
                    for way in WAYS:
                        taken, n_threads[way] = seconds(of_shape, way, args)
                        times[n_busy, way].append(taken)
        idle = np.median(times[0, "off"])
        for n_busy in numbers:
            ratios = {way: round(np.median(times[n_busy, way]) / idle, 2) for way in WAYS}
            first = {"shape": of_shape, "threads": n_threads["skts"], "busy": n_busy}
            print(json.dumps(first | {"idle, s": round(idle, 2)} | ratios), flush=True)


if __name__ == "__main__":
    main()
