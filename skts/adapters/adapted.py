"""Adapter classes: a class of another library for each skts estimator, created on demand.

The class has the parameters of the skts estimator, so that tags, random states, class weights and
tuners of the library work as with its other estimators.
"""

import importlib
import inspect
from typing import ClassVar

import torch
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags

from skts.base import SeriesEstimator
from skts.discovery import all_estimators
from skts.ensemble import Ensemble
from skts.models.fcn import FCNClassifier, FCNRegressor
from skts.params import documented
from skts.persistence.storable import without_frozen


class Adapted:
    """Mixin of adapter classes: fits the skts estimator and predicts with it."""

    _wrapped: ClassVar[type]
    #: Lengths that an estimator must accept for the tag of unequal lengths.
    _unequal_length: ClassVar[tuple] = ("any", "padded")

    def _unfitted(self):
        return self._wrapped(**self.get_params(deep=False))

    def _tag_capabilities(self):
        self.set_tags(**capability_tags(self._unfitted(), self._unequal_length))

    def get_params(self, deep=True):
        own = super().get_params(deep=False)
        return self._wrapped(**own).get_params() if deep else own

    def set_params(self, **params):
        own = super().get_params(deep=False)
        if not params.keys() <= own.keys():  # parameters of members
            params = self._unfitted().set_params(**params).get_params(deep=False)
        super().set_params(**params)
        self._tag_capabilities()
        return self

    def __repr__(self, *args, **options):
        # with the module, because skts and perhaps the library have an estimator of the same name
        module = f"{type(self).__module__}."
        return module + super().__repr__(*args, **options).replace("\n", "\n" + " " * len(module))

    def __sklearn_tags__(self):
        return get_tags(self._unfitted())

    def __reduce__(self):
        # the class of a user's own estimator is not an attribute of its module
        return _blank, (type(self).__module__, self._wrapped), self.__getstate__()

    def _fit(self, X, y):
        if self.get_params(deep=False).get("warm_start"):
            raise ValueError(
                "warm_start must be False, got True: fit always starts from scratch. Continue a "
                "training with estimator_.fit or estimator_.partial_fit."
            )
        self.estimator_ = self._unfitted().fit(X, y)
        return self

    def _predict(self, X):
        return self.estimator_.predict(X)


def _blank(module, wrapped):
    cls = importlib.import_module(module).class_for(wrapped)
    return cls.__new__(cls)


class AdaptedClassifier(Adapted):
    """Mixin of adapted classifiers."""

    def _predict_proba(self, X):
        return self.estimator_.predict_proba(X)


def capability_tags(estimator, unequal_length):
    """Return the capabilities of an estimator with its options, or those of all members."""
    if isinstance(estimator, Ensemble):
        of_members = [capability_tags(m, unequal_length) for m in estimator._tagged_members()]
        tags = of_members[0] if of_members else {}  # without members, `fit` raises an error
        return {tag: all(of_one[tag] for of_one in of_members) for tag in tags}
    is_ours = isinstance(estimator, SeriesEstimator)
    return {
        "capability:unequal_length": is_ours and estimator._lengths_read() in unequal_length,
        "capability:missing_values": is_ours and estimator.missing == "interpolate",
    }


def has_parameter(wrapped, name):
    return name in inspect.signature(wrapped).parameters


def adapted_class(wrapped, base, tags, example, **defaults):
    """Create the class for `wrapped` with the name of `wrapped`, on `base` and in its module.

    In `example`, a doctest, {name} is the class and {options} are options of a short training.
    `defaults` replace the defaults in skts.
    """
    example = example.replace("{options}", _options_in_example(wrapped))
    attributes = [("estimator_", "The fitted estimator of skts, with its own attributes.")]
    signature = inspect.signature(wrapped.__init__)
    parameters = [
        p.replace(default=defaults.get(p.name, p.default)) for p in signature.parameters.values()
    ]
    signature = signature.replace(parameters=parameters)

    # becomes the constructor of the class below
    def __init__(self, *args, **options):  # noqa: N807
        given = signature.bind(self, *args, **options)
        given.apply_defaults()
        vars(self).update((k, v) for k, v in given.arguments.items() if k != "self")
        super(cls, self).__init__()
        self._tag_capabilities()

    __init__.__signature__ = signature
    smallest = wrapped(**small_parameters(wrapped)[0])
    namespace = {
        "__module__": base.__module__,
        "__doc__": documented(wrapped, attributes, example),
        "__init__": __init__,
        "_wrapped": wrapped,
        "_tags": tags | capability_tags(smallest, base._unequal_length),
    }
    cls = type(wrapped.__name__, (base,), namespace)
    return cls


def wrapped_by_name(name):
    """Return the skts estimator of that name, for ``__getattr__`` of adapter modules."""
    found = dict(all_estimators(["classifier", "regressor"]))
    if name not in found:
        raise AttributeError(f"skts has no estimator {name!r}; it has {', '.join(found)}")
    return found[name]


def parameters_of(estimator, function):
    """Return copies of the parameters of an estimator of skts."""
    if not isinstance(estimator, (SeriesEstimator, Ensemble)):
        raise TypeError(
            f"{function} takes an estimator of skts, for example LSTMFCNClassifier(), got "
            f"{estimator!r}"
        )
    params = clone(estimator).get_params(deep=False)
    if isinstance(params.get("init_from"), BaseEstimator):  # clones in these libraries unfit it
        params["init_from"] = FrozenEstimator(without_frozen(params["init_from"]))
    return params


def _options_in_example(wrapped):
    accepted = inspect.signature(wrapped).parameters
    member = f"skts.{_member_of(wrapped).__name__}(max_epochs=2, random_state=0)"
    if "estimator" in accepted:
        return member
    if "estimators" in accepted:
        return f'[("fcn", {member})]'
    return "max_epochs=2, random_state=0" if "max_epochs" in accepted else "random_state=0"


def _member_of(wrapped):
    return FCNClassifier if issubclass(wrapped, ClassifierMixin) else FCNRegressor


def small_parameters(wrapped):
    """Return two sets of parameters for the libraries' own checks, with short trainings."""
    accepted = inspect.signature(wrapped).parameters.keys()  # a user's class may have fewer
    if {"estimator", "estimators"} & accepted:
        member = _member_of(wrapped)
        first, second = (member(**options) for options in small_parameters(member))
        if "estimator" in accepted:
            return [
                {"estimator": first, "n_estimators": 2},
                {"estimator": second, "n_estimators": 1},
            ]
        both = [("first", first), ("second", second)]
        return [{"estimators": both, "weights": None}, {"estimators": both[1:], "cv": 2}]
    return [
        {name: value for name, value in options.items() if name in accepted}
        for options in (
            {"max_epochs": 2, "optimizer": torch.optim.AdamW, "lr": 1e-3, "n_groups": 8},
            {"max_epochs": 1, "optimizer": torch.optim.Adam, "batch_size": 8, "lr_schedule": None}
            | {"n_groups": 4},
        )
    ]
