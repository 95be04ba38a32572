"""Base classes of estimators with fixed features and a ridge regression."""

import numpy as np

from skts.base.classifier import NetworkClassifier
from skts.base.estimator import SeriesEstimator
from skts.base.regressor import NetworkRegressor
from skts.training.ridge import train_by_ridge
from skts.training.train import draw_seed


class RidgeTrained(SeriesEstimator):
    """Abstract base of the classifiers and regressors with a ridge head."""

    def _trained(self, data, previous, one_epoch):
        seed = draw_seed(self.random_state)
        given = each_once(data)
        data, _ = self._balanced(data, None, seed)
        data = each_once(data)
        if len(data.target) < 2:
            raise ValueError(
                f"{type(self).__name__} uses leave-one-out validation: it needs at least 2 series "
                f"with a weight above 0, got {len(data.target)} sample(s)"
            )
        # the loss has no class weights, so that it can be compared between estimators
        kept = np.isin(given.chosen, data.chosen)
        net, self.loo_loss_ = train_by_ridge(
            self,
            self._network_for(data),
            data,
            make_net=self._make_net,
            seed=seed,
            loss_weight=given.weight[kept],
        )
        return net


def each_once(data):
    """Merge repeated series into one with a weight, and drop series of weight 0."""
    order = np.arange(len(data.values))[data.chosen]
    _, first, counts = np.unique(order, return_index=True, return_counts=True)
    data = data.rows(first)
    data = data._replace(weight=data.weight * counts)
    return data.rows(np.flatnonzero(data.weight))


class RidgeHeadClassifier(NetworkClassifier, RidgeTrained):
    """Abstract base of the classifiers with a ridge head."""

    _fitted_attributes = (
        ("loo_loss_ : float", "Log loss of the leave-one-out predictions of the training series."),
    )

    _example = """\
>>> from skts import {name}
>>> from skts.datasets import load_ucr
>>> X, y = load_ucr("ItalyPowerDemand", split="train")
>>> clf = {name}(random_state=0).fit(X, y)
>>> clf.predict_proba(X).shape
(67, 2)"""


class RidgeHeadRegressor(NetworkRegressor, RidgeTrained):
    """Abstract base of the regressors with a ridge head."""

    _fitted_attributes = (
        (
            "loo_loss_ : float",
            "Mean squared error of the leave-one-out predictions, divided by the variance of the "
            "targets.",
        ),
    )

    _example = """\
>>> from skts import {name}
>>> from skts.datasets import load_ucr
>>> X, _ = load_ucr("ItalyPowerDemand", split="train")
>>> reg = {name}(random_state=0).fit(X[:, :-1], X[:, -1])
>>> reg.predict(X[:, :-1]).shape
(67,)"""
