"""
Follow a training
=================

``history_frame`` returns the epochs of a training as a pandas frame. TensorBoard shows a running
training in a browser; it needs the package ``tensorboard``.
"""

import tempfile

from matplotlib import pyplot as plt
from skorch.callbacks import TensorBoard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from skts import FCNClassifier
from skts.datasets import load_ucr_parts

(X_train, y_train), (X_test, y_test) = load_ucr_parts("ItalyPowerDemand")
options = {"filters": (32, 64, 32), "random_state": 0}

# %%
# The learning rate has two cycles; the second is twice as long as the first. With ``verbose=1``,
# ``fit`` also shows a progress bar.

clf = FCNClassifier(
    max_epochs=45, first_cycle=15, target_loss=0.0, validation_fraction=0.3, **options
).fit(X_train, y_train)
history = clf.history_frame()
history.tail(3).round(4)

# %%
# The index is the epoch. Use pandas to group and plot the history.

print(history.groupby("cycle")[["train_loss", "valid_loss", "duration"]].agg("min").round(4))
print("lowest validation loss in epoch", history["valid_loss"].idxmin())

fig, (above, below) = plt.subplots(2, sharex=True, layout="constrained")
history[["train_loss", "valid_loss"]].plot(
    ax=above, logy=True, ylabel="loss", color=["#0072b2", "#d55e00"], style=["-", "--"]
)
history["lr"].plot(ax=below, ylabel="learning rate", color="black")
above.set_title("FCN on ItalyPowerDemand")

# %%
# The ``TensorBoard`` callback of skorch writes losses and scores to a folder after each epoch. It
# does not write the learning rate, so the class below adds it. ``tensorboard --logdir runs``
# shows every training whose folder is in ``runs``.


class TensorBoardWithRate(TensorBoard):
    def on_epoch_end(self, net, **kwargs):
        self.add_scalar_maybe(net.history, "event_lr", "lr")
        super().on_epoch_end(net, **kwargs)


runs = tempfile.TemporaryDirectory()
for lr in (5e-3, 5e-4):
    writer = SummaryWriter(f"{runs.name}/lr={lr}")
    callback = TensorBoardWithRate(writer, keys_ignored=["round", "cycle"])
    FCNClassifier(
        max_epochs=20, lr=lr, validation_fraction=0.3, callbacks=[callback], **options
    ).fit(X_train, y_train)

# %%
# You can also read the values of TensorBoard without a browser.

fig, ax = plt.subplots(layout="constrained")
for lr, color in {5e-3: "#0072b2", 5e-4: "#d55e00"}.items():
    events = EventAccumulator(f"{runs.name}/lr={lr}").Reload()
    losses = events.Scalars("Loss/valid_loss")
    ax.plot([e.step for e in losses], [e.value for e in losses], color=color, label=f"lr={lr}")
ax.set(xlabel="epoch", ylabel="validation loss", yscale="log")
ax.legend()
print(events.Tags()["scalars"])
runs.cleanup()
