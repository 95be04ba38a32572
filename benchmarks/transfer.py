"""Compare networks that start from pretrained weights with networks that start from scratch.

    python benchmarks/transfer.py --data PATH [--network FCN|ResNet|...] [--sources NAME ...]
        [--targets NAME ...] [--pretraining-epochs 50] [--epochs 50] [--n-jobs 2] [--out FILE]

One network is pretrained on the training splits of all source sets, with one output layer per set.
By default, two of three sets by name are sources and the others are targets. Three estimators with
the same number of epochs then learn each target set: from scratch, from the pretrained weights
(`init_from`), and with frozen pretrained weights (``freeze="all but head"``, with a learning rate
of 0.1 for the output layer). They use 100, 50 and 20 % of the training split, with at least two
series per class if available. Series are standardised (``normalize="series"``). The networks are
scored on the test split.

Prints one JSON object per target and share, with the accuracies and the training seconds on one
thread. Then prints one object per share: the mean accuracies over the targets, the number of sets
on which `init_from` was better and worse than scratch, and the p-value of Wilcoxon's signed-rank
test. Rows in FILE with the same network, set and share are used again. Use a new FILE for other
sources or epochs.
"""

import argparse
import json
import time

import numpy as np
import torch
from joblib import Parallel, delayed
from rows import add_row, read_rows
from scipy.stats import wilcoxon
from torch.nn import functional as F

import skts
from skts.datasets import list_ucr, load_ucr_parts
from skts.layers import Linear, output_layer
from skts.training.callbacks import one_cycle

SHARES = (1.0, 0.5, 0.2)
LR, WEIGHT_DECAY, BATCH = 5e-3, 1e-2, 16
OPTIONS = {
    "precision": "auto",
    "device": "cpu",
    "missing": "interpolate",
    "normalize": "series",
    "random_state": 0,
}
WAYS = {
    "scratch": {},
    "init_from": {"freeze": None},
    "frozen": {"freeze": "all but head", "lr": 0.1},
}


def estimator(network, **options):
    return getattr(skts, f"{network}Classifier")(**(OPTIONS | options))


def prepared(X):
    """Return standardised series (n, 1, T), padded with zeros, and their lengths."""
    series = []
    for x in map(np.ravel, X):
        seen = ~np.isnan(x)
        x = np.interp(range(len(x)), np.flatnonzero(seen), x[seen])
        series.append(torch.tensor((x - x.mean()) / (x.std() or 1.0), dtype=torch.float32))
    lengths = torch.tensor([len(x) for x in series])
    return torch.nn.utils.rnn.pad_sequence(series, batch_first=True)[:, None], lengths


def pretrained(network, sources, n_epochs, path):
    """Return a fitted estimator whose network learnt all sources, with one output layer each."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    parts = [load_ucr_parts(name, path=path)[0] for name in sources]
    # one epoch makes the estimator a fitted one
    fitted = estimator(network, max_epochs=1).fit(*parts[0])
    module, bfloat16 = fitted.net_.module_.train(), fitted.net_.autocast is not None
    name, first = output_layer(module)
    series = [prepared(X) for X, _ in parts]
    labels = [torch.tensor(np.unique(y, return_inverse=True)[1]) for _, y in parts]
    heads = [Linear(first.in_features, int(y.max()) + 1) for y in labels]
    weights = [p for layer in (module, *heads) for p in layer.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=LR, weight_decay=WEIGHT_DECAY, fused=True)
    n_steps = n_epochs * sum(-(-len(y) // BATCH) for y in labels)
    step = 0
    for _ in range(n_epochs):
        batches = [(i, rows) for i, y in enumerate(labels) for rows in shuffled(len(y))]
        for place in torch.randperm(len(batches)):
            i, rows = batches[place]
            module.set_submodule(name, heads[i])
            optimizer.param_groups[0]["lr"] = LR * one_cycle(step, n_steps)
            optimizer.zero_grad()  # a head that is not used must not move
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
                logits = module(*batch(*series[i], rows)).float()
            F.cross_entropy(logits, labels[i][rows]).backward()
            optimizer.step()
            step += 1
    module.set_submodule(name, first)
    module.eval()
    return fitted


def batch(x, lengths, rows):
    """Return the arguments of the network: lengths are None if they are equal in the set."""
    return x[rows], None if (lengths == lengths[0]).all() else lengths[rows]


def shuffled(n):
    """Return the rows of each batch of an epoch. No batch has only one series."""
    parts = list(torch.randperm(n).split(BATCH))
    return parts if len(parts[-1]) > 1 else [*parts[:-2], torch.cat(parts[-2:])]


def share_of(y, share):
    """Return the rows of about this share of each class, at least two if there are two."""
    rng, rows = np.random.default_rng(0), []
    for label in np.unique(y):
        of_label = rng.permutation(np.flatnonzero(y == label))
        rows.extend(of_label[: max(2, round(share * len(of_label)))])
    return np.sort(rows)


def learnt(network, source, dataset, share, n_epochs, path):
    """Return the accuracy and the seconds of each way to learn a set."""
    torch.set_num_threads(1)
    # unique labels, so that no output layer of another set is copied
    (X, y), (X_test, y_test) = (
        (X, np.char.add(f"{dataset} ", y.astype(str)))
        for X, y in load_ucr_parts(dataset, path=path)
    )
    rows = share_of(y, share)
    row = {"network": network, "set": dataset, "share": share, "n_train": len(rows)}
    learnt_from = [X[i] for i in rows] if isinstance(X, list) else X[rows]
    for way, options in WAYS.items():
        start = {"init_from": source} if options else {}
        clf = estimator(network, max_epochs=n_epochs, target_loss=None, **options, **start)
        began = time.perf_counter()
        clf.fit(learnt_from, y[rows])
        row[f"{way}_s"] = round(time.perf_counter() - began, 2)
        row[way] = round(float(clf.score(X_test, y_test)), 4)
    return row


def summary(network, share, rows):
    means = {way: round(float(np.mean([row[way] for row in rows])), 4) for way in WAYS}
    seconds = {f"{way}_s": round(sum(row[f"{way}_s"] for row in rows)) for way in WAYS}
    gains = np.array([row["init_from"] - row["scratch"] for row in rows])
    compared = {"better": int((gains > 0).sum()), "worse": int((gains < 0).sum())}
    p_value = float(wilcoxon(gains).pvalue) if gains.any() else 1.0
    found = {"network": network, "share": share, "n_sets": len(rows)}
    return found | means | compared | {"p_value": round(p_value, 4)} | seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder in the archive's layout")
    parser.add_argument("--network", default="FCN")
    parser.add_argument("--sources", nargs="+", default=None)
    parser.add_argument("--targets", nargs="+", default=None)
    parser.add_argument("--pretraining-epochs", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--out", default=None)
    args = parser.parse_args()
    names = list_ucr(path=args.data)
    targets = args.targets or names[2::3]
    sources = args.sources or [name for name in names if name not in names[2::3]]
    made = {(row["network"], row["set"], row["share"]): row for row in read_rows(args.out)}
    wanted = [(args.network, name, share) for share in SHARES for name in targets]
    missing = [key for key in wanted if key not in made]
    if missing:
        began = time.perf_counter()
        source = pretrained(args.network, sources, args.pretraining_epochs, args.data)
        seconds = round(time.perf_counter() - began)
        source_row = {"network": args.network, "sources": sources, "pretraining_s": seconds}
        print(json.dumps(source_row), flush=True)
        results = Parallel(n_jobs=args.n_jobs, return_as="generator")(
            delayed(learnt)(network, source, name, share, args.epochs, args.data)
            for network, name, share in missing
        )
        for key, row in zip(missing, results, strict=True):
            made[key] = row
            print(json.dumps(row), flush=True)
            add_row(args.out, row)
    for share in SHARES:
        rows = [made[key] for key in wanted if key[2] == share]
        print(json.dumps(summary(args.network, share, rows)), flush=True)


if __name__ == "__main__":
    main()
