"""The main job in one call: deep networks beside classical methods on data that sktime ships."""

import time

import pandas as pd
from tqdm.auto import tqdm

from skts.datasets import load_ucr_parts
from skts.extras import needs
from skts.models.lstmfcn import ALSTMFCNClassifier, LSTMFCNClassifier
from skts.models.mlstmfcn import MLSTMFCNClassifier

DATASETS = ("ItalyPowerDemand", "GunPoint", "ArrowHead", "BasicMotions")
TRAINING = {"precision": "auto", "random_state": 0}


def run_demo():
    """Fit three networks and two baselines on four data sets of the UCR and UEA archives.

    Training takes the training split alone, the test split is scored once. The networks train with
    their default recipe, in bfloat16 where the processor has it.

    Returns
    -------
    pandas.DataFrame
        A row for each data set: test accuracy and seconds (fit and predict) of each model.

    Raises
    ------
    ModuleNotFoundError
        Where numba, which sktime's MiniRocket needs, is not installed.
    """
    models = _models()
    rows = {}
    with tqdm(total=len(DATASETS) * len(models), unit="fit") as bar:
        for name in DATASETS:
            train, test = (_cubes(*part) for part in load_ucr_parts(name))
            rows[name] = {}
            for label, model in models.items():
                bar.set_description(f"{name}, {label}")
                began = time.perf_counter()
                accuracy = model.fit(*train).score(*test)
                rows[name][label, "accuracy"] = accuracy
                rows[name][label, "seconds"] = time.perf_counter() - began
                bar.update()
    return pd.DataFrame.from_dict(rows, orient="index")


def as_text(results):
    """The demo's table, ``accuracy (seconds)`` in each cell."""
    models = results.columns.get_level_values(0).unique()
    cells = {
        model: [f"{row.accuracy:.3f} ({row.seconds:.1f} s)" for row in results[model].itertuples()]
        for model in models
    }
    return "test accuracy (seconds)\n" + pd.DataFrame(cells, index=results.index).to_string()


def _cubes(X, y):
    """Univariate series with their one channel: sktime reads a 2-D array as one series."""
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
