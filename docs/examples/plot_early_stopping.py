"""
Stop training early
===================

``validation_fraction`` holds out a part of the training series. The loss on this part decides when
training stops, and which epoch's weights are kept.
"""

from matplotlib import pyplot as plt

from skts import FCNClassifier
from skts.datasets import load_ucr_parts
from skts.plotting import plot_learning_curves

(X_train, y_train), (X_test, y_test) = load_ucr_parts("ItalyPowerDemand")
options = {
    "filters": (32, 64, 32),
    "lr": 1e-3,
    "lr_schedule": None,
    "max_epochs": 150,
    "random_state": 0,
}
stopped = FCNClassifier(
    validation_fraction=0.3, early_stopping_patience=20, restore_best="valid_loss", **options
).fit(X_train, y_train)
history = stopped.history_frame()
best = history["valid_loss"].idxmin()
print(f"stopped after {len(history)} epochs, weights of epoch {best}")

# %%
# The validation loss stops falling long before the training loss.

fig, ax = plt.subplots(layout="constrained")
plot_learning_curves(stopped, ax=ax)
ax.axvline(best, color="grey", linestyle=":", label="weights kept")
ax.set_title("FCN on ItalyPowerDemand")
ax.legend()

# %%
# The network with a validation split learns from 46 series instead of 67. For comparison, one
# network trains on all 67 series for the same number of epochs, and one trains with the default
# schedule (one-cycle, no validation split). With so few series, either can be more accurate.

same_epochs = FCNClassifier(**options | {"max_epochs": best})
default = FCNClassifier(filters=(32, 64, 32), max_epochs=50, random_state=0)
for name, clf in {
    "stopped early": stopped,
    "as many epochs, all series": same_epochs.fit(X_train, y_train),
    "default schedule, 50 epochs": default.fit(X_train, y_train),
}.items():
    print(f"{name}: {clf.score(X_test, y_test):.3f}")
