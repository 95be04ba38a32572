"""
Train a first classifier
========================

This example trains an LSTM-FCN and plots its learning curve. The network distinguishes winter days
from summer days by the electricity demand of each hour. The data set is ItalyPowerDemand of the UCR
archive, with 67 training days and 1029 test days.
"""

from matplotlib import pyplot as plt

from skts import LSTMFCNClassifier
from skts.datasets import load_ucr_parts
from skts.plotting import plot_learning_curves

(X_train, y_train), (X_test, y_test) = load_ucr_parts("ItalyPowerDemand")
X_train.shape, X_test.shape, sorted(set(y_train.tolist()))

# %%
# Series of equal length are the rows of an array. The archive has standardised each series.

fig, ax = plt.subplots(layout="constrained")
for label, color in {"1": "#0072b2", "2": "#d55e00"}.items():
    days = X_train[y_train == label]
    ax.plot(days.T, color=color, alpha=0.15)
    ax.plot(days.mean(axis=0), color=color, linewidth=3, label=f"class {label}, mean")
ax.set(xlabel="hour of the day", ylabel="demand, standardised", title="The training series")
ax.legend()

# %%
# By default, training stops when the training loss is low, and after at most 350 epochs. Here
# ``max_epochs`` limits it to 50.

clf = LSTMFCNClassifier(max_epochs=50, random_state=0).fit(X_train, y_train)
print(f"accuracy on the test series: {clf.score(X_test, y_test):.3f}")

# %%
# ``history_frame()`` returns the loss of each epoch. The learning rate first rises and then falls
# to zero, so the loss becomes steady at the end.

ax = plot_learning_curves(clf)
ax.set_title("LSTM-FCN on ItalyPowerDemand")

# %%
# ``predict_proba`` returns the probability of each class, in the order of ``classes_``.

clf.classes_, clf.predict_proba(X_test[:3]).round(3)
