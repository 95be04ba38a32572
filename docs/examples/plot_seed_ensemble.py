"""
Average several seeds
=====================

Two trainings with different seeds give different predictions. This example averages the
probabilities of five seeds and compares the ensemble with its members.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.metrics import log_loss

from skts import FCNClassifier, SeedEnsembleClassifier
from skts.datasets import load_ucr_parts

(X_train, y_train), (X_test, y_test) = load_ucr_parts("GunPoint")
member = FCNClassifier(filters=(32, 64, 32), max_epochs=40, random_state=0)
ensemble = SeedEnsembleClassifier(member, n_estimators=5).fit(X_train, y_train)

# %%
# ``estimators_`` holds the members.

probabilities = [m.predict_proba(X_test) for m in ensemble.estimators_]
names = [f"member {i}" for i in range(5)] + ["all five"]
probabilities.append(ensemble.predict_proba(X_test))
accuracy = [np.mean(ensemble.classes_[p.argmax(axis=1)] == y_test) for p in probabilities]
loss = [log_loss(y_test, p, labels=ensemble.classes_) for p in probabilities]
for row in zip(names, accuracy, loss, strict=True):
    print("{:10} accuracy {:.3f}, log loss {:.3f}".format(*row))

# %%
# An ensemble is not always better than its best member, but you cannot know the best member in
# advance. The ensemble is rarely as bad as the worst member.

fig, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
colors = ["#0072b2"] * 5 + ["#d55e00"]
for ax, values, what in zip(axes, (accuracy, loss), ("accuracy", "log loss"), strict=True):
    bars = ax.bar(names, values, color=colors)
    ax.margins(y=0.15)
    ax.bar_label(bars, fmt="%.2f")
    ax.tick_params(axis="x", rotation=45)
    ax.set(xlabel="member", ylabel=f"{what} on the test series")
