"""Time of one prediction by a fitted classifier, by its network, and by its exported models.

    python benchmarks/latency.py [--estimators LSTMFCN ...] [--n-timepoints 150] [--batches 1 64]
        [--repeats 200] [--threads 1]

Prints one JSON object per classifier and number of series. It has the milliseconds of the torch
network (of an ensemble, its networks). Relative to them, it has the times of `predict_proba`, of
the program of torch.export, and of onnxruntime with models in float32, float16 and int8, and the
sizes of the models in kB. Calls take turns; ratios are computed within a turn, and medians are
printed.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch

import skts
from skts.discovery import all_estimators
from skts.ensemble import Ensemble
from skts.export import exported_program

PRECISIONS = ("float32", "float16", "int8")


def sessions(clf, X, folder, n_threads):
    """The exported models, {precision: session}, and their sizes, {precision: kB}."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    found, sizes = {}, {}
    for precision in PRECISIONS:
        path = folder / f"{precision}.onnx"
        calibration = X if precision == "int8" else None
        skts.export_onnx(clf, path, precision=precision, calibration=calibration)
        found[precision] = onnxruntime.InferenceSession(path, options)
        sizes[f"{precision}, kB"] = round(path.stat().st_size / 1000, 1)
    return found, sizes


def ways(clf, exported):
    """What is timed, {name: function of float32 series (n, 1, T)}."""
    members = clf.estimators_ if isinstance(clf, Ensemble) else [clf]
    networks = [member.net_.module_ for member in members]
    program = exported_program(clf).module()
    return {
        "network": lambda x: [network(torch.as_tensor(x)) for network in networks],
        "predict_proba": clf.predict_proba,
        "torch.export": lambda x: program(x=torch.as_tensor(x)),
    } | {
        precision: lambda x, session=session: session.run(None, {"x": x})
        for precision, session in exported.items()
    }


def seconds(function, x):
    began = time.perf_counter()
    function(x)
    return time.perf_counter() - began


@torch.inference_mode()
def latencies(cls, args):
    """Print an object for each number of series."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(max(60, *args.batches), 1, args.n_timepoints)).astype(np.float32)
    with torch.inference_mode(mode=False), tempfile.TemporaryDirectory() as folder:
        one_epoch = {"max_epochs": 1} if "max_epochs" in cls.__dataclass_fields__ else {}
        clf = cls(**one_epoch, device="cpu", random_state=0)
        clf.fit(X[:60], np.arange(60) % 3)
        exported, sizes = sessions(clf, X[:60], Path(folder), args.threads)
        timed = ways(clf, exported)
    for n in args.batches:
        turns = [[seconds(of_way, X[:n]) for of_way in timed.values()] for _ in range(args.repeats)]
        turns = np.array(turns[args.repeats // 10 :])  # the first calls warm up
        ratios = np.median(turns / turns[:, :1], axis=0)
        bare = round(float(np.median(turns[:, 0])) * 1e3, 3)
        parts = {name: round(float(r), 2) for name, r in zip(timed, ratios, strict=True)}
        row = {"classifier": cls.__name__, "series": n, "network, ms": bare} | parts | sizes
        row.pop("network")
        print(json.dumps(row), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    single = [n for n, cls in all_estimators("classifier") if "device" in cls.__dataclass_fields__]
    parser.add_argument("--estimators", nargs="+", default=single)
    parser.add_argument("--n-timepoints", type=int, default=150)
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 64])
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    for name in args.estimators:
        latencies(getattr(skts, name if name.endswith("Classifier") else f"{name}Classifier"), args)


if __name__ == "__main__":
    main()
