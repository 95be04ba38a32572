"""
Compare networks with classical methods
=======================================

This example compares accuracy and time of three networks and three classical methods on three small
data sets. The networks train for 50 epochs; by default they can train for up to 350.
"""

import time

import pandas as pd
from matplotlib import pyplot as plt
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sktime.classification.kernel_based import RocketClassifier

from skts import ConvLSTMClassifier, FCNClassifier, LSTMFCNClassifier
from skts.datasets import load_ucr_parts

training = {"max_epochs": 50, "random_state": 0}
models = {
    "LSTM-FCN": LSTMFCNClassifier(**training),
    "FCN": FCNClassifier(**training),
    "ConvLSTM": ConvLSTMClassifier(**training),
    "1-NN": KNeighborsClassifier(n_neighbors=1),
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "MiniRocket": RocketClassifier(rocket_transform="minirocket", random_state=0),
}
data = {name: load_ucr_parts(name) for name in ("ItalyPowerDemand", "UnitTest", "GunPoint")}
accuracy, seconds = pd.DataFrame(), pd.DataFrame()
for label, model in models.items():
    for name, ((X_train, y_train), (X_test, y_test)) in data.items():
        if label == "MiniRocket":  # sktime takes a 2-D array for one series
            X_train, X_test = X_train[:, None], X_test[:, None]
        began = time.perf_counter()
        accuracy.loc[name, label] = model.fit(X_train, y_train).score(X_test, y_test)
        seconds.loc[name, label] = time.perf_counter() - began
print(accuracy.round(3).to_string())

# %%
# No method is the best on all data sets. UnitTest has only 22 test series, so one series is 0.045
# of accuracy. ConvLSTM needs more epochs for GunPoint. The time of MiniRocket on ItalyPowerDemand
# includes its compilation.

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
looks = zip(accuracy.index, ("#0072b2", "#d55e00", "#009e73"), "os^", strict=True)
for name, color, marker in looks:
    rows = range(len(models))
    left.plot(accuracy.loc[name], rows, marker, color=color, markersize=8)
    right.plot(seconds.loc[name], rows, marker, color=color, markersize=8, label=name)
left.set_yticks(range(len(models)), models)
left.invert_yaxis()
left.grid(axis="y", alpha=0.3)
right.grid(axis="y", alpha=0.3)
left.set(xlabel="accuracy on the test series")
right.set(xlabel="seconds (fit and predict)", xscale="log")
fig.legend(loc="outside upper center", ncols=3)
