"""
Search options with Optuna
==========================

:func:`skts.model_selection.search_space` returns the options worth searching, with values and
distributions. The searches of scikit-learn accept it directly. This example passes it to Optuna,
which asks for one value at a time.
"""

import numpy as np
import optuna
from matplotlib import pyplot as plt
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold, cross_val_score

from skts import FCNClassifier
from skts.datasets import load_ucr_parts
from skts.model_selection import search_space

(X_train, y_train), (X_test, y_test) = load_ucr_parts("ItalyPowerDemand")
optuna.logging.set_verbosity(optuna.logging.WARNING)

# %%
# Fewer filters than in the paper and few epochs keep this example fast. `filters` is fixed, so the
# example removes it from the space.

clf = FCNClassifier(filters=(16, 32, 16), max_epochs=10, random_state=0)
space = search_space(clf)
del space["filters"]
sorted(space)

# %%
# All distributions of a space are log-uniform. All other options are lists of values: Optuna
# suggests an index into each list.


def options_of(trial):
    options = {}
    for name, values in space.items():
        if isinstance(values, list):
            options[name] = values[trial.suggest_categorical(name, range(len(values)))]
        else:
            low, high = map(float, values.support())
            options[name] = trial.suggest_float(name, low, high, log=True)
    return options


def accuracy(trial):
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    tried = clone(clf).set_params(**options_of(trial))
    return cross_val_score(tried, X_train, y_train, cv=folds).mean()


study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
study.optimize(accuracy, n_trials=15)
best = options_of(study.best_trial)
best

# %%
# The network with the best options trains once more, for the default number of epochs. Only this
# network is scored on the test series.

clf.set_params(**best, max_epochs=350).fit(X_train, y_train)
print(f"accuracy on the test series: {clf.score(X_test, y_test):.3f}")

# %%
# Optuna soon prefers high learning rates, because ten epochs are too few for low ones. A search
# with few epochs favours options that learn fast.

trials = study.trials_dataframe()
fig, (ax, by_rate) = plt.subplots(1, 2, sharey=True, figsize=(9, 3.5), layout="constrained")
ax.plot(trials["number"], trials["value"], "o", color="#0072b2", label="a trial")
best_so_far = np.maximum.accumulate(trials["value"])
ax.step(trials["number"], best_so_far, where="post", color="#d55e00", label="best so far")
ax.set(xlabel="trial", ylabel="accuracy, mean of three folds", xticks=range(0, 15, 2))
ax.legend(loc="lower right")
by_rate.plot(trials["params_lr"], trials["value"], "o", color="#0072b2")
by_rate.set_xscale("log")
by_rate.minorticks_off()
by_rate.set_xticks([0.001, 0.002, 0.005, 0.01, 0.02], ["0.001", "0.002", "0.005", "0.01", "0.02"])
by_rate.set_xlabel("learning rate")
