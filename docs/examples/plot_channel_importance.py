"""
Rank the channels of a data set
===============================

This example ranks the channels of a multivariate data set. ``channel_importance`` permutes one
channel among the series, so that it carries no information, and measures how much accuracy drops.
BasicMotions has three axes of acceleration and three of rotation.
"""

from matplotlib import pyplot as plt

from skts import MLSTMFCNClassifier
from skts.datasets import load_ucr_parts
from skts.explain import channel_importance, integrated_gradients
from skts.plotting import plot_channel_importance, plot_relevance

(X_train, y_train), (X_test, y_test) = load_ucr_parts("BasicMotions")
names = [f"{kind} {axis}" for kind in ("acceleration", "rotation") for axis in "xyz"]
clf = MLSTMFCNClassifier(max_epochs=40, random_state=0).fit(X_train, y_train)
print(f"accuracy on the test series: {clf.score(X_test, y_test):.3f}")

# %%
# A small drop does not mean that a channel is uninformative: another channel may have the same
# information.

importance = channel_importance(clf, X_test, y_test, n_repeats=10, random_state=0)
ax = plot_channel_importance(importance, names=names)
ax.set_xlabel("drop of accuracy when permuted")

# %%
# Integrated gradients rank the channels for a single series, here of a running person. The figure
# shows the two channels with the largest attributions, with the same colour scale.

x = X_test[y_test == "running"][0]
(attributions,) = integrated_gradients(clf, x[None])
largest = abs(attributions).sum(axis=1).argsort()[:-3:-1]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for channel, ax in zip(largest, axes, strict=True):
    plot_relevance(x, attributions, channel=channel, ax=ax)
    ax.set(title=f"predicted {clf.predict(x[None])[0]}", ylabel=names[channel])
