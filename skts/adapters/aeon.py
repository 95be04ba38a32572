"""The estimators of skts as aeon's, under their names, made when they are asked for.

``from skts.adapters.aeon import LSTMFCNClassifier`` gives the class for aeon.
"""

from functools import cache

from aeon.classification import BaseClassifier
from aeon.regression import BaseRegressor
from sklearn.base import ClassifierMixin

from skts.adapters import _adapted
from skts.adapters._adapted import Adapted, AdaptedClassifier

TAGS = {
    "algorithm_type": "deeplearning",
    "python_dependencies": ["torch", "skorch"],
    "X_inner_type": ["numpy3D", "np-list"],
    "capability:multivariate": True,
}


class _TestParams:
    @classmethod
    def _get_test_params(cls, parameter_set="default"):
        return _adapted.small_parameters(cls._wrapped)


class _Classifier(_TestParams, AdaptedClassifier, BaseClassifier):
    pass


class _Regressor(_TestParams, Adapted, BaseRegressor):
    pass


@cache
def _class_for(wrapped):
    base = _Classifier if issubclass(wrapped, ClassifierMixin) else _Regressor
    return _adapted.adapted_class(wrapped, base, TAGS)


def adapted(estimator):
    """The same estimator for aeon, unfitted."""
    parameters = _adapted.checked(estimator, "to_aeon").get_params(deep=False)
    return _class_for(type(estimator))(**parameters)


def __getattr__(name):
    return _class_for(_adapted.wrapped_by_name(name))
