"""
Classify series of unequal length
=================================

This example trains a network on series of different lengths. ``fit`` accepts a list of arrays.
JapaneseVowels has recordings of nine speakers, with 12 spectral coefficients at 7 to 29 time
points.
"""

from itertools import pairwise

import numpy as np
from matplotlib import pyplot as plt

from skts import MLSTMFCNClassifier
from skts.datasets import load_ucr_parts

(X_train, y_train), (X_test, y_test) = load_ucr_parts("JapaneseVowels")
lengths = {"training": [x.shape[1] for x in X_train], "test": [x.shape[1] for x in X_test]}

fig, ax = plt.subplots(layout="constrained")
ax.hist(
    lengths.values(),
    bins=np.arange(6.5, 30),
    color=["#0072b2", "#d55e00"],
    label=[f"{part}, {min(of)} to {max(of)}" for part, of in lengths.items()],
)
ax.set(xlabel="time points", ylabel="series", title="Lengths in JapaneseVowels")
ax.legend()

# %%
# Some test series are longer than all training series. With ``dimension_shuffle=False``, the
# network reads one time point after another and takes any length. By default it refuses longer
# series.

options = {"filters": (32, 64, 32), "max_epochs": 30, "random_state": 0}
clf = MLSTMFCNClassifier(dimension_shuffle=False, **options).fit(X_train, y_train)
print(f"accuracy on the test series: {clf.score(X_test, y_test):.3f}")

# %%
# The padding is masked. A prediction is the same for a series alone and in a batch of longer
# series.

shortest = min(X_test, key=lambda x: x.shape[1])
alone = clf.predict_proba([shortest])
among = clf.predict_proba([shortest, *X_test])[:1]
print(f"largest difference: {np.abs(alone - among).max():.1e}")

# %%
# The next figure shows the accuracy by length.

right, length = clf.predict(X_test) == y_test, np.array(lengths["test"])
edges = [7, 11, 14, 17, 20, 30]
groups = [(length >= low) & (length < high) for low, high in pairwise(edges)]
names = [f"{low} to {high - 1}" for low, high in pairwise(edges)]

fig, ax = plt.subplots(layout="constrained")
bars = ax.bar(names, [right[group].mean() for group in groups], color="#009e73")
ax.bar_label(bars, [f"of {group.sum()}" for group in groups])
ax.set(xlabel="time points", ylabel="accuracy", ylim=(0, 1.1), title="Test series by length")
