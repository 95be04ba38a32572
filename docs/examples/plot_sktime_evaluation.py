"""
Cross-validate in sktime
========================

``to_sktime`` turns an estimator of skts into a classifier of sktime. This example evaluates a
network and a classical method of sktime on the same folds.
"""

import pandas as pd
from matplotlib import pyplot as plt
from sklearn.model_selection import KFold
from sktime.classification.distance_based import KNeighborsTimeSeriesClassifier
from sktime.classification.model_evaluation import evaluate
from sktime.datasets import load_gunpoint

from skts import FCNClassifier
from skts.adapters import to_sktime

X, y = load_gunpoint(split="train", return_type="numpy3D")
models = {
    "FCN": to_sktime(FCNClassifier(filters=(32, 64, 32), max_epochs=50, random_state=0)),
    "1-NN DTW": KNeighborsTimeSeriesClassifier(n_neighbors=1, distance="dtw"),
}

# %%
# The adapter has the parameters of the estimator and the tags of sktime.

models["FCN"].get_tag("capability:unequal_length"), models["FCN"].get_params()["max_epochs"]

# %%
# Both classifiers use the same five folds.

folds = KFold(5, shuffle=True, random_state=0)
results = {name: evaluate(model, cv=folds, X=X, y=y) for name, model in models.items()}
accuracy = pd.DataFrame({name: of["test_accuracy_score"] for name, of in results.items()})
seconds = {name: of["fit_time"].sum() + of["pred_time"].sum() for name, of in results.items()}
print(accuracy.assign(fold=range(1, 6)).set_index("fold").round(3).to_string())
print({name: f"{s:.1f} s" for name, s in seconds.items()})

# %%
# A fold has ten series, so one series is 0.1 of accuracy.

fig, ax = plt.subplots(layout="constrained")
looks = (("#0072b2", "o-"), ("#d55e00", "s--"))
for place, (name, (color, line)) in enumerate(zip(accuracy, looks, strict=True)):
    folds_at = accuracy.index + 1 + 0.06 * place
    label = f"{name}, mean {accuracy[name].mean():.3f}"
    ax.plot(folds_at, accuracy[name], line, color=color, markersize=8, label=label)
ax.set(xlabel="fold", ylabel="accuracy", ylim=(0.5, 1.03), xticks=range(1, 6))
ax.legend()
