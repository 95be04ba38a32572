"""Accuracy and training time of the default recipe beside the 2000 epochs of karim2017.

    python benchmarks/time_to_accuracy.py [--data PATH] [--sets GunPoint ...] [--seeds 0 1 2]
        [--members 5] [--precision auto] [--device cpu] [--peer-sets ...] [--out ROWS.jsonl]

For each data set and seed, both recipes train in turn on the training split. The test split is
scored once, after training. Further seeds up to --members are trained only with the default; the
ensemble averages the probabilities of all seeds. Then sktime's LSTMFCNClassifierTorch with its own
defaults trains once on each of --peer-sets. Prints one row of JSON per training and one with the
results. With --out, rows are stored, and rows with the same options are not run again.
"""

import argparse
import json
import time
import warnings

import numpy as np
from accuracy import SIXTEEN
from rows import add_row, read_rows

from skts import LSTMFCNClassifier, recipes
from skts.datasets import load_ucr, load_ucr_parts

RECIPES = {"default": {}, "karim2017": recipes.karim2017}


def estimator(recipe, seed, args):
    if recipe == "sktime":
        from sktime.classification.deep_learning.lstmfcn import LSTMFCNClassifierTorch

        return LSTMFCNClassifierTorch(random_state=seed)
    options = RECIPES[recipe] | {"precision": args.precision, "device": args.device}
    if args.max_epochs is not None:
        options["max_epochs"] = args.max_epochs
    return LSTMFCNClassifier(random_state=seed, **options)


def key_of(dataset, seed, recipe, args):
    """What tells a row from all others."""
    parameters = {k: str(v) for k, v in estimator(recipe, seed, args).get_params().items()}
    return dataset, seed, recipe, parameters


KEY = ("dataset", "seed", "recipe", "parameters")


def run(dataset, seed, recipe, args):
    """One training: what a row has beside its key."""
    (X, y), (X_test, y_test) = load_ucr_parts(dataset, args.data)
    if recipe == "sktime":  # which reads a matrix as instances of one time point
        X, X_test = X[:, None], X_test[:, None]
    clf = estimator(recipe, seed, args)
    began = time.perf_counter()
    clf.fit(X, y)
    seconds = time.perf_counter() - began
    probabilities = clf.predict_proba(X_test)
    return {
        "seconds": round(seconds, 2),
        "accuracy": float(np.mean(clf.classes_[probabilities.argmax(axis=1)] == y_test)),
        "probabilities": probabilities.round(6).tolist(),
    }


def planned(args):
    for seed in range(max(args.members, max(args.seeds) + 1)):
        for dataset in args.sets:
            yield dataset, seed, "default"
            if seed in args.seeds:
                yield dataset, seed, "karim2017"
    for dataset in args.peer_sets:
        yield dataset, 0, "sktime"


def rows(args):
    """All planned rows, {(dataset, seed, recipe): row}; the missing ones are run."""
    known, done = read_rows(args.out), {}
    for planned_run in planned(args):
        key = dict(zip(KEY, key_of(*planned_run, args), strict=True))
        row = done[planned_run] = next((r for r in known if key.items() <= r.items()), None)
        if row:
            continue
        row = done[planned_run] = key | run(*planned_run, args)
        hidden = "probabilities", "parameters"
        print(json.dumps({k: v for k, v in row.items() if k not in hidden}), flush=True)
        add_row(args.out, row)
    return done


def ensemble_accuracy(dataset, done, args):
    """Of the mean probabilities of the default's members, as SeedEnsembleClassifier takes them."""
    _, labels = load_ucr(dataset, "test", args.data)
    members = [done[dataset, seed, "default"]["probabilities"] for seed in range(args.members)]
    return np.mean(np.unique(labels)[np.mean(members, axis=0).argmax(axis=1)] == labels)


def results(done, args):
    def mean(value, recipe):
        return float(np.mean([done[d, s, recipe][value] for d in args.sets for s in args.seeds]))

    found = {
        f"{value}, {recipe}": round(mean(value, recipe), 4)
        for value in ("accuracy", "seconds")
        for recipe in RECIPES
    }
    found["time, default/karim2017"] = round(
        mean("seconds", "default") / mean("seconds", "karim2017"), 4
    )
    ensemble = [ensemble_accuracy(dataset, done, args) for dataset in args.sets]
    found[f"accuracy, ensemble of {args.members}"] = round(float(np.mean(ensemble)), 4)
    for dataset in args.peer_sets:
        ours, theirs = done[dataset, 0, "default"], done[dataset, 0, "sktime"]
        found[f"{dataset}, default against sktime"] = {
            "time": round(ours["seconds"] / theirs["seconds"], 4),
            "accuracy": [round(row["accuracy"], 4) for row in (ours, theirs)],
        }
    return {"sets": len(args.sets), "seeds": args.seeds, "precision": args.precision} | found


def add_arguments(parser):
    parser.add_argument("--data", help="folder in the archive's layout; else as load_ucr finds it")
    parser.add_argument("--sets", nargs="+", default=SIXTEEN)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--members", type=int, default=5, help="of the ensemble")
    parser.add_argument("--precision", default="auto", help="of both recipes")
    parser.add_argument("--max-epochs", type=int, default=None, help="of both, to try it out")
    parser.add_argument("--peer-sets", nargs="*", default=SIXTEEN[:1] + SIXTEEN[2:4])
    parser.add_argument("--out", help="file of rows, appended to")
    parser.add_argument("--device", default="cpu")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    args = parser.parse_args()
    warnings.filterwarnings("ignore", module="sktime")
    print(json.dumps(results(rows(args), args)))


if __name__ == "__main__":
    main()
