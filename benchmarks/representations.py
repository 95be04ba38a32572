"""Value of each view of MultiViewClassifier, on held-out parts of TRAINING splits.

    python benchmarks/representations.py --data PATH [--protocol few|small|many] [--splits 3]
        [--n-jobs 2]

The protocols are those of benchmarks/recipe.py. Test splits are not used. Prints, as lines of JSON,
the mean accuracy and the mean log loss of each member; of averages with equal weights and with
weights exp(-s sqrt(n) loss) for several s (skts uses 3); and of the ensemble without each member.
"""

import argparse
import json

import numpy as np
from joblib import Parallel, delayed
from recipe import SETS, parts

from skts import MultiViewClassifier
from skts.ensemble import weighted

SHARPNESSES = (1.0, 2.0, 3.0, 5.0, 10.0)


def run(protocol, dataset, split, path):
    """Of each way to answer the accuracy and the log loss."""
    (x, y), (held_out, truth) = (
        (x.numpy(), y.numpy()) for x, y in parts(protocol, dataset, split, path)
    )
    ensemble = MultiViewClassifier(random_state=split).fit(x, y)
    names = [m.representation or type(m).__name__ for m in ensemble.estimators_]
    losses = np.array([member.loo_loss_ for member in ensemble.estimators_])
    answers = np.stack([member.predict_proba(held_out) for member in ensemble.estimators_])

    def averaged(sharpness, kept=slice(None)):
        weighted.SHARPNESS = sharpness
        weights = weighted.weights_by_likelihood(losses[kept], len(y))
        return np.average(answers[kept], axis=0, weights=weights)

    found = dict(zip(names, answers, strict=True))
    found["equal"] = averaged(0.0)
    found |= {f"likelihood, {sharpness:g}": averaged(sharpness) for sharpness in SHARPNESSES}
    everyone = np.arange(len(names))
    for i, name in enumerate(names):
        found[f"without {name}"] = averaged(3.0, everyone[everyone != i])
    rows = np.arange(len(truth))
    return {
        name: (
            float(np.mean(p.argmax(axis=1) == truth)),
            float(-np.log(np.maximum(p[rows, truth], 1e-9)).mean()),
        )
        for name, p in found.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder in the archive's layout")
    parser.add_argument("--protocol", choices=SETS, default="few")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--n-jobs", type=int, default=2)
    args = parser.parse_args()
    results = Parallel(n_jobs=args.n_jobs)(
        delayed(run)(args.protocol, dataset, split, args.data)
        for dataset in SETS[args.protocol].split()
        for split in range(args.splits)
    )
    for name in results[0]:
        accuracy, loss = np.mean([result[name] for result in results], axis=0).round(4).tolist()
        told = {"protocol": args.protocol, "how": name, "accuracy": accuracy, "log_loss": loss}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
