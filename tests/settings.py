"""Settings of the contract tests, as data: small training runs and reasoned exceptions."""

import inspect
import os
from pathlib import Path

import pytest
from sklearn.base import ClassifierMixin

from skts import (
    FCNClassifier,
    FCNRegressor,
    HydraMiniRocketClassifier,
    HydraMiniRocketRegressor,
)
from skts.base.ridge import RidgeTrained
from skts.discovery import all_estimators
from skts.ensemble import Ensemble
from skts.training.series_options import SeriesTrainingParams, TargetParams

#: Archives for the tests that need real data.
DATA = Path(os.environ.get("SKTS_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no data in {DATA}")

#: Enough training for scikit-learn's own checks of accuracy, and no more.
TRAINING = {
    "classifier": {"max_epochs": 20, "lr": 1e-2},
    "regressor": {"max_epochs": 60, "batch_size": 32, "lr": 1e-2, "calibration_folds": None},
}

#: Of the classes that learn a table too slowly: ALSTM knows no positions, and which of ten columns
#: counts its two layers find only after minutes; the regressor gets a third layer besides. Nor do
#: random kernels know positions: there must be many.
SLOW_LEARNERS = {
    "ALSTMClassifier": {"max_epochs": 60},
    "ALSTMRegressor": {
        "max_epochs": 200,
        "batch_size": 50,
        "lr": 2e-2,
        "n_layers": 3,
        "n_cells": 16,
    },
    "HydraMiniRocketRegressor": {"n_groups": 16},
}

#: Widths that small networks have a sixteenth of, 8 at least: the checks ask how an estimator
#: behaves, not how well it predicts.
NARROWED = ("filters", "n_filters", "n_hidden", "n_groups", "n_features")

#: Fewer optimiser steps for scikit-learn's checks.
FAST_TRAINING = {"classifier": {"batch_size": 50, "lr": 2e-2}, "regressor": {}}

#: Checks whose series all fit in such a batch. In smaller ones no processor's rounding decides: the
#: first then passes clearly, and the second fails, also without batch normalisation.
SMALL_BATCHES = {
    "check_class_weight_classifiers": {"batch_size": 10, "lr": 2e-2},
    "check_sample_weight_equivalence_on_dense_data": {"batch_size": 8},
}

#: What ensembles are made of.
MEMBERS = {"classifier": FCNClassifier, "regressor": FCNRegressor}
SOLVED = {"classifier": HydraMiniRocketClassifier, "regressor": HydraMiniRocketRegressor}

#: Checks of scikit-learn that cannot pass, and why.
EXPECTED_FAILED_CHECKS = {
    "check_sample_weight_equivalence_on_dense_data": (
        "Training in shuffled mini-batches cannot tell a series of weight 2 from the same series "
        "twice; scikit-learn expects the same failure of its own SGDClassifier."
    ),
}

#: The share of test series that an int8 model must give the label of its classifier.
SAME_LABEL_IN_INT8 = 0.98

#: By classifier and data set where it is less: what was measured, rounded down, and why.
UNLIKE_IN_INT8: dict[tuple[str, str], tuple[float, str]] = {}

#: Of scikit-learn's checks those that an architecture can break. The quick suite runs them for
#: every classifier, and all checks for the estimators in RUN_ALL_CHECKS; the rest is in full.
CHECKS_OF_ARCHITECTURES = {
    "check_classifiers_train",
    "check_estimators_pickle",
    "check_fit2d_1feature",
    "check_fit2d_1sample",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_n_features_in_after_fitting",
    "check_sample_weights_list",
}
RUN_ALL_CHECKS = {"FCNClassifier", "FCNRegressor"}

#: What numpydoc must find in a docstring. Not the order of parameters (PR03): the options of
#: estimators are keywords, documented nearest class first. Nor unknown sections (GL06): networks
#: tell their shapes under "Shape:".
DOCSTRING_CHECKS = {
    "GL08": "a docstring",
    "SS03": "a summary that is a sentence",
    "PR01": "every parameter",
    "PR02": "no parameter that is none",
    "RT01": "what is returned",
    "YD01": "what is yielded",
    "GL07": "the sections in numpydoc's order",
}

#: Pages whose code does not run in the tests, and why.
PAGES_THAT_CANNOT_RUN = {"docs/studies.md": "starts jobs of Slurm"}

#: Methods without a docstring of their own, and where they are documented.
DOCUMENTED_ELSEWHERE = {
    "forward": 'Of a network: the class tells what goes in and what comes out, under "Shape:".',
    "extra_repr": "Of a network: torch documents it, for every module.",
    "features": "Of a network of fixed features: skts.layers.FixedFeatures.",
    "learn": "Likewise.",
}


def discovered(kind=None, *, quick=lambda cls: True):
    """A pytest parameter for each class that discovery finds; those not `quick` are in full."""
    found = all_estimators(["classifier", "regressor"] if kind is None else kind)
    return [
        pytest.param(cls, id=name, marks=[] if quick(cls) else [pytest.mark.full])
        for name, cls in found
    ]


def is_classifier_class(cls):
    """Whether a class is a classifier; regressors have the same modules and only another loss."""
    return issubclass(cls, ClassifierMixin)


def is_solved(cls):
    """Whether the head of the network is solved in one step, not trained by gradient."""
    return issubclass(cls, RidgeTrained)


def small(cls, **options):
    """An instance of `cls` that trains in a moment; an ensemble's members take the options."""
    kind = "classifier" if is_classifier_class(cls) else "regressor"
    if is_ensemble(cls):
        return small_ensemble(cls, **options)
    defaults = cls().get_params()
    widths = {name: narrow(defaults[name]) for name in NARROWED if name in defaults}
    training = TRAINING[kind] | SLOW_LEARNERS.get(cls.__name__, {}) | options
    if is_solved(cls):  # options of training by gradient are not its own
        foreign = {*_options(SeriesTrainingParams), *_options(TargetParams)} - defaults.keys()
        training = {name: value for name, value in training.items() if name not in foreign}
    return cls(**({"random_state": 0} | widths | training))


def small_ensemble(cls, **options):
    """The same of an ensemble."""
    kind = "classifier" if is_classifier_class(cls) else "regressor"
    accepted = _options(cls)
    if "estimator" in accepted:
        return cls(small(MEMBERS[kind], **options), n_estimators=2)
    if "estimators" in accepted:
        members = []
        for member in (MEMBERS[kind], SOLVED[kind]):
            own = {name: v for name, v in options.items() if name in _options(member)}
            members.append((member.__name__, small(member, **own)))
        return cls(members, cv=2)
    own = {name: value for name, value in options.items() if name in accepted}
    return cls(**({"random_state": 0, "n_groups": 4, "n_features": 840} | own))


def is_ensemble(cls):
    """Whether a class averages other estimators."""
    return issubclass(cls, Ensemble)


def _options(cls):
    return inspect.signature(cls).parameters.keys()


def of_full_size(cls, **options):
    """An instance of `cls` with the widths of its paper."""
    member = cls
    if is_ensemble(cls) and "n_groups" not in _options(cls):
        member = MEMBERS["classifier" if is_classifier_class(cls) else "regressor"]
    defaults = member().get_params()
    widths = {name: defaults[name] for name in NARROWED if name in defaults}
    return small(cls, **(widths | options))


def narrow(width):
    return tuple(map(narrow, width)) if isinstance(width, tuple) else max(8, width // 16)
