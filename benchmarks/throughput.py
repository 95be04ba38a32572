"""Time per epoch and per prediction, beside a bare torch loop and sktime's LSTM-FCN.

    python benchmarks/throughput.py [--shapes 50x1x150 ...] [--repeats 5] [--epochs 3]
        [--n-predicted 100000] [--threads 2] [--device cpu]

A shape is series x channels x time points. Fewer than 100 series are trained in batches of 16,
more in batches of 64. In each repeat, the competitors train in turn. A time is the fastest epoch
except the first. Ratios are computed within a repeat. Prints the medians over repeats, as one JSON
object per shape, and then an object with geometric means and prediction times. sktime has no
device option, so it is left out on other devices, and skts without CUDA graphs is measured
instead.
"""

import argparse
import json
import time
import warnings

import numpy as np
import torch
from peers import BareLSTMFCN, StepWatcher, bare_epochs, sktime_epochs
from scipy.stats import gmean

from skts import LSTMFCNClassifier

SHAPES = ["50x1x150", "67x1x24", "40x6x100", "500x1x176", "2000x1x1500"]


def shape(text):
    n_series, n_channels, n_timepoints = map(int, text.split("x"))
    return n_series, n_channels, n_timepoints


def data(n_series, n_channels, n_timepoints):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_series, n_channels, n_timepoints)).astype(np.float32)
    return X, np.arange(n_series) % 3


def skts_epochs(X, y, *, n_epochs, cls=LSTMFCNClassifier, **options):
    """Train a classifier of skts; the seconds of each epoch, as its history has them."""
    clf = cls(max_epochs=n_epochs, random_state=0, **options).fit(X, y)
    return np.array(clf.history_[:, "dur"])


def competitors(X, y, device, **options):
    """What is timed, {name: function that trains and gives the seconds of each epoch}."""
    ours = options | {"device": device}
    of_skts = {
        "bare": lambda: bare_epochs(X, y, **ours)[1],
        "skts": lambda: skts_epochs(X, y, **ours),
        "skts auto": lambda: skts_epochs(X, y, precision="auto", **ours),
    }
    if device == "cpu":
        return of_skts | {"sktime": lambda: sktime_epochs(X, y, **options)}
    return of_skts | {"skts eager": lambda: skts_epochs(X, y, callbacks=[StepWatcher()], **ours)}


def epoch_times(of_shape, args):
    """Fastest epoch of each competitor in each repeat, {name: (n_repeats,)} in seconds."""
    X, y = data(*of_shape)
    batch_size = 16 if len(X) < 100 else 64
    trained = competitors(X, y, args.device, batch_size=batch_size, n_epochs=args.epochs + 1)
    times = {name: [] for name in trained}
    for _ in range(args.repeats):
        for name, train in trained.items():
            torch.set_num_threads(args.threads)  # numba, which sktime imports, sets it too
            times[name].append(train()[1:].min())
    return {name: np.array(of_name) for name, of_name in times.items()}


def ratios_of(times):
    """Median ratio of every competitor to each of the two that are none of ours."""
    return {
        f"{name}/{peer}": float(np.median(times[name] / times[peer]))
        for peer in ("bare", "sktime")
        for name in times
        if peer in times and name not in ("bare", peer)
    }


def seconds(function, *args):
    began = time.perf_counter()
    function(*args)
    return time.perf_counter() - began


@torch.inference_mode()
def bare_predictions(network, x, batch_size):
    batches = x.split(batch_size)
    return torch.cat([network(b.to(network.head.weight.device)) for b in batches]).argmax(1).cpu()


def prediction_times(args):
    """One series at a time, then many at once; the bare loop in its best batch size."""
    X, y = data(args.n_predicted, 1, 24)
    clf = LSTMFCNClassifier(max_epochs=1, device=args.device, random_state=0).fit(X[:60], y[:60])
    network, x = BareLSTMFCN(1, 24, 3).to(args.device).eval(), torch.as_tensor(X)
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


def compare(args):
    """Print an object for each shape, then one for all."""
    ratios = []
    for of_shape in args.shapes:
        times = epoch_times(of_shape, args)
        ratios.append(ratios_of(times))
        bare = round(np.median(times["bare"]) * 1e3, 1)
        rounded = {name: round(ratio, 3) for name, ratio in ratios[-1].items()}
        print(json.dumps({"shape": of_shape, "bare, ms per epoch": bare} | rounded), flush=True)
    means = {name: round(float(gmean([r[name] for r in ratios])), 3) for name in ratios[0]}
    print(json.dumps({"geometric means": means, "device": args.device} | prediction_times(args)))


def add_arguments(parser):
    parser.add_argument("--shapes", nargs="+", type=shape, default=list(map(shape, SHAPES)))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--n-predicted", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    warnings.filterwarnings("ignore", module="sktime")
    compare(parser.parse_args())


if __name__ == "__main__":
    main()
