"""Base classes of ensembles, which average fitted members."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skts.base.classifier import ProbabilisticClassifier
from skts.base.stored import PersistentNetwork
from skts.params import INTEGER, Params, Rule, param
from skts.persistence.files import from_plain, to_plain, with_prefix, without_prefix
from skts.persistence.storable import Persistent, restored_from, set_fitted, with_parameters


def series_of_seeds(seed, n):
    """Return `seed` and n - 1 more seeds, which depend on `seed`."""
    return [seed, *map(int, np.random.SeedSequence(seed).generate_state(n - 1))]


def unfitted_like(member, options, device):
    """Return an unfitted estimator of the member's class with these plain options and a device.

    `init_from` is that of the member if `plain_parameters` omits it.
    """
    others = member.get_params(deep=False)
    held = {"init_from": others["init_from"]} if others.keys() - options.keys() else {}
    unfitted = with_parameters(type(member), options, **held)
    return unfitted if device is None else unfitted.set_params(device=device)


def _can_transform(ensemble):
    """Return whether every member has `transform`."""
    members = ensemble._tagged_members()
    return bool(members) and all(hasattr(member, "transform") for member in members)


class Ensemble(TransformerMixin, Params, Persistent, BaseEstimator, ABC):
    """Abstract base of all ensembles."""

    #: Parameters that are estimators. `_plain_estimators` converts them for files.
    _holds_estimators: ClassVar[tuple[str, ...]] = ()
    _fitted_attributes: ClassVar[tuple] = (
        ("estimators_ : list", "The fitted members."),
        ("n_features_in_ : int", "Number of columns of a 2-D X, from the first member."),
        ("feature_names_in_ : ndarray of str", "Column names, if the first member has them."),
    )

    n_jobs: int | None = param(
        default=None,
        rule=Rule("an integer other than 0", lambda v: INTEGER.accepts(v) and v != 0, int),
        group="device and speed",
        doc="Number of members to train in parallel, in processes of joblib. -1 uses all cores.",
    )

    @abstractmethod
    def _unfitted_members(self):
        """Return new estimators for the current options."""

    def _plain_estimators(self):
        """Return the parameters that are estimators as plain data."""
        return {}

    @classmethod
    def _estimators_from(cls, plain, members, device):
        """Return these parameters as estimators, given the fitted members."""
        return {}

    def _check_before_saving(self):
        """Raise ValueError if the options are not those of the fitted members."""

    def _member_weights(self):
        """Return the weight of each member; None: equal weights."""

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
        of_members = [get_tags(member).input_tags for member in self._tagged_members()]
        if of_members:
            tags.input_tags = of_members[0]
            tags.input_tags.allow_nan = all(of_one.allow_nan for of_one in of_members)
        return tags

    @abstractmethod
    def _tagged_members(self):
        """Return the members that read the input of the ensemble."""

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Fit all members from scratch.

        Parameters
        ----------
        X, y : as in the members' `fit`
        sample_weight : array-like of shape (n,), optional
            Passed to the members' `fit`.
        **fit_params
            Passed to the members' `fit`. A pipeline takes weights as
            ``fcnclassifier__sample_weight=...``.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If an option is invalid, or the `fit` of a member raises it. A fitted ensemble does not
            change.
        """
        self._check_options()
        if sample_weight is not None:
            fit_params["sample_weight"] = sample_weight
        self._check_weights_can_be_learnt(X, y, fit_params)
        members = self._unfitted_members()
        fitted = Parallel(n_jobs=self.n_jobs)(
            delayed(member.fit)(X, y, **fit_params) for member in members
        )
        self._learn_weights(fitted, X, y, fit_params)
        self.estimators_ = fitted
        return self

    def _check_weights_can_be_learnt(self, X, y, fit_params):
        """Raise ValueError before training if `_learn_weights` could not work."""

    def _learn_weights(self, fitted, X, y, fit_params):
        """Store the weights of the fitted members on self."""

    def _stored(self):
        check_is_fitted(self)
        foreign = [m for m in self.estimators_ if not isinstance(m, PersistentNetwork)]
        if foreign:
            raise ValueError(
                "cannot save: all members must be networks of skts, got a "
                f"{type(foreign[0]).__name__}"
            )
        self._check_before_saving()
        members = [member._stored() for member in self.estimators_]
        own = self.get_params(deep=False).keys() - set(self._holds_estimators)
        learnt = vars(self).keys() - self.get_params(deep=False).keys() - {"estimators_"}
        fitted = [name for name in learnt if name[0] != "_"]
        plain = {
            "class": type(self).__name__,
            "parameters": {name: to_plain(name, getattr(self, name)) for name in sorted(own)},
            "members": [of_member for of_member, _ in members],
            **self._plain_estimators(),
        }
        if fitted:
            plain["fitted"] = {name: to_plain(name, getattr(self, name)) for name in sorted(fitted)}
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
        own = {name: from_plain(value) for name, value in plain["parameters"].items()}
        if device is not None and "device" in own:
            own["device"] = device
        ensemble = cls(**cls._estimators_from(plain, members, device), **own)
        ensemble._check_options()
        set_fitted(ensemble, plain.get("fitted", {}))
        ensemble.estimators_ = members
        return ensemble

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the features of each series, concatenated over the members.

        Available only if every member has `transform`.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n, n_features), float64
            `get_feature_names_out` names the columns.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError, TypeError
            As in the members' `transform`.
        """
        check_is_fitted(self)
        return np.hstack([member.transform(X) for member in self.estimators_])

    @available_if(_can_transform)
    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the names of the features, ``<member>__<feature of the member>``.

        Parameters
        ----------
        input_features : ignored
            For compatibility with scikit-learn's transformers.

        Returns
        -------
        ndarray of str

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        check_is_fitted(self)
        members = zip(self._member_names(), self.estimators_, strict=True)
        names = [f"{name}__{of}" for name, m in members for of in m.get_feature_names_out()]
        return np.array(names, dtype=object)

    def _member_names(self):
        """Return a name of each fitted member."""
        return map(str, range(len(self.estimators_)))

    def _average(self, method, X):
        check_is_fitted(self)
        answers = [getattr(member, method)(X) for member in self.estimators_]
        return np.average(answers, axis=0, weights=self._member_weights())


# here, because scikit-learn wraps `transform` for `set_output` and drops an earlier condition
Ensemble.transform = available_if(_can_transform)(Ensemble.transform)  # type: ignore[method-assign]


class ClassifierEnsemble(ProbabilisticClassifier, Ensemble):
    """Abstract base of the ensembles of classifiers."""

    _fitted_attributes = (("classes_ : ndarray of shape (n_classes,)", "The labels, sorted."),)

    @property
    def classes_(self) -> np.ndarray:  # type: ignore[override]  # the members have it
        return self._first_member.classes_

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Average the probabilities of the members.

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
            As in the members' `predict_proba`.
        """
        return self._average("predict_proba", X)


class RegressorEnsemble(RegressorMixin, Ensemble):
    """Abstract base of the ensembles of regressors."""

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Average the predictions of the members.

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
            As in the members' `predict`.
        """
        return self._average("predict", X)
