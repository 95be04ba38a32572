"""
Three answers to the same question
==================================

Which time points make the network say what it says? A class activation map, integrated gradients
and occlusion ask in different ways, and need not give the same answer.
"""

from matplotlib import pyplot as plt

from skts import LSTMFCNClassifier
from skts.datasets import load_ucr_parts
from skts.explain import class_activation_maps, integrated_gradients, occlusion
from skts.plotting import plot_relevance

(X_train, y_train), (X_test, y_test) = load_ucr_parts("GunPoint")
clf = LSTMFCNClassifier(max_epochs=60, random_state=0).fit(X_train, y_train)
print(f"accuracy on the test series: {clf.score(X_test, y_test):.3f}")

# %%
# The map knows the convolutions alone; the other two see the whole network, its recurrent branch
# too. Both need the extra ``explain``. The baseline, a series that says nothing, is zero here, the
# mean of these standardised series.

series = X_test[:1]
answers = {
    "class activation map": class_activation_maps(clf, series)[0],
    "integrated gradients": integrated_gradients(clf, series, n_steps=100)[0],
    "occlusion, 15 time points": occlusion(clf, series, window=15)[0],
}
fig, axes = plt.subplots(1, 3, figsize=(13, 3.4), sharey=True, layout="constrained")
for ax, (title, relevance) in zip(axes, answers.items(), strict=True):
    plot_relevance(series[0], relevance, ax=ax)
    ax.set_title(title)
    ax.set_ylabel("")
axes[0].set_ylabel("hand's position, standardised")

# %%
# Here they point to different places. The map tells where features stand that speak for the class,
# integrated gradients which values move the output on the way from zero, most of all the dip at the
# end; and without the plateau, which occlusion covers piece by piece, it would not be this series.
#
# What each value adds can be summed: for integrated gradients that is the logit of the predicted
# class less the logit that the baseline has.

summed = integrated_gradients(clf, X_test[:5], n_steps=100).sum(axis=(1, 2))
print(summed.round(2))
