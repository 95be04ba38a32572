"""Time per epoch and per prediction, against a bare torch loop and sktime's LSTM-FCN.

    python benchmarks/throughput.py [--shapes 50x1x150 ...] [--repeats 5] [--epochs 3]
        [--n-predicted 100000] [--threads 2]

A shape is series x channels x time points; fewer than 100 series are trained in batches of 16, more
in batches of 64. In each repeat every competitor trains once, one after the other; its time is the
fastest epoch but the first. Ratios are taken within a repeat, the medians over repeats printed, as
JSON: an object for each shape, then one with geometric means and the prediction times.
"""

import argparse
import json
import time
import warnings

import numpy as np
import torch
from peers import BareLSTMFCN, EpochClock, bare_epochs, sktime_epochs
from scipy.stats import gmean

from skts import LSTMFCNClassifier

SHAPES = ["50x1x150", "67x1x24", "40x6x100", "500x1x176", "2000x1x1500"]
RATIOS = [
    ("skts", "bare"),
    ("skts auto", "bare"),
    ("skts", "sktime"),
    ("skts auto", "sktime"),
    ("sktime", "bare"),
]


def shape(text):
    n_series, n_channels, n_timepoints = map(int, text.split("x"))
    return n_series, n_channels, n_timepoints


def data(n_series, n_channels, n_timepoints):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_series, n_channels, n_timepoints)).astype(np.float32)
    return X, np.arange(n_series) % 3


def skts_epochs(X, y, *, batch_size, n_epochs, precision, cls=LSTMFCNClassifier):
    callback = EpochClock()
    cls(
        max_epochs=n_epochs,
        batch_size=batch_size,
        precision=precision,
        device="cpu",
        callbacks=[callback],
        random_state=0,
    ).fit(X, y)
    return callback.clock


def epoch_times(of_shape, args):
    """Fastest epoch of each competitor in each repeat, {name: (n_repeats,)} in seconds."""
    X, y = data(*of_shape)
    options = {"batch_size": 16 if len(X) < 100 else 64, "n_epochs": args.epochs + 1}
    competitors = {
        "bare": lambda: bare_epochs(X, y, **options)[1],
        "skts": lambda: skts_epochs(X, y, precision="float32", **options),
        "skts auto": lambda: skts_epochs(X, y, precision="auto", **options),
        "sktime": lambda: sktime_epochs(X, y, **options),
    }
    times = {name: [] for name in competitors}
    for _ in range(args.repeats):
        for name, train in competitors.items():
            torch.set_num_threads(args.threads)  # numba, which sktime imports, sets it too
            times[name].append(train().seconds().min())
    return {name: np.array(of_name) for name, of_name in times.items()}


def seconds(function, *args):
    began = time.perf_counter()
    function(*args)
    return time.perf_counter() - began


@torch.inference_mode()
def bare_predictions(network, x, batch_size):
    return torch.cat([network(batch) for batch in x.split(batch_size)]).argmax(dim=1)


def prediction_times(args):
    """One series at a time, then many at once; the bare loop in its best batch size."""
    X, y = data(args.n_predicted, 1, 24)
    clf = LSTMFCNClassifier(max_epochs=1, device="cpu", random_state=0).fit(X[:60], y[:60])
    network, x = BareLSTMFCN(1, 24, 3).eval(), torch.as_tensor(X)
    single, many = [], []
    for _ in range(40 * args.repeats):
        bare = seconds(bare_predictions, network, x[:1], 1)
        single.append((seconds(clf.predict, X[:1]), bare))
    for _ in range(args.repeats):
        bare = min(seconds(bare_predictions, network, x, size) for size in (256, 1024, 4096))
        many.append((seconds(clf.predict, X), bare))
    (ours, bare), many = np.median(single, axis=0) * 1e3, np.array(many)
    return {
        "one series, ms": {"skts": round(ours, 3), "bare": round(bare, 3)},
        "one series, ms above 1.5 bare": round(ours - 1.5 * bare, 3),
        f"{len(X)} series, skts/bare": round(np.median(many[:, 0] / many[:, 1]), 3),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shapes", nargs="+", type=shape, default=list(map(shape, SHAPES)))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--n-predicted", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    warnings.filterwarnings("ignore", module="sktime")
    ratios = {f"{a}/{b}": [] for a, b in RATIOS}
    for of_shape in args.shapes:
        times = epoch_times(of_shape, args)
        for a, b in RATIOS:
            ratios[f"{a}/{b}"].append(float(np.median(times[a] / times[b])))
        printed = {
            "shape": of_shape,
            "bare, ms per epoch": round(np.median(times["bare"]) * 1e3, 1),
        }
        printed |= {name: round(of_shapes[-1], 3) for name, of_shapes in ratios.items()}
        print(json.dumps(printed), flush=True)
    means = {name: round(float(gmean(of_shapes)), 3) for name, of_shapes in ratios.items()}
    print(json.dumps({"geometric means": means, "threads": args.threads} | prediction_times(args)))


if __name__ == "__main__":
    main()
