"""
Save, load and continue a training
==================================

``save`` writes a fitted estimator to one file without code. The loaded estimator gives the same
predictions, and its training can continue.
"""

import tempfile
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

import skts
from skts.datasets import load_ucr_parts

(X_train, y_train), (X_test, y_test) = load_ucr_parts("ItalyPowerDemand")
clf = skts.FCNClassifier(filters=(32, 64, 32), max_epochs=20, random_state=0).fit(X_train, y_train)

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "italy.skts"
clf.save(path)
loaded = skts.load(path)
print(f"{path.stat().st_size / 1e3:.0f} kB")
print(
    "same probabilities:", np.array_equal(loaded.predict_proba(X_test), clf.predict_proba(X_test))
)

# %%
# The file also holds the history of losses. Each call of ``partial_fit`` continues the training
# by one epoch, with a constant learning rate.

for _ in range(20):
    loaded.partial_fit(X_train, y_train)

fig, ax = plt.subplots(layout="constrained")
losses = loaded.history_frame()["train_loss"]
ax.plot(losses[:20], color="#0072b2", label="fit, then saved")
ax.plot(losses[20:], "--", color="#d55e00", label="loaded, then trained further")
ax.axvline(20.5, color="grey", linestyle=":")
ax.set(xlabel="epoch", ylabel="training loss", yscale="log", title="FCN on ItalyPowerDemand")
ax.legend()
print(
    f"accuracy before: {clf.score(X_test, y_test):.3f}, after: {loaded.score(X_test, y_test):.3f}"
)

# %%
# A file with one changed byte is refused.

content = bytearray(path.read_bytes())
content[-1] ^= 1
path.write_bytes(content)
try:
    skts.load(path)
except ValueError as error:
    print(error.args[0].replace(folder.name, "..."))
folder.cleanup()
