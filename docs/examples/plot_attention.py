"""
Plot attention weights
======================

This example plots the attention weights of an ALSTM-FCN. With ``dimension_shuffle=False``, the
network reads a day hour by hour. At each hour, the attention of its recurrent branch gives a weight
to every hour of the day.
"""

from matplotlib import pyplot as plt

from skts import ALSTMFCNClassifier
from skts.datasets import load_ucr_parts
from skts.explain import attention_weights
from skts.plotting import plot_attention

(X_train, y_train), (X_test, y_test) = load_ucr_parts("ItalyPowerDemand")
clf = ALSTMFCNClassifier(dimension_shuffle=False, max_epochs=50, random_state=0)
clf.fit(X_train, y_train)
print(f"accuracy on the test series: {clf.score(X_test, y_test):.3f}")

# %%
# The figure shows the average over the training days. Rows are the hours that the network has
# reached, columns are the hours that receive weight. Each row sums to 1, so equal weights are
# 1/24 = 0.042.

fig, ax = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
plot_attention(clf, X_train, ax=ax)
ax.set(xlabel="hour that receives weight", ylabel="hour that the network has reached")

# %%
# The next figure compares the weights at the last hour with the mean series of each class. Here
# attention follows the demand: weights are high where the series is high. The weights show what
# enters the recurrent branch. They do not show what decides, because the convolutions have no
# attention.

weights = attention_weights(clf, X_test)  # (n, heads, hours, hours)
fig, (of_day, of_look) = plt.subplots(2, 1, sharex=True, figsize=(6.4, 5.2), layout="constrained")
for label, color, line in (("1", "#0072b2", "-"), ("2", "#d55e00", "--")):
    chosen = y_test == label
    of_day.plot(X_test[chosen].mean(axis=0), line, color=color, label=f"class {label}, mean")
    of_look.plot(weights[chosen, 0, -1].mean(axis=0), line, color=color, label=f"class {label}")
of_day.set_ylabel("demand, standardised")
of_look.set(xlabel="hour of the day", ylabel="weight at the last hour")
of_day.legend()
of_look.legend()
