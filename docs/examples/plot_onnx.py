"""
To ONNX and back
================

``export_onnx`` writes a network for machines without skts and torch. Here onnxruntime runs it,
and its probabilities are compared with those of the estimator.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from matplotlib import pyplot as plt

import skts
from skts.datasets import load_ucr_parts

(X_train, y_train), (X_test, y_test) = load_ucr_parts("ItalyPowerDemand")
clf = skts.LSTMFCNClassifier(max_epochs=30, random_state=0).fit(X_train, y_train)

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "italy.onnx"
    skts.export_onnx(clf, path)
    session = onnxruntime.InferenceSession(path)

# %%
# The input is float32 (n, C, T); the classes are in the metadata.

series = X_test[:, None].astype(np.float32)
(exported,) = session.run(["probabilities"], {"x": series})
classes = json.loads(session.get_modelmeta().custom_metadata_map["skts"])["classes"]
own = clf.predict_proba(X_test)
difference = np.abs(exported - own).max(axis=1)
same = np.mean(np.array(classes)[exported.argmax(axis=1)] == clf.predict(X_test))
print(f"largest difference {difference.max():.1e}, the same class for {same:.1%} of the series")

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
left.scatter(own[:, 1], exported[:, 1], s=14, color="#0072b2", label="one test series")
left.axline((0, 0), slope=1, color="grey", linestyle=":", label="the same")
left.set(xlabel=f"probability of class {classes[1]}, skts", ylabel="the same, onnxruntime")
left.legend()
right.hist(difference, bins=np.logspace(-9, -6, 31), color="#0072b2")
right.set(xscale="log", xlabel="difference of probabilities", ylabel="test series")
