"""
Compare three explanations of a prediction
==========================================

This example explains one prediction with class activation maps, integrated gradients and
occlusion. The three methods answer different questions, so their results can differ.
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
# The class activation map covers only the convolutions. Integrated gradients and occlusion cover
# the whole network, with its recurrent branch; both need the extra ``explain``. The baseline, a
# series without information, is zero here, the mean of these standardised series.

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
# Here the methods highlight different time points. The map shows where the features of the
# predicted class are. Integrated gradients show which values change the output on the way from
# zero, above all the dip at the end. Occlusion shows that the output depends on the plateau.
#
# Integrated gradients sum to the logit of the predicted class minus the logit of the baseline.

summed = integrated_gradients(clf, X_test[:5], n_steps=100).sum(axis=(1, 2))
print(summed.round(2))
