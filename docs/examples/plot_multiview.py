"""
Average five views of a series
==============================

The best representation of a series differs between data sets. This example shows the weights that
``MultiViewClassifier`` gives to its five views on two data sets. It learns the weights from the
leave-one-out loss on the training series.
"""

from matplotlib import pyplot as plt

from skts import MultiViewClassifier
from skts.datasets import load_ucr_parts

VIEWS = ["series", "derivative", "cumulative sum", "spectrum", "quantiles"]
fitted = {}
for name in ("ItalyPowerDemand", "OSULeaf"):
    (X_train, y_train), (X_test, y_test) = load_ucr_parts(name)
    clf = fitted[name] = MultiViewClassifier(random_state=0).fit(X_train, y_train)
    print(f"{name}: all five {clf.score(X_test, y_test):.3f}")
    for view, member in zip(VIEWS, clf.estimators_, strict=True):
        print(f"    {view:14} {member.score(X_test, y_test):.3f}")

# %%
# The losses use no test series. A view with a high loss gets almost no weight.

fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
for ax, (name, clf) in zip(axes, fitted.items(), strict=True):
    losses = [member.loo_loss_ for member in clf.estimators_]
    bars = ax.bar(VIEWS, clf.weights_, color="#0072b2")
    ax.bar_label(bars, [f"loss {loss:.2f}" for loss in losses])
    ax.tick_params(axis="x", rotation=30)
    ax.set(title=name, ylabel="weight", ylim=(0, 1))
