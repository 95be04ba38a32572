"""Ensembles of one estimator trained from several seeds."""

from numbers import Integral
from typing import TYPE_CHECKING

from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor

from skts.ensemble.members import (
    ClassifierEnsemble,
    Ensemble,
    RegressorEnsemble,
    series_of_seeds,
    unfitted_like,
)
from skts.params import Rule, integer, param
from skts.persistence.storable import plain_parameters
from skts.training.train import draw_seed


def _random_states(estimator):
    """Return the parameters of the estimator that hold a random state, with their values."""
    parameters = estimator.get_params(deep=True)
    return {k: v for k, v in parameters.items() if k.rpartition("__")[2] == "random_state"}


def _is_seeded(value):
    return isinstance(value, BaseEstimator) and len(_random_states(value)) > 0


class _SeedEnsemble(Ensemble):
    """Base of SeedEnsembleClassifier and SeedEnsembleRegressor."""

    if TYPE_CHECKING:
        estimator: BaseEstimator  # both subclasses declare it, each with its own rule

    paper = (
        "B. Lakshminarayanan, A. Pritzel, C. Blundell (2017). Simple and scalable predictive "
        "uncertainty estimation using deep ensembles. NeurIPS 30."
    )
    _holds_estimators = ("estimator",)

    n_estimators: int = param(default=5, rule=integer(1), doc="Number of members.")

    def _tagged_members(self):
        return [self.estimator] if isinstance(self.estimator, BaseEstimator) else []

    def _unfitted_members(self):
        self._check_checkpoints_are_seeded()
        seeds = {
            name: series_of_seeds(draw_seed(value), self.n_estimators)
            for name, value in _random_states(self.estimator).items()
        }
        return [
            clone(self.estimator).set_params(**{name: of[i] for name, of in seeds.items()})
            for i in range(self.n_estimators)
        ]

    def _check_checkpoints_are_seeded(self):
        parameters = self.estimator.get_params(deep=True)
        for name, folder in parameters.items():
            seed = parameters.get(name.removesuffix("checkpoint_dir") + "random_state")
            if (
                name.endswith("checkpoint_dir")
                and folder is not None
                and not isinstance(seed, Integral)
            ):
                raise ValueError(
                    "random_state of the estimator must be an int with checkpoint_dir, which "
                    f"identifies each member by its seed, got {seed!r}"
                )

    def _check_before_saving(self):
        if type(self.estimator) is not type(self.estimators_[0]):
            raise ValueError(
                f"the estimator is a {type(self.estimator).__name__}, but in fit it was a "
                f"{type(self.estimators_[0]).__name__}: set it back before saving"
            )

    def _plain_estimators(self):
        return {"estimator": plain_parameters(self.estimator)}

    @classmethod
    def _estimators_from(cls, plain, members, device):
        return {"estimator": unfitted_like(members[0], plain["estimator"], device)}


class SeedEnsembleClassifier(ClassifierEnsemble, _SeedEnsemble):
    """Average of one classifier trained from several seeds [1]_.

    The first member has the ``random_state`` of the estimator. The seeds of the other members are
    drawn from it. Use EnsembleClassifier for different estimators.
    """

    _example = """\
>>> from skts import LSTMFCNClassifier, SeedEnsembleClassifier
>>> from skts.datasets import load_ucr
>>> X, y = load_ucr("ItalyPowerDemand", split="train")
>>> member = LSTMFCNClassifier(max_epochs=2, random_state=0)
>>> clf = SeedEnsembleClassifier(member, n_estimators=2).fit(X, y)
>>> clf.predict_proba(X).shape
(67, 2)"""

    estimator: BaseEstimator = param(
        rule=Rule(
            "a classifier with a random_state and predict_proba",
            lambda v: _is_seeded(v) and is_classifier(v) and hasattr(v, "predict_proba"),
            BaseEstimator,
        ),
        doc="Estimator to train, or a pipeline that ends with it. It stays unfitted.",
        kw_only=False,
    )


class SeedEnsembleRegressor(RegressorEnsemble, _SeedEnsemble):
    """Average of one regressor trained from several seeds [1]_.

    The first member has the ``random_state`` of the estimator. The seeds of the other members are
    drawn from it. Use EnsembleRegressor for different estimators.
    """

    _example = """\
>>> from skts import LSTMFCNRegressor, SeedEnsembleRegressor
>>> from skts.datasets import load_ucr
>>> X, _ = load_ucr("ItalyPowerDemand", split="train")
>>> member = LSTMFCNRegressor(max_epochs=2, random_state=0)
>>> reg = SeedEnsembleRegressor(member, n_estimators=2).fit(X[:, :-1], X[:, -1])
>>> reg.predict(X[:, :-1]).shape
(67,)"""

    estimator: BaseEstimator = param(
        rule=Rule(
            "a regressor with a random_state",
            lambda v: _is_seeded(v) and is_regressor(v),
            BaseEstimator,
        ),
        doc="Estimator to train, or a pipeline that ends with it. It stays unfitted.",
        kw_only=False,
    )
