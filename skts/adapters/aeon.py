"""The estimators of skts as aeon estimators with the same names, created on demand.

``from skts.adapters.aeon import LSTMFCNClassifier`` imports the class for aeon.
"""

from functools import cache

from sklearn.base import ClassifierMixin

from skts.adapters import adapted
from skts.adapters.adapted import Adapted, AdaptedClassifier, has_parameter
from skts.extras import needs

with needs("aeon", "to_aeon"):
    from aeon.classification import BaseClassifier
    from aeon.regression import BaseRegressor
    from aeon.utils.validation import check_n_jobs

TAGS = {
    "algorithm_type": "deeplearning",
    "python_dependencies": ["torch", "skorch"],
    "X_inner_type": ["numpy3D", "np-list"],
    "capability:multivariate": True,
}


class _Aeon(Adapted):
    """Mixin of classifiers and regressors."""

    #: without "padded", because aeon's checks predict series longer than the training series
    _unequal_length = ("any",)

    def _fit(self, X, y):
        if self.get_tag("capability:multithreading"):
            self._n_jobs = check_n_jobs(self.n_jobs)  # an attribute of aeon's estimators
        return super()._fit(X, y)

    @classmethod
    def _get_test_params(cls, parameter_set="default"):
        return adapted.small_parameters(cls._wrapped)


class _Classifier(_Aeon, AdaptedClassifier, BaseClassifier):
    pass


class _Regressor(_Aeon, Adapted, BaseRegressor):
    pass


EXAMPLE = """\
>>> import skts
>>> from skts.adapters.aeon import {name}
>>> from aeon.datasets import load_unit_test
>>> X, y = load_unit_test(split="train")
>>> estimator = {name}({options}).fit(X, y.astype(int))
>>> estimator.predict(X).shape
(20,)"""


@cache
def class_for(wrapped):
    """Return the class of aeon for a class of skts."""
    base = _Classifier if issubclass(wrapped, ClassifierMixin) else _Regressor
    tags = TAGS | {"capability:multithreading": has_parameter(wrapped, "n_jobs")}
    return adapted.adapted_class(wrapped, base, tags, EXAMPLE, n_jobs=1)


def __getattr__(name):
    return class_for(adapted.wrapped_by_name(name))
