"""
Predict a number from a series
==============================

This example predicts a number from a series, with an FCN and with a ridge regression. Tecator has
near-infrared spectra of minced meat at 100 wavelengths, and the fat content in percent. A spectrum
is an ordered sequence, so estimators for series can read it.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.linear_model import RidgeCV
from sklearn.metrics import root_mean_squared_error
from sktime.datasets import load_tecator

from skts import FCNRegressor

X_train, y_train = load_tecator(split="train", return_type="numpy3D")
X_test, y_test = load_tecator(split="test", return_type="numpy3D")
X_train, X_test = X_train[:, 0], X_test[:, 0]  # one channel

fig, ax = plt.subplots(layout="constrained")
order = y_train.argsort()[:: len(y_train) // 12]
colors = plt.cm.cividis(y_train[order] / y_train.max())
for x, color in zip(X_train[order], colors, strict=True):
    ax.plot(x, color=color)
scale = plt.cm.ScalarMappable(plt.Normalize(0, y_train.max()), "cividis")
fig.colorbar(scale, ax=ax, label="fat, %")
ax.set(xlabel="wavelength (number)", ylabel="absorbance", title="Training spectra")

# %%
# The level of a spectrum depends on the thickness of the sample, and the shape depends on the
# fat. ``normalize="series"`` removes the level. The ridge regression reads the same standardised
# spectra.


def standardised(X):
    return (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)


network = FCNRegressor(normalize="series", max_epochs=60, random_state=0)
ridge = RidgeCV(np.logspace(-6, 3, 20))
predictions = {
    "FCN": network.fit(X_train, y_train).predict(X_test),
    "ridge": ridge.fit(standardised(X_train), y_train).predict(standardised(X_test)),
}
errors = {name: root_mean_squared_error(y_test, p) for name, p in predictions.items()}
print({name: f"{error:.2f} % fat" for name, error in errors.items()})

# %%
# The errors of the linear model are curved: predictions are too high for lean and for fat meat, and
# too low between. The network has almost no such error.

fig, ax = plt.subplots(figsize=(5.5, 5), layout="constrained")
for (name, p), color, marker in zip(predictions.items(), ("#0072b2", "#d55e00"), "os", strict=True):
    label = f"{name}, error {errors[name]:.2f}"
    ax.scatter(y_test, p, color=color, marker=marker, alpha=0.7, label=label)
ax.axline((0, 0), slope=1, color="grey", linestyle=":")
ax.set(xlabel="fat, %", ylabel="predicted fat, %", title="43 test spectra")
ax.legend()
