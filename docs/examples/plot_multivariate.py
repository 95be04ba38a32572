"""
Several channels
================

BasicMotions has 40 recordings of a watch, ten seconds of acceleration and rotation along three
axes each, while somebody stands, walks, runs or plays badminton. MLSTM-FCN is LSTM-FCN with a
gate on each feature map, made for series of several channels.
"""

from matplotlib import pyplot as plt

from skts import MLSTMFCNClassifier
from skts.datasets import load_ucr_parts
from skts.plotting import plot_confusion_matrix

(X_train, y_train), (X_test, y_test) = load_ucr_parts("BasicMotions")
X_train.shape  # series, channels, time points

# %%
# One series of each class: the first axis of acceleration, and of rotation.

fig, axes = plt.subplots(2, 2, figsize=(9, 5), sharex=True, sharey=True, layout="constrained")
for label, ax in zip(sorted(set(y_train)), axes.flat, strict=True):
    x = X_train[y_train == label][0]
    ax.plot(x[0], color="#0072b2", label="channel 0, acceleration")
    ax.plot(x[3], "--", color="#d55e00", label="channel 3, rotation")
    ax.set_title(label)
fig.supxlabel("time point (10 in a second)")
fig.supylabel("value")
fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)

# %%
# How often each class is taken for each other one.

clf = MLSTMFCNClassifier(max_epochs=40, random_state=0).fit(X_train, y_train)
print(f"accuracy on the test series: {clf.score(X_test, y_test):.3f}")
ax = plot_confusion_matrix(clf, X_test, y_test)
ax.set_title("MLSTM-FCN on BasicMotions, 40 test series")
