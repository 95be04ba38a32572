"""Ensembles of different estimators, weighted by their likelihood on held-out series."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils import _safe_indexing, assert_all_finite
from sklearn.utils.metaestimators import _BaseComposition
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _check_method_params, _num_samples, column_or_1d

from skts.base.ridge import RidgeTrained
from skts.ensemble.members import ClassifierEnsemble, Ensemble, RegressorEnsemble, unfitted_like
from skts.input.frames import frames_of
from skts.params import Rule, integer, is_sequence, param, real
from skts.persistence.storable import plain_parameters
from skts.training.ridge import n_effective

#: How fast a member's weight falls with its loss; chosen by benchmarks/representations.py.
SHARPNESS = 3.0
#: Lower limit of mean squared errors, as a share of the variance of the target.
LEAST_ERROR = 1e-12

WEIGHTS = Rule(
    "a sequence of weights (not negative, at least one above 0)",
    lambda v: is_sequence(v) and all(map(real(0).accepts, v)) and any(v),
    Sequence[float],
)


def loss_of_error(error):
    """Return the negative log likelihood, up to a constant, for a mean squared error."""
    return np.log(max(error, LEAST_ERROR)) / 2


def weights_by_likelihood(losses, n):
    """Return exp(-3 sqrt(n) loss), scaled to sum 1; losses are mean negative log likelihoods."""
    return softmax(-SHARPNESS * np.sqrt(n) * np.asarray(losses))


def weights_of_series(y, fit_params):
    """Return the weight of each series; ones without `sample_weight`."""
    weight = fit_params.get("sample_weight")
    return np.broadcast_to(1.0 if weight is None else np.asarray(weight, float), _num_samples(y))


def check_weights(weights, n):
    """Raise ValueError unless these are `n` non-negative weights with sum 1."""
    if not (
        isinstance(weights, np.ndarray)
        and weights.dtype == np.float64
        and weights.shape == (n,)
        and weights.min() >= 0
        and np.isclose(weights.sum(), 1)
    ):
        raise ValueError(f"weights_ must be {n} floats that sum to 1, got {weights!r}")


class LikelihoodWeighted(Ensemble):
    """Abstract base of ensembles that learn weights from held-out training series."""

    _fitted_attributes = (
        ("weights_ : ndarray of shape (n_members,)", "Weights of the members, with sum 1."),
    )

    if TYPE_CHECKING:
        weights_: np.ndarray  # the annotation alone would make it a parameter

    def _member_weights(self):
        return self.weights_

    @classmethod
    def _restored(cls, plain, tensors, device):
        ensemble = super()._restored(plain, tensors, device)
        check_weights(ensemble.weights_, len(ensemble.estimators_))
        return ensemble

    def _loss_left_out(self, member):
        """Return the mean negative log likelihood of the leave-one-out predictions of a member."""
        return member.loo_loss_ if is_classifier(self) else loss_of_error(member.loo_loss_)


class _HeterogeneousEnsemble(LikelihoodWeighted, _BaseComposition):
    """Base of EnsembleClassifier and EnsembleRegressor."""

    if TYPE_CHECKING:
        estimators: list[tuple[str, BaseEstimator]]  # both subclasses declare it

    paper = (
        "M. P. Perrone, L. N. Cooper (1993). When networks disagree: ensemble methods for hybrid "
        "neural networks. In: Neural networks for speech and image processing, 126-142."
    )
    _holds_estimators = ("estimators",)

    weights: Literal["likelihood"] | Sequence[float] | None = param(
        default="likelihood",
        rule=WEIGHTS,
        doc="Weights of the members. 'likelihood': exp(-3 sqrt(n) loss), where n is the number of"
        " training series. The loss of a classifier is its log loss on held-out series. The "
        "loss of a regressor is half the logarithm of its mean squared error. The ridge "
        "estimators of skts use their `loo_loss_`; all other members are cross-validated. "
        "None: equal weights.",
    )
    cv: int = param(
        default=5,
        rule=integer(2),
        doc="Number of shuffled folds. For classifiers they are stratified, and there are at most"
        " as many as the smallest class has series.",
    )

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the options of the ensemble and, with `deep`, of its members as name__option.

        Parameters
        ----------
        deep : bool, default=True

        Returns
        -------
        dict
        """
        return self._get_params("estimators", deep=deep)

    def set_params(self, **params: Any) -> Self:
        """Set options of the ensemble, replace members by name, or set their options.

        Parameters
        ----------
        **params
            ``n_jobs=2``, ``fcn=FCNClassifier()``, ``fcn__lr=1e-2``.

        Returns
        -------
        self
        """
        self._set_params("estimators", **params)
        return self

    def _check_options(self):
        super()._check_options()
        names = [name for name, _ in self.estimators]
        self._validate_names(names)
        given = self.weights
        if given is not None and not isinstance(given, str) and len(given) != len(names):
            raise ValueError(
                f"weights must have one entry for each of the {len(names)} estimators, got "
                f"{len(given)}"
            )

    def _tagged_members(self):
        return [member for _, member in self.estimators] if is_sequence(self.estimators) else []

    def _member_names(self):
        # the names at `fit`; files store no `_names`, but these `estimators`
        return vars(self).get("_names") or [name for name, _ in self.estimators]

    def _unfitted_members(self):
        return [clone(member) for _, member in self.estimators]

    def _learn_weights(self, fitted, X, y, fit_params):
        n = len(fitted)
        self._names = [name for name, _ in self.estimators]
        if self.weights is None or n == 1:
            self.weights_ = np.full(n, 1 / n)
        elif isinstance(self.weights, str):
            self.weights_ = self._likelihood_weights(fitted, X, y, fit_params)
        else:
            weights = np.asarray(self.weights, dtype=float)
            self.weights_ = weights / weights.sum()

    def _check_weights_can_be_learnt(self, X, y, fit_params):
        members = [(n, m) for n, m in self.estimators if not isinstance(m, RidgeTrained)]
        if self.weights != "likelihood" or not members or len(self.estimators) == 1:
            return
        y = column_or_1d(_as_numpy(y))
        remedy = f"which {members[0][0]} needs: set weights=None, or change cv={self.cv}"
        if _num_samples(_by_series(X)) != len(y):
            raise ValueError(
                "X must have a row or an entry for each label in cross-validation, got "
                f"{_num_samples(X)} for {len(y)}. Pass X as (n, C, T) or a list of series, or set "
                "weights=None"
            )
        kept = weights_of_series(y, fit_params) > 0
        if not kept.any():  # the members raise an error
            return
        assert_all_finite(y, input_name="y", estimator_name=type(self).__name__)
        if is_classifier(self):
            check_classification_targets(y)
            labels, counts = np.unique(y[kept], return_counts=True)
            if len(labels) > 1 and counts.min() < 2:  # the members refuse a single class
                raise ValueError(
                    f"class {labels.tolist()[counts.argmin()]!r} has one series, too few for the "
                    f"cross-validation {remedy}"
                )
        elif kept.sum() < self.cv:
            raise ValueError(
                f"{kept.sum()} sample(s) are too few for the cross-validation {remedy}"
            )

    def _likelihood_weights(self, fitted, X, y, fit_params):
        X, y = _by_series(X), column_or_1d(_as_numpy(y))
        weight = weights_of_series(y, fit_params)
        validated = [i for i, m in enumerate(fitted) if not isinstance(m, RidgeTrained)]
        folds = list(self._folds(y, weight)) if validated else []
        fit_params = {name: _by_series(value) for name, value in fit_params.items()}
        calls = [(i, train, test) for i in validated for train, test in folds]
        answers = Parallel(n_jobs=self.n_jobs)(
            delayed(_held_out)(self.estimators[i][1], self._method, X, y, train, test, fit_params)
            for i, train, test in calls
        )
        losses = []
        for i, member in enumerate(fitted):
            if isinstance(member, RidgeTrained):
                losses.append(self._loss_left_out(member))
                continue
            pairs = zip(calls, answers, strict=True)
            own = [(test, answer) for (j, _, test), answer in pairs if j == i]
            losses.append(self._held_out_loss(own, member, y, weight))
        return weights_by_likelihood(losses, n_effective(weight))

    def _folds(self, y, weight):
        """Yield training rows and held-out rows. Series of weight 0 are in neither."""
        (rows,) = np.nonzero(weight)
        y, n_folds, make = y[rows], self.cv, KFold
        if is_classifier(self):
            n_folds, make = min(n_folds, np.unique(y, return_counts=True)[1].min()), StratifiedKFold
        folds = make(n_folds, shuffle=True, random_state=0).split(rows, y)
        return ((rows[train], rows[test]) for train, test in folds)

    def _check_before_saving(self):
        now = [type(member) for _, member in self.estimators]
        then = [type(member) for member in self.estimators_]
        if now != then:
            raise ValueError(
                f"estimators changed since fit: now they are {[t.__name__ for t in now]}, then "
                f"{[t.__name__ for t in then]}. Set them back before saving, or fit again."
            )

    def _plain_estimators(self):
        return {"estimators": [[name, plain_parameters(m)] for name, m in self.estimators]}

    @classmethod
    def _estimators_from(cls, plain, members, device):
        named = zip(members, plain["estimators"], strict=True)
        return {"estimators": [(n, unfitted_like(m, options, device)) for m, (n, options) in named]}


def _as_numpy(y):
    return np.asarray(y.detach().cpu() if hasattr(y, "detach") else y)


def _by_series(X):
    """Return a container that can be indexed by series.

    A frame with one row per time point becomes a list of frames.
    """
    if not hasattr(X, "__getitem__") and hasattr(X, "__array__"):
        return np.asarray(X)
    if isinstance(X, pd.DataFrame) and X.index.nlevels > 1:
        return list(frames_of(X).values())
    return X


def _held_out(estimator, method, X, y, train, test, fit_params):
    """Fit on some series, and return the labels and the predictions for the others."""
    own = _check_method_params(X, fit_params, indices=train)
    member = clone(estimator).fit(_safe_indexing(X, train), y[train], **own)
    return getattr(member, "classes_", None), getattr(member, method)(_safe_indexing(X, test))


def _are_pairs(value, accepts):
    return (
        is_sequence(value)
        and len(value) > 0
        and all(
            isinstance(pair, tuple)
            and len(pair) == 2
            and isinstance(pair[0], str)
            and isinstance(pair[1], BaseEstimator)
            and accepts(pair[1])
            for pair in value
        )
    )


class EnsembleClassifier(ClassifierEnsemble, _HeterogeneousEnsemble):
    """Weighted average of different classifiers, with learnt weights [1]_.

    Members with a high log loss on held-out training series get little weight. Use
    SeedEnsembleClassifier for one classifier with several seeds.
    """

    _method = "predict_proba"
    _example = """\
>>> from skts import EnsembleClassifier, FCNClassifier, HydraMiniRocketClassifier
>>> from skts.datasets import load_ucr
>>> X, y = load_ucr("ItalyPowerDemand", split="train")
>>> members = [
...     ("fcn", FCNClassifier(max_epochs=2, random_state=0)),
...     ("hydra", HydraMiniRocketClassifier(random_state=0)),
... ]
>>> clf = EnsembleClassifier(members, cv=2).fit(X, y)
>>> clf.weights_.shape, clf.predict_proba(X).shape
((2,), (67, 2))"""

    estimators: list[tuple[str, BaseEstimator]] = param(
        rule=Rule(
            "a list of pairs (name, classifier with predict_proba), one at least",
            lambda v: _are_pairs(v, lambda m: is_classifier(m) and hasattr(m, "predict_proba")),
            list[tuple[str, BaseEstimator]],
        ),
        doc="Pairs of name and member. Pipelines are allowed. `fit` trains clones of the members.",
        kw_only=False,
    )

    def _held_out_loss(self, answers, member, y, weight):
        n_classes = len(member.classes_)
        probabilities = np.full((len(y), n_classes), 1 / n_classes)
        for test, (classes, found) in answers:
            probabilities[np.ix_(test, np.searchsorted(member.classes_, classes))] = found
        target = np.searchsorted(member.classes_, y)
        n = np.count_nonzero(weight)
        # the loss of a probability of 0 must be finite
        smoothed = (n * probabilities[np.arange(len(y)), target] + 1 / n_classes) / (n + 1)
        return -np.average(np.log(smoothed), weights=weight)


class EnsembleRegressor(RegressorEnsemble, _HeterogeneousEnsemble):
    """Weighted average of different regressors, with learnt weights [1]_.

    Members with a high error on held-out training series get little weight. Use
    SeedEnsembleRegressor for one regressor with several seeds.
    """

    _method = "predict"
    _example = """\
>>> from skts import EnsembleRegressor, HydraMiniRocketRegressor, QuantRidgeRegressor
>>> from skts.datasets import load_ucr
>>> X, _ = load_ucr("ItalyPowerDemand", split="train")
>>> members = [
...     ("hydra", HydraMiniRocketRegressor(random_state=0)),
...     ("quant", QuantRidgeRegressor(random_state=0)),
... ]
>>> reg = EnsembleRegressor(members).fit(X[:, :-1], X[:, -1])
>>> reg.predict(X[:, :-1]).shape
(67,)"""

    estimators: list[tuple[str, BaseEstimator]] = param(
        rule=Rule(
            "a list of pairs (name, regressor), one at least",
            lambda v: _are_pairs(v, is_regressor),
            list[tuple[str, BaseEstimator]],
        ),
        doc="Pairs of name and member. Pipelines are allowed. `fit` trains clones of the members.",
        kw_only=False,
    )

    def _held_out_loss(self, answers, member, y, weight):
        y = np.asarray(y, dtype=float)
        predictions = y.copy()  # series of weight 0 are never held out
        for test, (_, found) in answers:
            predictions[test] = found
        peak = np.abs(y).max() or 1.0  # squares of the largest numbers would overflow
        y, predictions = y / peak, predictions / peak
        mean = np.average(y, weights=weight)
        scale = np.average((y - mean) ** 2, weights=weight) or 1.0
        return loss_of_error(np.average((predictions - y) ** 2, weights=weight) / scale)
