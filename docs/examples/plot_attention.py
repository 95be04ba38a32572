"""
Where attention looks
=====================

An ALSTM-FCN that reads a day hour by hour (``dimension_shuffle=False``). At each hour its
recurrent branch looks at all hours of the day and weighs them.
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
# The average over the training days. A row is the hour that the network has come to, a column the
# hour that it looks at; each row sums to 1, so that 1/24 = 0.042 is a look at everything alike.

fig, ax = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
plot_attention(clf, X_train, ax=ax)
ax.set(xlabel="hour that is looked at", ylabel="hour that has been reached")

# %%
# At the end of the day, class by class, beside the days themselves. Here attention follows the
# demand: it looks where the series is high. The weights say what enters the recurrent branch, not
# what decides: the convolutions beside it have no attention.

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
