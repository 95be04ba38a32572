"""
Look at the filters of a convolution
====================================

This example draws filters of a trained convolution and their output. The first convolution of an
LSTM-FCN has 128 filters of eight time points. Some filters smooth a series; others respond to
slopes or to single steps.
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
# ``convolution_filters`` returns the weights. The example picks two filters. The filter with the
# largest sum of weights adds up its input. Among filters with a sum near 0, the one with the
# largest weights responds only to changes.

weights = convolution_filters(clf)[:, 0]  # (128, 8): one channel
sums, sizes = weights.sum(axis=1), np.linalg.norm(weights, axis=1)
adds, changes = sums.argmax(), np.where(np.abs(sums) < 0.1, sizes, 0).argmax()

fig, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
for index, ax in zip((adds, changes), axes, strict=True):
    plot_filter(clf, X_test[0], index=index, ax=ax)
    ax.set_title(f"filter {index}, weights add up to {sums[index]:.2f}")

# %%
# At both ends, a filter reads the zeros of the padding. The next figure shows the weights of the
# same two filters, and the weights of all filters:

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
