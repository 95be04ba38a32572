"""Test accuracy of skts estimators on data sets of the UCR archive.

    python benchmarks/accuracy.py [--data PATH] [--estimators LSTMFCN ...] [--sets GunPoint ...]
        [--seeds 0 1 2] [--recipe swartz2025] [--set max_epochs=100 ...] [--members 5] [--n-jobs 2]
        [--scoring balanced_accuracy] [--published FILE.csv --column NAME]

Estimators are trained on the training split. The test split is scored once, after training. Prints
one line per data set with one value per seed, and then the mean of each estimator over data sets
and seeds. With a published table (a column `dataset` and a column of scores), also prints the
means over the data sets of this table.
"""

import argparse
import ast
import time

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.metrics import get_scorer

import skts
from skts.datasets import load_ucr_parts

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


def score(estimator, options, dataset, seed, args):
    train, test = load_ucr_parts(dataset, args.data)
    clf = getattr(skts, estimator)(random_state=seed, **options)
    if args.members > 1:
        clf = skts.SeedEnsembleClassifier(clf, n_estimators=args.members)
    return get_scorer(args.scoring)(clf.fit(*train), *test)


def parsed_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", help="folder in the archive's layout; else as load_ucr finds it")
    parser.add_argument("--estimators", nargs="+", default=["LSTMFCN"], help="classifiers of skts")
    parser.add_argument("--sets", nargs="+", default=SIXTEEN)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--recipe", default=None, help="a name in skts.recipes")
    parser.add_argument("--set", nargs="+", type=option, default=[], metavar="NAME=VALUE")
    parser.add_argument("--members", type=int, default=1, help="of a seed ensemble, if above 1")
    parser.add_argument("--n-jobs", type=int, default=1, help="processes; they share the cores")
    parser.add_argument("--scoring", default="accuracy", help="a scorer of scikit-learn")
    parser.add_argument("--published", default=None, help="CSV file with published scores")
    parser.add_argument("--column", default=None, help="its column to compare with")
    args = parser.parse_args()
    if (args.published is None) != (args.column is None):
        parser.error("--published and --column go together")
    return args


def compare(ours, args):
    """Print our mean and the published one over the sets that the published column covers."""
    published = pd.read_csv(args.published, index_col="dataset")[args.column].dropna()
    covered = [dataset for dataset in ours if dataset in published.index]
    if not covered:
        raise ValueError(f"{args.column} of {args.published} covers none of the sets {list(ours)}")
    mean, theirs = np.mean([ours[dataset] for dataset in covered]), published[covered].mean()
    print(
        f"  over the {len(covered)} sets of {args.column}: {mean:.4f}, published {theirs:.4f}, "
        f"difference {mean - theirs:+.4f}",
        flush=True,
    )


def main():
    args = parsed_arguments()
    options = (getattr(skts.recipes, args.recipe) if args.recipe else {}) | dict(args.set)
    for name in args.estimators:
        estimator = name if name.endswith("Classifier") else f"{name}Classifier"
        began, means = time.perf_counter(), {}
        scores = Parallel(n_jobs=args.n_jobs, return_as="generator")(
            delayed(score)(estimator, options, dataset, seed, args)
            for dataset in args.sets
            for seed in args.seeds
        )
        for dataset in args.sets:
            of_set = [next(scores) for _ in args.seeds]
            means[dataset] = np.mean(of_set)
            print(f"{estimator} {dataset}: " + " ".join(f"{s:.4f}" for s in of_set), flush=True)
        print(
            f"{estimator} {args.recipe or 'default options'} {dict(args.set) or ''}: mean test "
            f"{args.scoring}{f' of {args.members} members' if args.members > 1 else ''} "
            f"{np.mean(list(means.values())):.4f} over {len(args.sets)} sets x "
            f"{len(args.seeds)} seeds, {time.perf_counter() - began:.0f} s",
            flush=True,
        )
        if args.published:
            compare(means, args)


if __name__ == "__main__":
    main()
