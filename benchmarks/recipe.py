"""Accuracy of training recipes on held-out parts of TRAINING splits. It chose the defaults.

    python benchmarks/recipe.py --data PATH [--protocol few|small|many] [--splits 3] [--n-jobs 2]
        [--tries "target_loss=0.2" "epochs=150 first_cycle=0 mixup=0.2" ...]

There are three protocols, without any test split. `few` trains on 30 series of larger data sets, or
five per class if that is more, and scores up to 400 of the others. `small` is 3-fold
cross-validation on the 22 smallest data sets. `many` trains on 65 % of five data sets, up to 400
series, and scores up to 400 of the others.

A try is a recipe as `name=value` pairs: epochs, first_cycle (0 for one cycle of all epochs),
target_loss, batch, lr, wd (weight decay), optimizer (adamw or adam), schedule (one_cycle or
constant), smoothing (of labels), mixup (alpha), noise (standard deviation of noise on the inputs),
dropout. The network is LSTM-FCN in bfloat16 in a plain training loop, which also has options that
skts does not have.

Prints one JSON object per try: the mean accuracy with the last weights ("last"); with the averages
of batch normalisation recomputed over the training series ("recomputed"); with the weights
averaged over about the last tenth of the steps, and recomputed ("averaged"); the summed training
seconds; and how many trainings took how many epochs.
"""

import argparse
import copy
import json
import math
import time
from collections import Counter

import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn.model_selection import StratifiedKFold, train_test_split
from torch.nn import functional as F

from skts.datasets import load_ucr
from skts.layers import BatchNorm
from skts.models import LSTMFCN
from skts.training.callbacks import cycle_lengths, one_cycle

SETS = {
    "few": "GunPointAgeSpan PowerCons SmoothSubspace Trace FacesUCR SwedishLeaf DistalPhalanxTW "
    "MedicalImages MiddlePhalanxOutlineCorrect ProximalPhalanxOutlineAgeGroup SyntheticControl "
    "Plane ECG200",
    "small": "ArrowHead BME Beef BirdChicken CBF Car Chinatown Coffee ECGFiveDays FaceFour "
    "GunPoint ItalyPowerDemand Lightning7 Meat MoteStrain OliveOil ShapeletSim "
    "SonyAIBORobotSurface1 ToeSegmentation1 TwoLeadECG UMD Wine",
    "many": "SwedishLeaf MedicalImages MelbournePedestrian FacesUCR OSULeaf",
}
DEFAULTS = {
    "epochs": 350,
    "first_cycle": 50,
    "target_loss": 0.1,
    "batch": 16,
    "lr": 5e-3,
    "wd": 1e-2,
    "optimizer": "adamw",
    "schedule": "one_cycle",
    "smoothing": 0.0,
    "mixup": 0.0,
    "noise": 0.0,
    "dropout": 0.8,
}


def parts(protocol, dataset, split, path):
    """Series and labels to train on and to score, tensors."""
    X, y = load_ucr(dataset, "train", path)
    if protocol == "small":
        y = np.unique(y, return_inverse=True)[1]
        folds = StratifiedKFold(3, shuffle=True, random_state=split // 3).split(X, y)
        train, held_out = list(folds)[split % 3]
    else:
        labels, counts = np.unique(y, return_counts=True)
        kept = np.isin(y, labels[counts >= 12])
        X, y = X[kept], np.unique(y[kept], return_inverse=True)[1]
        n = max(30, 5 * (y.max() + 1)) if protocol == "few" else min(int(0.65 * len(X)), 400)
        train, held_out = train_test_split(
            np.arange(len(X)), train_size=n, stratify=y, random_state=split
        )
    return [
        (torch.tensor(X[rows], dtype=torch.float32)[:, None], torch.tensor(y[rows]))
        for rows in (train, held_out[:400])
    ]


def in_bfloat16(network, x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return network(x).float()


def loss_of(network, x, y, recipe):
    x = x + recipe["noise"] * torch.randn_like(x) if recipe["noise"] else x
    alpha, smoothing = recipe["mixup"], {"label_smoothing": recipe["smoothing"]}
    if not alpha:
        return F.cross_entropy(in_bfloat16(network, x), y, **smoothing)
    share, other = torch.distributions.Beta(alpha, alpha).sample(), torch.randperm(len(x))
    out = in_bfloat16(network, torch.lerp(x[other], x, share))
    losses = [F.cross_entropy(out, labels, **smoothing) for labels in (y[other], y)]
    return torch.lerp(*losses, share)


def train(x, y, n_classes, recipe):
    """The trained network, beside it one with averaged weights, and the epochs that it took."""
    network = LSTMFCN(1, x.shape[2], n_classes, dropout=recipe["dropout"]).train()
    parameters = [p for p in network.parameters() if p.requires_grad]
    make = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[recipe["optimizer"]]
    optimizer = make(parameters, lr=recipe["lr"], weight_decay=recipe["wd"], fused=True)
    averages = [p.detach().clone() for p in parameters]
    step = done = 0
    for n_epochs in cycle_lengths(recipe["epochs"], recipe["first_cycle"] or None):
        n_steps, i = n_epochs * math.ceil(len(x) / recipe["batch"]), 0
        for _ in range(n_epochs):
            total = 0.0
            for rows in torch.randperm(len(x)).split(recipe["batch"]):
                if recipe["schedule"] == "one_cycle":
                    optimizer.param_groups[0]["lr"] = recipe["lr"] * one_cycle(i, n_steps)
                optimizer.zero_grad()
                loss = loss_of(network, x[rows], y[rows], recipe)
                loss.backward()
                optimizer.step()
                total, i = total + loss.detach() * len(rows), i + 1
                now = [p.detach() for p in parameters]
                torch._foreach_lerp_(averages, now, 1 / (1 + 0.1 * step))
                step += 1
        done += n_epochs
        if total / len(x) <= recipe["target_loss"]:
            break
    averaged = copy.deepcopy(network)
    with torch.no_grad():
        chosen = [p for p in averaged.parameters() if p.requires_grad]
        for parameter, average in zip(chosen, averages, strict=True):
            parameter.copy_(average)
    return network, averaged, done


@torch.no_grad()
def recomputed(network, x):
    """The network with batch normalisation's averages over all of `x` at once."""
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, BatchNorm):
            module.momentum = 1.0
    in_bfloat16(network.train(), x)
    return network


@torch.no_grad()
def accuracy(network, x, y):
    return float((in_bfloat16(network.eval(), x).argmax(dim=1) == y).float().mean())


def run(protocol, dataset, split, recipe, path):
    torch.set_num_threads(1)
    torch.manual_seed(split)
    (x, y), held_out = parts(protocol, dataset, split, path)
    began = time.perf_counter()
    network, averaged, epochs = train(x, y, int(y.max()) + 1, recipe)
    seconds = time.perf_counter() - began
    variants = {
        "last": network,
        "recomputed": recomputed(network, x),
        "averaged": recomputed(averaged, x),
    }
    return {name: accuracy(v, *held_out) for name, v in variants.items()} | {
        "seconds": seconds,
        "epochs": epochs,
    }


def parsed(text):
    """``"lr=1e-2 epochs=100"`` as a dict."""
    pairs = dict(pair.split("=") for pair in text.split())
    unknown = pairs.keys() - DEFAULTS.keys()
    if unknown:
        raise argparse.ArgumentTypeError(f"a try may vary {list(DEFAULTS)}, got {sorted(unknown)}")
    return {name: type(DEFAULTS[name])(value) for name, value in pairs.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder in the archive's layout")
    parser.add_argument("--protocol", choices=SETS, default="few")
    parser.add_argument("--sets", nargs="+", default=None, help="else those of the protocol")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--tries", nargs="+", type=parsed, default=[{}])
    parser.add_argument("--n-jobs", type=int, default=2)
    args = parser.parse_args()
    for tried in args.tries:
        results = Parallel(n_jobs=args.n_jobs)(
            delayed(run)(args.protocol, dataset, split, DEFAULTS | tried, args.data)
            for dataset in args.sets or SETS[args.protocol].split()
            for split in range(args.splits)
        )
        of_each = {name: [r[name] for r in results] for name in results[0]}
        means = {
            name: round(float(np.mean(v)), 4) for name, v in of_each.items() if name != "epochs"
        }
        total = {"seconds": round(sum(of_each["seconds"])), "epochs": Counter(of_each["epochs"])}
        print(json.dumps({"protocol": args.protocol, "try": tried} | means | total), flush=True)


if __name__ == "__main__":
    main()
