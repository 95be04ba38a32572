"""Ensembles of one estimator trained from several seeds."""

from abc import ABC
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    RegressorMixin,
    clone,
    is_classifier,
    is_regressor,
)
from sklearn.utils import get_tags
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skts.base.classifier import ProbabilisticClassifier
from skts.base.stored import PersistentNetwork
from skts.params import INTEGER, Params, Rule, integer, param
from skts.persistence.files import from_plain, to_plain, with_prefix, without_prefix
from skts.persistence.storable import (
    Persistent,
    plain_parameters,
    restored_from,
    with_parameters,
)
from skts.training.train import draw_seed


def _random_states(estimator):
    """The estimator's parameters that hold a random state, with their values."""
    parameters = estimator.get_params(deep=True)
    return {k: v for k, v in parameters.items() if k.rpartition("__")[2] == "random_state"}


def _series_of_seeds(seed, n):
    """`seed` and n - 1 more, which no other seed leads to but by chance."""
    return [seed, *map(int, np.random.SeedSequence(seed).generate_state(n - 1))]


def _is_seeded(value):
    return isinstance(value, BaseEstimator) and len(_random_states(value)) > 0


class _SeedEnsemble(Params, Persistent, BaseEstimator, ABC):
    """What both ensembles share."""

    if TYPE_CHECKING:
        estimator: BaseEstimator  # which both declare, each with a rule of its own

    paper = (
        "B. Lakshminarayanan, A. Pritzel, C. Blundell (2017). Simple and scalable predictive "
        "uncertainty estimation using deep ensembles. NeurIPS 30."
    )
    _fitted_attributes: ClassVar[tuple] = (
        ("estimators_ : list", "The fitted members."),
        ("n_features_in_ : int", "As the members have it."),
        ("feature_names_in_ : ndarray of str", "As the members have it, where they do."),
    )

    n_estimators: int = param(default=5, rule=integer(1), doc="Members of the ensemble.")
    n_jobs: int | None = param(
        default=None,
        rule=Rule("an integer other than 0", lambda v: INTEGER.accepts(v) and v != 0, int),
        group="device and speed",
        doc="Members trained at the same time, in processes of joblib; -1: one for each core.",
    )

    @property
    def n_features_in_(self) -> int:
        return self._first_member.n_features_in_

    @property
    def feature_names_in_(self) -> np.ndarray:
        return self._first_member.feature_names_in_

    @property
    def _first_member(self):
        if "estimators_" not in vars(self):
            raise AttributeError(f"this {type(self).__name__} is not fitted yet: call fit first")
        return self.estimators_[0]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if isinstance(self.estimator, BaseEstimator):
            tags.input_tags = get_tags(self.estimator).input_tags
        return tags

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Train the members, each from a seed of its own, all of them anew.

        Parameters
        ----------
        X, y : as the estimator's `fit` takes them
        sample_weight : array-like of shape (n,), optional
            Handed to the estimator's `fit`.
        **fit_params
            Likewise; a pipeline takes weights as ``fcnclassifier__sample_weight=...``.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            Where an option is not as described, and as the estimator's `fit`. An ensemble fitted
            before stays as it was.
        """
        self._check_options()
        self._check_checkpoints_are_seeded()
        if sample_weight is not None:
            fit_params["sample_weight"] = sample_weight
        seeds = {
            name: _series_of_seeds(draw_seed(value), self.n_estimators)
            for name, value in _random_states(self.estimator).items()
        }
        members = [
            clone(self.estimator).set_params(**{name: of[i] for name, of in seeds.items()})
            for i in range(self.n_estimators)
        ]
        self.estimators_ = Parallel(n_jobs=self.n_jobs)(
            delayed(member.fit)(X, y, **fit_params) for member in members
        )
        return self

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
                    "checkpoint_dir needs members that can be told when the ensemble is started "
                    f"again: random_state of its estimator must be an int, got {seed!r}"
                )

    def _stored(self):
        check_is_fitted(self)
        if not all(isinstance(member, PersistentNetwork) for member in self.estimators_):
            raise ValueError(
                "an ensemble can be saved where its members are networks of skts, they are "
                f"{type(self.estimators_[0]).__name__}s"
            )
        if type(self.estimator) is not type(self.estimators_[0]):
            raise ValueError(
                f"the estimator is a {type(self.estimator).__name__}, in fit it was a "
                f"{type(self.estimators_[0]).__name__}: set it back before saving"
            )
        members = [member._stored() for member in self.estimators_]
        own = self.get_params(deep=False).keys() - {"estimator"}
        plain = {
            "class": type(self).__name__,
            "parameters": {name: to_plain(name, getattr(self, name)) for name in sorted(own)},
            "estimator": plain_parameters(self.estimator),
            "members": [of_member for of_member, _ in members],
        }
        tensors = {}
        for i, (_, of_member) in enumerate(members):
            tensors |= with_prefix(f"{i}.", of_member)
        return plain, tensors

    @classmethod
    def _restored(cls, plain, tensors, device):
        members = [
            restored_from(of_member, without_prefix(f"{i}.", tensors), device)
            for i, of_member in enumerate(plain["members"])
        ]
        member = with_parameters(type(members[0]), plain["estimator"])
        if device is not None:
            member.set_params(device=device)
        own = {name: from_plain(value) for name, value in plain["parameters"].items()}
        ensemble = cls(member, **own)
        ensemble._check_options()
        ensemble.estimators_ = members
        return ensemble

    def _average(self, method, X):
        check_is_fitted(self)
        return np.mean([getattr(member, method)(X) for member in self.estimators_], axis=0)


class SeedEnsembleClassifier(ProbabilisticClassifier, _SeedEnsemble):
    """The same classifier from several seeds, their probabilities averaged [1]_.

    The first member is the estimator itself; the seeds of the others are drawn from its
    ``random_state``.
    """

    _fitted_attributes = (("classes_ : ndarray of shape (n_classes,)", "The labels, sorted."),)
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
        doc="What is trained; also a pipeline around it. It stays unfitted.",
        kw_only=False,
    )

    @property
    def classes_(self) -> np.ndarray:  # type: ignore[override]  # the members have it
        return self._first_member.classes_

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Average of the members' probabilities.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n, n_classes), float64
            Columns in the order of `classes_`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError, TypeError
            As the estimator's `predict_proba`.
        """
        return self._average("predict_proba", X)


class SeedEnsembleRegressor(RegressorMixin, _SeedEnsemble):
    """The same regressor from several seeds, their predictions averaged [1]_.

    The first member is the estimator itself; the seeds of the others are drawn from its
    ``random_state``.
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
        doc="What is trained; also a pipeline around it. It stays unfitted.",
        kw_only=False,
    )

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Average of the members' predictions.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n,), float64

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError, TypeError
            As the estimator's `predict`.
        """
        return self._average("predict", X)


SeedEnsemble = SeedEnsembleClassifier | SeedEnsembleRegressor
