"""Tables of the classes that the models of a study predict for test series."""

import numpy as np
import pandas as pd

from skts.persistence.files import replace_file


def write_class_probabilities(store, runs):
    """Write ``classes/DATASET.csv`` into the store's folder.

    Each test series has a row with its label, and the class and its probability for each model.

    Parameters
    ----------
    store : skts.benchmark.store.Store
    runs : list of skts.benchmark.plan.Run
        Failed runs are left out.

    Returns
    -------
    list of Path
    """
    done = {row["key"] for row in store.rows() if row["status"] == "done"}
    tables = {}
    for run in runs:
        if run.key in done:
            arrays = store.predictions(run.key)
            table = tables.setdefault(run.dataset, pd.DataFrame({"label": arrays["y_test"]}))
            table[run.model] = arrays["y_pred"]
            places = np.searchsorted(arrays["classes"], arrays["y_pred"])
            probability = np.take_along_axis(arrays["probabilities"], places[:, None], axis=1)
            table[f"{run.model}, probability"] = probability[:, 0]
    folder = store.folder / "classes"
    folder.mkdir(exist_ok=True)
    for dataset, table in tables.items():
        content = table.to_csv(index_label="series").encode()
        replace_file(folder / f"{dataset}.csv", content)
    return [folder / f"{dataset}.csv" for dataset in tables]
