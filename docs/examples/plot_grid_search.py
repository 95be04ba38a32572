"""
Tune options with a grid search
===============================

This example tunes two options of an LSTM-FCN with ``GridSearchCV``, in a pipeline with a scaler.
"""

import pandas as pd
from matplotlib import pyplot as plt
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skts import LSTMFCNClassifier
from skts.datasets import load_ucr_parts

(X_train, y_train), (X_test, y_test) = load_ucr_parts("ItalyPowerDemand")

# %%
# Six combinations and three folds make 18 trainings; the best combination then trains on all
# series. The network has fewer filters than in the paper, to save time.

clf = LSTMFCNClassifier(filters=(32, 64, 32), max_epochs=20, random_state=0)
pipeline = make_pipeline(StandardScaler(), clf)
grid = {"lstmfcnclassifier__n_cells": [2, 8, 32], "lstmfcnclassifier__lr": [1e-3, 5e-3]}
folds = StratifiedKFold(3, shuffle=True, random_state=0)
search = GridSearchCV(pipeline, grid, cv=folds).fit(X_train, y_train)
print(search.best_params_)
print(f"accuracy on the test series: {search.score(X_test, y_test):.3f}")

# %%
# The bars are the standard deviation over three folds of about 22 series, so one series is 0.045 of
# accuracy. Where the bars overlap, the search does not show a clear difference.

results = pd.DataFrame(search.cv_results_)
fig, ax = plt.subplots(layout="constrained")
colors = {1e-3: ("#d55e00", "s--"), 5e-3: ("#0072b2", "o-")}
for place, (lr, of_lr) in enumerate(results.groupby("param_lstmfcnclassifier__lr")):
    color, line = colors[lr]
    cells = of_lr["param_lstmfcnclassifier__n_cells"].astype(float) * (1 + 0.06 * place)
    ax.errorbar(
        cells,
        of_lr["mean_test_score"],
        of_lr["std_test_score"],
        fmt=line,
        color=color,
        capsize=4,
        label=f"learning rate {lr}",
    )
ax.set_xscale("log", base=2)
ax.set(xlabel="cells of the LSTM", ylabel="accuracy, mean of three folds")
ax.set_xticks([2, 8, 32], ["2", "8", "32"])
ax.legend(loc="lower right")
