"""Default options beside two searches over options, on small data sets of the archive.

    python benchmarks/search.py --data PATH [--sets MoteStrain ArrowHead ECG200]
        [--estimator LSTMFCN] [--epochs 81] [--max-epochs N] [--seed 0]

A random search trains 10 draws of skts.model_selection.search_space for `--epochs` epochs each. A
halving search trains 27 draws for few epochs, the best 9 for three times as many, and the best 3
for three times as many again. Both searches train for the same total number of epochs, and score
by the same three folds of the training split. The chosen options and the defaults are each trained
for `--max-epochs` epochs (by default the default of the estimator), and scored once on the test
split.

Prints one line of JSON per data set and method: accuracy on the test split, processor seconds of
search and training, and the chosen options. Then prints the means over the data sets. It runs on
one thread.
"""

import argparse
import json
import time

import numpy as np
import torch
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 (for the next import)
from sklearn.model_selection import HalvingRandomSearchCV, RandomizedSearchCV, StratifiedKFold

import skts
from skts.datasets import load_ucr_parts
from skts.model_selection import search_space

N_DRAWS = 10
FACTOR = 3
N_ROUNDS = 3


def searches(estimator, n_epochs, seed):
    """The name and the search object of each way of searching."""
    how = {
        "cv": StratifiedKFold(3, shuffle=True, random_state=seed),
        "random_state": seed,
        "refit": False,
        "error_score": "raise",
    }
    space = search_space(estimator)
    yield (
        f"random search of {N_DRAWS}",
        RandomizedSearchCV(
            clone(estimator).set_params(max_epochs=n_epochs), space, n_iter=N_DRAWS, **how
        ),
    )
    n_candidates = FACTOR**N_ROUNDS
    least = max(1, N_DRAWS * n_epochs // (N_ROUNDS * n_candidates))
    yield (
        f"halving from {n_candidates}",
        HalvingRandomSearchCV(
            estimator,
            space,
            n_candidates=n_candidates,
            factor=FACTOR,
            resource="max_epochs",
            min_resources=least,
            max_resources=least * FACTOR ** (N_ROUNDS - 1),
            **how,
        ),
    )


def found_by(search, X, y):
    """The options that a search chose, but for the number of epochs; {} without a search."""
    if search is None:
        return {}
    search.fit(X, y)
    return {name: value for name, value in search.best_params_.items() if name != "max_epochs"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, help="folder in the archive's layout")
    parser.add_argument("--sets", nargs="+", default=["MoteStrain", "ArrowHead", "ECG200"])
    parser.add_argument("--estimator", default="LSTMFCN")
    parser.add_argument("--max-epochs", type=int, help="of the last training")
    parser.add_argument("--epochs", type=int, default=81, help="of a draw of the random search")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    estimator = getattr(skts, f"{args.estimator}Classifier")(random_state=args.seed)
    if args.max_epochs is not None:
        estimator.set_params(max_epochs=args.max_epochs)
    rows = {}
    for dataset in args.sets:
        (X, y), (X_test, y_test) = load_ucr_parts(dataset, args.data)
        for way, search in [("default", None), *searches(estimator, args.epochs, args.seed)]:
            began = time.process_time()
            chosen = found_by(search, X, y)
            fitted = clone(estimator).set_params(**chosen).fit(X, y)
            seconds = time.process_time() - began
            row = {"accuracy": fitted.score(X_test, y_test), "seconds": seconds}
            rows.setdefault(way, []).append(row)
            print(
                json.dumps({"set": dataset, "way": way, **rounded(row), "chosen": chosen}),
                flush=True,
            )
    for way, of_sets in rows.items():
        means = {name: np.mean([row[name] for row in of_sets]) for name in of_sets[0]}
        print(json.dumps({"way": way, "sets": len(of_sets), **rounded(means)}), flush=True)


def rounded(row):
    return {"accuracy": round(row["accuracy"], 4), "seconds": round(row["seconds"], 1)}


if __name__ == "__main__":
    main()
