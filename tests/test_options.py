"""Options: their types are what their rules accept; their order, groups, texts and defaults."""

import dataclasses
import inspect
import os
import re
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpydoc.docscrape import get_doc_object
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from skorch.callbacks import EarlyStopping

from skts import (
    FCNClassifier,
    FCNRegressor,
    models,
)
from skts.augment import Augmentations
from skts.discovery import all_estimators
from skts.params import GROUPS, Params, group_of, integer, param, real
from skts.training.callbacks import Callbacks
from tests import forecasts
from tests.settings import is_ensemble, small

CLASSES = [pytest.param(cls, id=name) for name, cls in all_estimators()]
FORECASTERS = [cls for _, cls in all_estimators("forecaster")]
WITH_NETWORK = [case for case in CLASSES if not is_ensemble(case.values[0])]

#: Of each type that an option may have, values. Every option takes one at least.
OF_TYPE = {
    types.NoneType: [None],
    bool: [True, False, np.True_],
    int: [1, 2, 10**6, np.int64(3), np.uint8(4)],
    float: [0.5, 1e-3, np.float32(0.25)],  # and integers, within bounds
    str: ["cpu", "a word"],
    os.PathLike[str]: [Path("a", "folder")],
    np.random.RandomState: [np.random.RandomState(0)],
    type[torch.optim.Optimizer]: [torch.optim.SGD, torch.optim.Optimizer],
    Sequence[int]: [(8, 8, 8), [5], range(1, 4), (np.int64(3),)],
    Mapping[typing.Any, float]: [{"a": 1.5, 0: 2}, types.MappingProxyType({"b": 0.5})],
    Callbacks: [[EarlyStopping()], (EarlyStopping,), [("stop", EarlyStopping)]],
    list[tuple[str, BaseEstimator]]: [[("a", FCNClassifier())], [("b", FCNRegressor())]],
    Augmentations: [["jitter"], ("scaling", ("time_mask", 0.5)), [("jitter", np.float32(2))]],
    Sequence[float]: [(0.5, 1), [0, 2.5], (1.5,)],
    BaseEstimator: [FCNClassifier(), FCNRegressor(), LogisticRegression()],
}
#: Of types that no option has.
OF_NONE = [
    *(object(), object, torch.nn.Linear, print, 1j, b"cpu", {1}, np.ones(3, dtype=int)),
    *([("jitter", -1)], [("window_slice", 1.0)], [("jitter",)], ["jitter", None], [["jitter", 1]]),
    *(["8"], [None], [print], ("stop", EarlyStopping), {"a": "b"}, float("nan"), "no such"),
]


def new(cls):
    return forecasts.small(cls) if cls in FORECASTERS else small(cls)


def types_of(annotation):
    is_union = typing.get_origin(annotation) in (types.UnionType, typing.Union)
    return typing.get_args(annotation) if is_union else (annotation,)


def words_of(annotation):
    """The words that a type names."""
    literals = [kind for kind in types_of(annotation) if typing.get_origin(kind) is typing.Literal]
    return {word for kind in literals for word in typing.get_args(kind)}


def options_of(cls):
    return inspect.signature(cls).parameters


ALL_WORDS = {
    word
    for _, cls in all_estimators()
    for option in options_of(cls).values()
    for word in words_of(option.annotation)
}


def accepts(estimator, name, value):
    before = getattr(estimator, name)
    setattr(estimator, name, value)
    try:
        estimator._check_options()
    except ValueError as error:  # or options that do not go together
        return not str(error).startswith(f"{name} of {type(estimator).__name__} must be ")
    finally:
        setattr(estimator, name, before)
    return True


@pytest.mark.parametrize("cls", CLASSES)
def test_a_rule_accepts_what_the_type_names_and_nothing_else(cls):
    estimator = new(cls)
    for name, option in options_of(cls).items():
        words, named = words_of(option.annotation), set(types_of(option.annotation))
        named = {kind for kind in named if typing.get_origin(kind) is not typing.Literal}
        assert named <= OF_TYPE.keys()
        for kind in named:
            is_taken = [accepts(estimator, name, value) for value in OF_TYPE[kind]]
            assert any(is_taken), (name, kind)
        also = {int} if float in named else set()
        also |= {Sequence[int]} if Sequence[float] in named else set()
        for kind in OF_TYPE.keys() - named - also:
            for value in OF_TYPE[kind]:
                assert not accepts(estimator, name, value), (name, value)
        for value in ALL_WORDS:
            assert str in named or accepts(estimator, name, value) == (value in words), name
        for value in OF_NONE:
            is_word = isinstance(value, str) and str in named
            assert is_word or not accepts(estimator, name, value), (name, value)


@pytest.mark.parametrize("cls", CLASSES)
def test_defaults_are_accepted_and_print_in_few_digits(cls):
    estimator = new(cls)
    for name, option in options_of(cls).items():
        if option.default is not option.empty:
            assert accepts(estimator, name, option.default), name
        if isinstance(option.default, float):
            assert float(f"{option.default:.4g}") == option.default, name


@pytest.mark.parametrize("cls", CLASSES)
def test_signature_and_documentation_have_the_options_in_groups(cls):
    documented = get_doc_object(cls)["Parameters"]
    assert [entry.name for entry in documented] == list(options_of(cls))
    group_of_each = {field.name: group_of(field) for field in dataclasses.fields(cls)}
    order = [group_of_each[name] for name in options_of(cls)]
    assert order == sorted(order, key=GROUPS.index)
    for entry, group, before in zip(documented, order, [None, *order], strict=False):
        text = " ".join(entry.desc)
        assert text.startswith(f"**{group.capitalize()}**") == (group != before)
        assert text.count("**") == 2 * (group != before)
        last = re.search(r"\(down to `(\w+)`\)", text)
        assert last is None or group_of_each[last.group(1)] == group


def network_of(cls):
    estimator = new(cls)
    if cls in FORECASTERS:
        return estimator._sequence_network(2, 1)
    network = estimator._network(2, 40, 2)
    return getattr(network, "network", network)  # of one that is read at its last step


def defaults_of(network):
    options = options_of(network).values()
    return {option.name: option.default for option in options if option.default is not option.empty}


@pytest.mark.parametrize("cls", WITH_NETWORK)
def test_the_network_takes_what_is_of_the_architecture_and_has_its_defaults(cls):
    architecture = {f.name for f in dataclasses.fields(cls) if group_of(f) == "architecture"}
    of_network, options = defaults_of(type(network_of(cls))), options_of(cls)
    assert architecture <= of_network.keys()
    for name in architecture:
        # a network without attention is another estimator
        may_have = accepts(new(cls), name, of_network[name])
        assert of_network[name] == options[name].default or not may_have, name


def test_every_default_of_a_network_is_that_of_an_estimator():
    known = {network: {"squeeze_excite"} for network in models.__all__}  # an estimator of its own
    for cls in (case.values[0] for case in WITH_NETWORK):
        known[type(network_of(cls)).__name__] |= options_of(cls).keys()
    for name in models.__all__:
        assert defaults_of(getattr(models, name)).keys() <= known[name]


class TestParam:
    def test_a_type_in_quotes(self):
        class Quoted(Params):
            width: "int | None" = param(default=None, rule=integer(2), doc="Its width.")

        assert accepts(Quoted(), "width", None)
        assert not accepts(Quoted(), "width", 1)

    def test_a_rule_of_another_type(self):
        with pytest.raises(
            TypeError, match="must be for a member of the type int or None, got a rule for float"
        ):
            type(
                "Below",
                (Params,),
                {
                    "__annotations__": {"width": int | None},
                    "width": param(default=2, rule=real(0), doc="Its width."),
                },
            )

    def test_a_type_that_tells_too_little(self):
        with pytest.raises(TypeError, match="the type sequence of int has no default rule"):
            type(
                "Below",
                (Params,),
                {
                    "__annotations__": {"widths": Sequence[int]},
                    "widths": param(default=(2,), doc="Widths."),
                },
            )

    def test_an_option_stays_in_its_group(self):
        class Below(FCNClassifier):
            lr: float = param(default=0.1, doc="Without a bound.")

        groups = {field.name: group_of(field) for field in dataclasses.fields(Below)}
        assert groups["lr"] == "optimisation"
        assert accepts(Below(), "lr", -1.0)
