"""Compare training with augmentation to training without, on held-out parts of TRAINING splits.

    python benchmarks/augmentation.py --data PATH --out FILE [--protocol few|small|many]
        [--sets GunPoint ...] [--splits 3] [--estimators LSTMFCN ...]
        [--augment None jitter "('jitter', 0.1), 'time_warp'" ...] [--set max_epochs=100 ...]
        [--n-jobs 2]

The protocols are those of benchmarks/recipe.py. Test splits are not used. An augmentation is a
value of the option `augment`. FILE stores one line of JSON per training. Trainings in FILE are not
repeated, so you can resume a command or add to it.

Prints one JSON object per estimator and augmentation: mean accuracy and log loss, the summed
training seconds and the mean number of epochs. If FILE has trainings without augmentation, the
object also has the mean gain of accuracy over them, its standard error over the data sets, and the
number of data sets on which the gain is above and below 0.
"""

import argparse
import ast
import json
import time

import numpy as np
import pandas as pd
import torch
from accuracy import option
from joblib import Parallel, delayed
from recipe import SETS, parts
from rows import add_row, read_rows
from sklearn.metrics import log_loss

import skts
from skts.augment import AUGMENTATIONS

KEY = ["protocol", "dataset", "split", "estimator", "augment", "options"]


def augmentation(text):
    """A value of the option `augment`: a Python literal, or a plain string."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def planned(args):
    """What is to be trained: a dict with KEY for each training, plain as JSON has it."""
    for dataset in args.sets or SETS[args.protocol].split():
        for split in range(args.splits):
            for estimator in args.estimators:
                for augment in args.augment:
                    values = [repr(augment), repr(dict(args.set))]
                    told = [args.protocol, dataset, split, estimator, *values]
                    yield dict(zip(KEY, told, strict=True))


def run(plan, path):
    """The plan with what came of it."""
    torch.set_num_threads(1)
    (x, y), (held_out, truth) = (
        (x.numpy(), y.numpy())
        for x, y in parts(plan["protocol"], plan["dataset"], plan["split"], path)
    )
    augment, options = ast.literal_eval(plan["augment"]), ast.literal_eval(plan["options"])
    make = getattr(skts, f"{plan['estimator']}Classifier")
    began = time.perf_counter()
    clf = make(random_state=plan["split"], augment=augment, **options).fit(x, y)
    seconds = time.perf_counter() - began
    probabilities = clf.predict_proba(held_out)
    return plan | {
        "accuracy": float(np.mean(probabilities.argmax(axis=1) == truth)),
        "log_loss": float(log_loss(truth, probabilities, labels=clf.classes_)),
        "seconds": round(seconds, 2),
        "epochs": len(clf.history_),
    }


def all_run(plans, args):
    """A row for each plan, from the file or new, which is added to it."""
    rows = {tuple(row[name] for name in KEY): row for row in read_rows(args.out)}
    missing = [plan for plan in plans if tuple(plan.values()) not in rows]
    new = Parallel(n_jobs=args.n_jobs, return_as="generator_unordered")(
        delayed(run)(plan, args.data) for plan in missing
    )
    for row in new:
        add_row(args.out, row)
        rows[tuple(row[name] for name in KEY)] = row
    return pd.DataFrame([rows[tuple(plan.values())] for plan in plans])


def summary(rows, without):
    """Of the trainings with one augmentation; `without` are those that have none."""
    told = {"n": len(rows), "accuracy": round(rows["accuracy"].mean(), 4)}
    told["log_loss"] = round(rows["log_loss"].mean(), 4)
    if len(without):
        same = ["dataset", "split"]
        gain = rows.set_index(same)["accuracy"] - without.set_index(same)["accuracy"]
        gain = gain.groupby("dataset").mean()
        told["gain"] = round(gain.mean(), 4)
        told["standard_error"] = round(gain.sem(), 4) if len(gain) > 1 else None
        told["above_0"], told["below_0"] = int((gain > 0).sum()), int((gain < 0).sum())
    seconds, epochs = rows["seconds"].sum(), rows["epochs"].mean()
    return told | {"seconds": round(float(seconds)), "epochs": round(float(epochs), 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder in the archive's layout")
    parser.add_argument("--out", required=True, help="file of the trainings, added to")
    parser.add_argument("--protocol", choices=SETS, default="few")
    parser.add_argument("--sets", nargs="+", default=None, help="else those of the protocol")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--estimators", nargs="+", default=["LSTMFCN"], help="classifiers of skts")
    of_one_channel = [name for name in AUGMENTATIONS if name != "channel_dropout"]
    parser.add_argument(
        "--augment", nargs="+", type=augmentation, default=[None, *of_one_channel], metavar="VALUE"
    )
    parser.add_argument("--set", nargs="+", type=option, default=[], metavar="NAME=VALUE")
    parser.add_argument("--n-jobs", type=int, default=2)
    args = parser.parse_args()
    rows = all_run(list(planned(args)), args)
    for estimator, of_estimator in rows.groupby("estimator", sort=False):
        without = of_estimator[of_estimator["augment"] == "None"]
        for augment, found in of_estimator.groupby("augment", sort=False):
            told = {"protocol": args.protocol, "estimator": estimator, "augment": augment}
            beside = without if augment != "None" else without[:0]
            print(json.dumps(told | summary(found, beside)), flush=True)


if __name__ == "__main__":
    main()
