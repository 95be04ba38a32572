"""
Export a network to ONNX
========================

``export_onnx`` writes a network for machines without skts and torch. This example runs the file
with onnxruntime in three precisions, and compares the probabilities with those of the estimator.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from matplotlib import pyplot as plt

import skts
from skts.datasets import load_ucr_parts
from skts.export import compare_onnx

(X_train, y_train), (X_test, y_test) = load_ucr_parts("ItalyPowerDemand")
clf = skts.LSTMFCNClassifier(max_epochs=30, random_state=0).fit(X_train, y_train)

sessions = {}
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "italy.onnx"
    for precision in ("float32", "float16", "int8"):
        calibration = X_train if precision == "int8" else None
        skts.export_onnx(clf, path, precision=precision, calibration=calibration)
        sessions[precision] = onnxruntime.InferenceSession(path)
        print(precision, compare_onnx(clf, path, X_test))

# %%
# In each precision, the input is float32 (n, C, T). The metadata holds the classes.

series = X_test[:, None].astype(np.float32)
exported = {
    precision: session.run(["probabilities"], {"x": series})[0]
    for precision, session in sessions.items()
}
metadata = sessions["int8"].get_modelmeta().custom_metadata_map
classes = json.loads(metadata["skts"])["classes"]

# %%
# float16 rounds the weights. int8 also rounds the input of each layer. Labels change only for
# series near the boundary between the classes.

own = clf.predict_proba(X_test)
colors = {"float32": "#0072b2", "float16": "#009e73", "int8": "#d55e00"}
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
left.scatter(own[:, 1], exported["int8"][:, 1], s=14, color=colors["int8"], label="one test series")
left.axline((0, 0), slope=1, color="grey", linestyle=":", label="the same")
left.set(xlabel=f"probability of class {classes[1]}, skts", ylabel="the same, int8")
left.legend()
for precision, probabilities in exported.items():
    difference = np.abs(probabilities - own).max(axis=1)
    right.hist(
        difference, np.logspace(-9, 0, 46), color=colors[precision], alpha=0.7, label=precision
    )
right.set(xscale="log", xlabel="difference of probabilities", ylabel="test series")
right.legend()
