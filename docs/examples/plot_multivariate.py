"""
Classify multivariate series
============================

This example trains an MLSTM-FCN on series with six channels and draws the confusion matrix.
BasicMotions has 40 training recordings of a watch, each with ten seconds of acceleration and
rotation along three axes. The person stands, walks, runs or plays badminton. MLSTM-FCN is an
LSTM-FCN with squeeze-excite gates on its feature maps, designed for several channels.
"""

from matplotlib import pyplot as plt

from skts import MLSTMFCNClassifier
from skts.datasets import load_ucr_parts
from skts.plotting import plot_confusion_matrix

(X_train, y_train), (X_test, y_test) = load_ucr_parts("BasicMotions")
X_train.shape  # series, channels, time points

# %%
# The figure shows one series of each class, with the first axis of acceleration and of rotation.

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
# The confusion matrix counts how often the network predicts each class for each true class.

clf = MLSTMFCNClassifier(max_epochs=40, random_state=0).fit(X_train, y_train)
print(f"accuracy on the test series: {clf.score(X_test, y_test):.3f}")
ax = plot_confusion_matrix(clf, X_test, y_test)
ax.set_title("MLSTM-FCN on BasicMotions, 40 test series")
