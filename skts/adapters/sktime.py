"""The estimators of skts as sktime estimators with the same names, created on demand.

``from skts.adapters.sktime import LSTMFCNClassifier`` imports the class for sktime.
"""

from functools import cache
from typing import Any

from sklearn.base import ClassifierMixin
from sktime.classification.base import BaseClassifier
from sktime.regression.base import BaseRegressor

from skts.adapters import adapted
from skts.adapters.adapted import Adapted, AdaptedClassifier, has_parameter

TAGS = {
    "authors": "skts developers",
    "maintainers": "skts developers",
    "python_dependencies": ["torch", "skorch"],
    # sktime converts other types to the first one, which can hold series of unequal length
    "X_inner_mtype": ["nested_univ", "pd-multiindex", "numpy3D"],
    "y_inner_mtype": "numpy1D",
    "capability:multivariate": True,
}


class _Sktime(Adapted):
    """Mixin of classifiers and regressors."""

    def reset(self):
        # sktime's fit calls it, and scikit-learn's pipelines set this attribute on their last step
        hung = {k: v for k, v in vars(self).items() if k == "_parent_callback_ctx"}
        super().reset()
        vars(self).update(hung)
        return self

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Return parameters for sktime's own checks.

        Parameters
        ----------
        parameter_set : str, default="default"
            There is only one set.

        Returns
        -------
        list of dict
        """
        return adapted.small_parameters(cls._wrapped)


class _Classifier(_Sktime, AdaptedClassifier, BaseClassifier):
    pass


class _Regressor(_Sktime, Adapted, BaseRegressor):
    pass


EXAMPLE = """\
>>> import skts
>>> from skts.adapters.sktime import {name}
>>> from sktime.datasets import load_unit_test
>>> X, y = load_unit_test(split="train", return_type="numpy3D")
>>> estimator = {name}({options}).fit(X, y.astype(int))
>>> estimator.predict(X).shape
(20,)"""


@cache
def class_for(wrapped):
    """Return the class of sktime for a class of skts."""
    seeded = has_parameter(wrapped, "random_state")
    tags = TAGS | {
        "capability:random_state": seeded,
        "property:randomness": "derandomized" if seeded else "stochastic",
    }
    if not issubclass(wrapped, ClassifierMixin):
        return adapted.adapted_class(wrapped, _Regressor, tags, EXAMPLE)
    tags["capability:predict_proba"] = True
    tags["capability:class_weight"] = has_parameter(wrapped, "class_weight")
    return adapted.adapted_class(wrapped, _Classifier, tags, EXAMPLE)


def __getattr__(name):
    return class_for(adapted.wrapped_by_name(name))
