"""
Draw a class activation map
===========================

A class activation map shows the evidence for a class at each time point. GunPoint records the
position of a hand that draws a gun, aims and puts it back (class 1), or points with a finger
(class 2).
"""

import sys

from matplotlib import pyplot as plt

from skts import FCNClassifier
from skts.datasets import load_ucr_parts
from skts.explain import class_activation_maps
from skts.plotting import plot_class_activation

(X_train, y_train), (X_test, y_test) = load_ucr_parts("GunPoint")
clf = FCNClassifier(max_epochs=60, random_state=0).fit(X_train, y_train)
print(f"accuracy on the test series: {clf.score(X_test, y_test):.3f}")

# %%
# The figure shows the first test series of each class. Orange is evidence for the predicted class,
# violet is evidence against it. Each series has its own colour scale.

fig, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
for label, name, ax in zip("12", ("gun", "finger"), axes, strict=True):
    x = X_test[y_test == label][0]
    plot_class_activation(clf, x, ax=ax)
    (predicted,) = clf.predict(x[None])
    ax.set(title=f"class {label} ({name}), predicted {predicted}", xlabel="time point")
    ax.set_ylabel("hand's position, standardised")

if len(sys.argv) > 1:  # the picture in README: python plot_class_activation.py gunpoint_cam.png
    fig.savefig(sys.argv[1], dpi=80)

# %%
# ``class_activation_maps`` returns the values as an array. In `FCN` the output layer follows the
# average over time directly. The mean of a map plus the bias of the layer is therefore the logit of
# the class.

class_activation_maps(clf, X_test).shape
