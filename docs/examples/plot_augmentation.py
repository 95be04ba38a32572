"""
Augment training series
=======================

With the option ``augment``, a network trains on series that change at random in every step. This
example draws the effect of each augmentation, and trains a network with three of them.
"""

import torch
from matplotlib import pyplot as plt

from skts import FCNClassifier
from skts.augment import augmented
from skts.datasets import load_ucr_parts

(X_train, y_train), (X_test, y_test) = load_ucr_parts("BasicMotions")
walking = X_train[y_train == "walking"][1, :2]  # two axes of acceleration
batch = torch.as_tensor(walking, dtype=torch.float32)[None]  # (1, C, T)

# %%
# The series is the acceleration of a walking person, in two channels. The original is grey. The
# strengths are higher than the defaults, so that the changes are easy to see. Both channels share
# the warp, the window and the mask. The mask and the dropped channel take the mean of the channel.

strengths = {
    "jitter": 0.2,
    "scaling": 0.5,
    "time_warp": 0.5,
    "window_slice": 0.4,
    "time_mask": 0.5,
    "channel_dropout": 0.5,
}
torch.manual_seed(11)
fig, axes = plt.subplots(3, 2, figsize=(9, 7), sharex=True, sharey=True, layout="constrained")
for (name, strength), ax in zip(strengths.items(), axes.flat, strict=True):
    changed = augmented(batch, [(name, strength)])[0]
    ax.plot(walking.T, color="0.75", linewidth=3)
    for channel, color in zip(changed, ("#0072b2", "#d55e00"), strict=True):
        ax.plot(channel, color=color)
    ax.set_title(f"{name}, strength {strength}")
fig.supxlabel("time points")
fig.supylabel("acceleration")

# %%
# In training, the augmentations of a list apply one after the other. A pair sets the strength. The
# network predicts from unchanged series.

augment = ["scaling", "time_warp", ("channel_dropout", 0.3)]
clf = FCNClassifier(augment=augment, filters=(32, 64, 32), max_epochs=30, random_state=0)
print(f"accuracy on the test series: {clf.fit(X_train, y_train).score(X_test, y_test):.3f}")
