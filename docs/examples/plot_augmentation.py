"""
One series under each augmentation
==================================

With the option ``augment`` a network is trained on series that are changed at random in every step,
so that it hardly ever reads the same series twice. What do the changes look like?
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
# Somebody walking, two channels in two colours, the series itself in grey. For the eye the changes
# are stronger here than by default. Both channels have the same warp, window and mask; the mask and
# a dropped channel lie at the channel's mean.

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
# In training a list of names applies one after the other, here at their default strengths but for
# one. Predictions read the series as they are.

augment = ["scaling", "time_warp", ("channel_dropout", 0.3)]
clf = FCNClassifier(augment=augment, filters=(32, 64, 32), max_epochs=30, random_state=0)
print(f"accuracy on the test series: {clf.fit(X_train, y_train).score(X_test, y_test):.3f}")
