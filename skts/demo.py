"""A comparison of networks with classical methods, on data that sktime ships."""

import time

import numpy as np
import pandas as pd
from sklearn.base import clone
from tqdm.auto import tqdm

from skts.datasets import load_ucr_parts
from skts.extras import needs
from skts.models.lstmfcn import ALSTMFCNClassifier, LSTMFCNClassifier
from skts.models.mlstmfcn import MLSTMFCNClassifier

DATASETS = ("ItalyPowerDemand", "GunPoint", "ArrowHead", "BasicMotions")
TRAINING = {"precision": "auto", "random_state": 0}


def run_demo(*, quick=False):
    """Fit three networks and two baselines on four data sets of the UCR and UEA archives.

    The models learn from the training split. The test split is scored once. The networks train with
    their default options, in bfloat16 if the processor supports it.

    Parameters
    ----------
    quick : bool, default=False
        Use one data set, and leave out MiniRocket, whose code numba has to compile.

    Returns
    -------
    pandas.DataFrame
        One row per data set: test accuracy and seconds (fit and predict) of each model.
        ``attrs`` has the seconds in which numba compiled MiniRocket before its first fit.

    Raises
    ------
    ModuleNotFoundError
        If numba is not installed. sktime's baselines need it.
    """
    datasets, models, compiled = DATASETS[:1] if quick else DATASETS, _models(), {}
    minirocket = models["MiniRocket + ridge"]
    if quick:
        del models["MiniRocket + ridge"]
    else:
        compiled = {"MiniRocket": _seconds_to_compile(minirocket, datasets[0])}
    rows = {}
    with tqdm(total=len(datasets) * len(models), unit="fit") as bar:
        for name in datasets:
            train, test = (_cubes(*part) for part in load_ucr_parts(name))
            rows[name] = {}
            for label, model in models.items():
                bar.set_description(f"{name}, {label}")
                began = time.perf_counter()
                accuracy = model.fit(*train).score(*test)
                rows[name][label, "accuracy"] = accuracy
                rows[name][label, "seconds"] = time.perf_counter() - began
                bar.update()
    results = pd.DataFrame.from_dict(rows, orient="index")
    results.attrs["compiled"] = compiled
    return results


def as_text(results):
    """Format the results as a table with ``accuracy (seconds)`` in each cell."""
    models = results.columns.get_level_values(0).unique()
    cells = {
        model: [f"{row.accuracy:.3f} ({row.seconds:.1f} s)" for row in results[model].itertuples()]
        for model in models
    }
    table = pd.DataFrame(cells, index=results.index).to_string()
    compiled = [
        f"Compiling {name} before its first fit took {seconds:.1f} s."
        for name, seconds in results.attrs["compiled"].items()
    ]
    return "\n".join(["test accuracy (seconds)", table, *compiled])


def _seconds_to_compile(model, dataset):
    """Fit a copy of `model` on four series, for which numba compiles its code."""
    X, y = _cubes(*load_ucr_parts(dataset)[0])
    few = [i for label in np.unique(y) for i in np.flatnonzero(y == label)[:2]]
    began = time.perf_counter()
    clone(model).fit(X[few], y[few]).predict(X[few])
    return time.perf_counter() - began


def _cubes(X, y):
    """Give univariate series a channel axis: sktime reads a 2-D array as one series."""
    return (X[:, None] if X.ndim == 2 else X), y


def _models():
    with needs("bench", "the demo's MiniRocket baseline"):
        import numba  # noqa: F401 (sktime's MiniRocket imports it when it is fitted)
    from sktime.classification.distance_based import KNeighborsTimeSeriesClassifier
    from sktime.classification.kernel_based import RocketClassifier

    return {
        "LSTM-FCN": LSTMFCNClassifier(**TRAINING),
        "ALSTM-FCN": ALSTMFCNClassifier(**TRAINING),
        "MLSTM-FCN": MLSTMFCNClassifier(**TRAINING),
        "1-NN DTW": KNeighborsTimeSeriesClassifier(n_neighbors=1, distance="dtw"),
        "MiniRocket + ridge": RocketClassifier(rocket_transform="minirocket", random_state=0),
    }
