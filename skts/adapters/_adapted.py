"""What the adapters share: a class of another library for each skts estimator, made on demand.

The class has the parameters of the skts estimator as its own, so that tags, random states, class
weights and tuners of that library work as with its other estimators.
"""

import dataclasses
import inspect
from typing import ClassVar

import torch
from sklearn.base import ClassifierMixin
from sklearn.utils import get_tags

from skts.base import SeriesEstimator
from skts.discovery import all_estimators
from skts.ensemble import SeedEnsembleClassifier, SeedEnsembleRegressor
from skts.models.fcn import FCNClassifier, FCNRegressor

ENSEMBLES = SeedEnsembleClassifier, SeedEnsembleRegressor


class Adapted:
    """Mixin of the classes made below: trains and asks the skts estimator."""

    _wrapped: ClassVar[type]

    def _unfitted(self):
        return self._wrapped(**self.get_params(deep=False))

    def set_params(self, **params):
        super().set_params(**params)
        self.set_tags(**capability_tags(self._unfitted()))
        return self

    def __sklearn_tags__(self):
        return get_tags(self._unfitted())

    def _fit(self, X, y):
        self.estimator_ = self._unfitted().fit(X, y)
        return self

    def _predict(self, X):
        return self.estimator_.predict(X)


class AdaptedClassifier(Adapted):
    """Mixin of the classifiers."""

    def _predict_proba(self, X):
        return self.estimator_.predict_proba(X)


def capability_tags(estimator):
    """What an estimator with its options takes; in the case of an ensemble, what its members do."""
    if isinstance(estimator, ENSEMBLES):
        return capability_tags(estimator.estimator)
    is_ours = isinstance(estimator, SeriesEstimator)
    return {
        "capability:unequal_length": is_ours and estimator._accepted_lengths() != "equal",
        "capability:missing_values": is_ours and estimator.missing == "interpolate",
    }


def has_parameter(wrapped, name):
    return name in {field.name for field in dataclasses.fields(wrapped)}


def adapted_class(wrapped, base, tags):
    """The class for `wrapped` on `base`: the name of the one, the module of the other."""
    signature = inspect.signature(wrapped.__init__)

    def __init__(self, *args, **options):  # noqa: N807
        given = signature.bind(self, *args, **options)
        given.apply_defaults()
        vars(self).update((k, v) for k, v in given.arguments.items() if k != "self")
        super(cls, self).__init__()
        self.set_tags(**capability_tags(self._unfitted()))

    __init__.__signature__ = signature
    namespace = {
        "__module__": base.__module__,
        "__doc__": wrapped.__doc__,
        "__init__": __init__,
        "_wrapped": wrapped,
        "_tags": tags | capability_tags(wrapped(**small_parameters(wrapped)[0])),
    }
    cls = type(wrapped.__name__, (base,), namespace)
    return cls


def wrapped_by_name(name):
    """The skts estimator of that name, for the ``__getattr__`` of an adapter's module."""
    found = dict(all_estimators())
    if name not in found:
        raise AttributeError(f"skts has no estimator {name!r}; it has {', '.join(found)}")
    return found[name]


def checked(estimator, function):
    """`estimator`, if it is one of skts."""
    if not isinstance(estimator, (SeriesEstimator, *ENSEMBLES)):
        raise TypeError(
            f"{function} takes an estimator of skts, for example LSTMFCNClassifier(), got "
            f"{estimator!r}"
        )
    return estimator


def small_parameters(wrapped):
    """Two sets of parameters for the libraries' own checks: trainings of a moment."""
    if issubclass(wrapped, ENSEMBLES):
        member = FCNClassifier if issubclass(wrapped, ClassifierMixin) else FCNRegressor
        members = [member(**options) for options in small_parameters(member)]
        return [{"estimator": m, "n_estimators": n} for m, n in zip(members, (2, 1), strict=True)]
    return [
        {"max_epochs": 2, "optimizer": torch.optim.AdamW, "lr": 1e-3},
        {"max_epochs": 1, "optimizer": torch.optim.Adam, "batch_size": 8, "lr_schedule": None},
    ]
