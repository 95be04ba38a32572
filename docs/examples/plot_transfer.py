"""
Reuse a fitted network
======================

This example uses a fitted network for new classes in two ways. `transform` returns the features
that the output layer reads. `init_from` starts another network from the fitted weights. Both can
help if you have few series.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline

from skts import FCNClassifier
from skts.datasets import load_ucr_parts
from skts.plotting import plot_embedding

# %%
# OSULeaf has the outlines of six kinds of leaves. A network learns to distinguish three of them.


def of_kinds(X, y, kinds):
    return X[np.isin(y, kinds)], y[np.isin(y, kinds)]


train, test = load_ucr_parts("OSULeaf")
options = {"filters": (32, 64, 32), "random_state": 0}
source = FCNClassifier(max_epochs=40, **options).fit(*of_kinds(*train, ["1", "2", "3"]))

# %%
# Its features also separate the other three kinds, which the network has never seen. The figure
# shows the features in two dimensions.

X_test, y_test = of_kinds(*test, ["4", "5", "6"])
fig, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
plot_embedding(source, X_test, y_test, ax=ax)

# %%
# Eight leaves of each of these kinds are the training series. `FrozenEstimator` of scikit-learn
# keeps the fitted network unchanged in a pipeline. With `freeze`, the network trains only its
# output layer, which needs a higher learning rate.

X, y = of_kinds(*train, ["4", "5", "6"])
few = [i for kind in "456" for i in np.flatnonzero(y == kind)[:8]]
estimators = {
    "from scratch": FCNClassifier(max_epochs=40, **options),
    "init_from": FCNClassifier(max_epochs=40, init_from=source, **options),
    "init_from, freeze": FCNClassifier(
        max_epochs=40, lr=0.1, init_from=source, freeze="all but head", **options
    ),
    "ridge on the features": make_pipeline(FrozenEstimator(source), RidgeClassifierCV()),
}
accuracy = [clf.fit(X[few], y[few]).score(X_test, y_test) for clf in estimators.values()]

fig, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
bars = ax.barh([*estimators], accuracy, color=["#999999", "#0072b2", "#0072b2", "#0072b2"])
ax.bar_label(bars, fmt="%.2f", padding=3)
ax.margins(x=0.1)
ax.invert_yaxis()
ax.set_xlabel("accuracy on the test series")

# %%
# `transferred_` lists the transferred weights (`taken`) and the newly initialised ones (`new`).

print(estimators["init_from"].transferred_["new"])
