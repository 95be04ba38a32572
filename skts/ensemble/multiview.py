"""Ensembles of ridge regressions on several views of the series."""

import dataclasses

from skts.ensemble.members import ClassifierEnsemble, RegressorEnsemble, series_of_seeds
from skts.ensemble.weighted import (
    LikelihoodWeighted,
    weights_by_likelihood,
    weights_of_series,
)
from skts.models.hydra import (
    HydraMiniRocketClassifier,
    HydraMiniRocketRegressor,
    KernelOptions,
)
from skts.models.quant import QuantRidgeClassifier, QuantRidgeRegressor
from skts.training.options import NetworkParams
from skts.training.ridge import n_effective
from skts.training.series_options import ClassParams, InputParams
from skts.training.train import draw_seed

#: Representations that Hydra's and MiniRocket's kernels read.
VIEWS = (None, "derivative", "cumulative_sum", "spectrum")
KERNEL_OPTIONS = [field.name for field in dataclasses.fields(KernelOptions)]


class _MultiView(InputParams, NetworkParams, LikelihoodWeighted, KernelOptions):
    """Base of MultiViewClassifier and MultiViewRegressor."""

    paper = (
        "M. Middlehurst, P. Schaefer, A. Bagnall (2024). Bake off redux: a review and experimental "
        "evaluation of recent time series classification algorithms. Data Mining and Knowledge "
        "Discovery 38, 1958-2031."
    )

    def _tagged_members(self):
        return [self._on_quantiles(missing=self.missing)]

    def _unfitted_members(self):
        return self._members_of(series_of_seeds(draw_seed(self.random_state), len(VIEWS) + 1))

    def _members_of(self, seeds):
        options = self.get_params(deep=False)
        for own in ("n_jobs", "random_state"):
            del options[own]
        on_kernels = [
            self._on_kernels(representation=view, random_state=seed, **options)
            for view, seed in zip(VIEWS, seeds[:-1], strict=True)
        ]
        for of_kernels in KERNEL_OPTIONS:
            del options[of_kernels]
        return [*on_kernels, self._on_quantiles(random_state=seeds[-1], **options)]

    def _check_before_saving(self):
        # not with new seeds, which would change the random state of the user
        now = self._members_of([member.random_state for member in self.estimators_])
        for member, fitted in zip(now, self.estimators_, strict=True):
            differ = [
                name
                for name, value in member.get_params().items()
                if repr(value) != repr(getattr(fitted, name))
            ]
            if differ:
                raise ValueError(
                    f"{differ} changed since fit: set them back before saving, or fit again"
                )

    def _learn_weights(self, fitted, X, y, fit_params):
        losses = [self._loss_left_out(member) for member in fitted]
        self.weights_ = weights_by_likelihood(losses, n_effective(weights_of_series(y, fit_params)))


class MultiViewClassifier(ClassifierEnsemble, _MultiView, ClassParams):
    """The most accurate classifier of skts: ridge classification on five views of the series.

    Four members are HydraMiniRocketClassifier: on the series, its derivative, its cumulative sum
    and its spectrum. The fifth is QuantRidgeClassifier. The probabilities are averaged with learnt
    weights, as in EnsembleClassifier. A view with a high leave-one-out log loss gets almost no
    weight. Ensembles over representations were the most accurate in the comparison of [1]_.

    Training takes about four times as long as for HydraMiniRocketClassifier. Its time grows with
    the square of the number of series, so use it for up to a few thousand series. By default,
    members are trained one after another, so only one member at a time needs memory.
    """

    _on_kernels = HydraMiniRocketClassifier
    _on_quantiles = QuantRidgeClassifier
    _example = """\
>>> from skts import {name}
>>> from skts.datasets import load_ucr
>>> X, y = load_ucr("ItalyPowerDemand", split="train")
>>> clf = {name}(random_state=0).fit(X, y)
>>> clf.predict_proba(X).shape
(67, 2)"""


class MultiViewRegressor(RegressorEnsemble, _MultiView):
    """The most accurate regressor of skts: ridge regression on five views of the series.

    Four members are HydraMiniRocketRegressor: on the series, its derivative, its cumulative sum and
    its spectrum. The fifth is QuantRidgeRegressor. The predictions are averaged with learnt
    weights, as in EnsembleRegressor. A view with a high leave-one-out error gets almost no weight.
    Ensembles over representations were the most accurate in the comparison of [1]_.

    Training takes about four times as long as for HydraMiniRocketRegressor. Its time grows with the
    square of the number of series, so use it for up to a few thousand series. By default, members
    are trained one after another, so only one member at a time needs memory.
    """

    _on_kernels = HydraMiniRocketRegressor
    _on_quantiles = QuantRidgeRegressor
    _example = """\
>>> from skts import {name}
>>> from skts.datasets import load_ucr
>>> X, _ = load_ucr("ItalyPowerDemand", split="train")
>>> reg = {name}(random_state=0).fit(X[:, :-1], X[:, -1])
>>> reg.predict(X[:, :-1]).shape
(67,)"""
