"""
What a filter makes of a series
===============================

The first convolution of an LSTM-FCN has 128 filters of eight time points. Some smooth a series,
some answer to slopes or to single steps.
"""

import numpy as np
from matplotlib import pyplot as plt

from skts import LSTMFCNClassifier
from skts.datasets import load_ucr_parts
from skts.explain import convolution_filters
from skts.plotting import plot_filter

(X_train, y_train), (X_test, y_test) = load_ucr_parts("GunPoint")
clf = LSTMFCNClassifier(max_epochs=30, random_state=0).fit(X_train, y_train)
print(f"accuracy on the test series: {clf.score(X_test, y_test):.3f}")

# %%
# ``convolution_filters`` gives the weights. Two filters are picked by them: the one with the
# largest sum, which adds up what it sees, and of those with nearly no sum the largest, which
# answers to changes alone.

weights = convolution_filters(clf)[:, 0]  # (128, 8): one channel
sums, sizes = weights.sum(axis=1), np.linalg.norm(weights, axis=1)
adds, changes = sums.argmax(), np.where(np.abs(sums) < 0.1, sizes, 0).argmax()

fig, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
for index, ax in zip((adds, changes), axes, strict=True):
    plot_filter(clf, X_test[0], index=index, ax=ax)
    ax.set_title(f"filter {index}, weights add up to {sums[index]:.2f}")

# %%
# At both ends a filter sees the zeros with which the series is padded. The weights of the same two
# filters, and those of all:

fig, (ax, of_all) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
ax.plot(weights[adds], "o-", color="#0072b2", label=f"filter {adds}")
ax.plot(weights[changes], "s--", color="#d55e00", label=f"filter {changes}")
ax.set(xlabel="time point of the kernel", ylabel="weight")
ax.legend()
largest = np.abs(weights).max()
image = of_all.imshow(
    weights.T[:, sums.argsort()], cmap="PuOr_r", vmin=-largest, vmax=largest, aspect="auto"
)
of_all.set(xlabel="filter, by the sum of its weights", ylabel="time point of the kernel")
fig.colorbar(image, ax=of_all, label="weight")
