"""Estimators of one's own on those of skts: options, defaults, constructors, documentation."""

import inspect
import pickle
from typing import ClassVar

import numpy as np
import pytest
import torch
from sklearn.base import clone, is_classifier

from skts import FCNClassifier, LSTMFCNClassifier, LSTMFCNRegressor, SeedEnsembleClassifier, save
from skts.adapters import to_aeon, to_sktime
from skts.base import SeriesClassifier
from skts.forecasting import LSTMForecaster
from skts.params import Params
from tests import forecasts
from tests.settings import small

X = np.random.default_rng(0).normal(size=(12, 9))
Y = np.arange(12) % 2


class Plain(LSTMFCNClassifier):
    """My classifier.

    Of two paragraphs.
    """

    alpha: int = 3
    beta: "float | None" = None
    remembered: ClassVar[dict] = {}


class NoText(LSTMFCNRegressor):
    alpha: int = 3


class OtherDefaults(LSTMFCNClassifier):
    n_cells = 4
    max_epochs: int = 7
    optimizer = torch.optim.Adam


class Short:
    """A mixin that is no estimator."""

    max_epochs = 2
    gamma: int = 1


class Mixed(Short, LSTMFCNClassifier):
    pass


class AlphaParams(Params):
    alpha: int = 3


class MixedParams(AlphaParams, LSTMFCNClassifier):
    pass


class Written(LSTMFCNClassifier):
    """With a constructor.

    Parameters
    ----------
    depth : int
        Which the author documents.
    """

    def __init__(self, depth=3, max_epochs=5, filters=(8, 8, 8)):
        super().__init__(max_epochs=max_epochs, filters=filters)
        self.depth = depth


class HandsOn(LSTMFCNClassifier):
    def __init__(self, depth: int = 3, **options):
        super().__init__(**options)
        self.depth = depth


class BelowHandsOn(HandsOn):
    pass


class Counting:
    def __init__(self, **options):
        super().__init__(**options)
        self.n_made = 1


class MixedWritten(Counting, LSTMFCNClassifier):
    pass


class HandsOnAgain(HandsOn):
    def __init__(self, width=2, **options):
        super().__init__(**options)
        self.width = width


class BesideHandsOn(Counting, HandsOn):
    pass


class HandsOnToFew(Written):
    def __init__(self, width=2, **options):
        super().__init__(**options)
        self.width = width


@pytest.mark.parametrize("cls", [HandsOnAgain, BesideHandsOn, HandsOnToFew])
def test_options_of_every_written_constructor_survive_a_clone(cls):
    est = cls(depth=7, max_epochs=1, filters=(4, 4, 4))
    assert clone(est).depth == 7
    assert clone(est).get_params() == est.get_params()
    assert ("n_cells" in est.get_params()) == (cls is not HandsOnToFew)
    clone(est).set_params(depth=8).fit(X, Y)


class Network(torch.nn.Module):
    def __init__(self, n_inputs, n_outputs, *, width):
        super().__init__()
        sizes = n_inputs, width, n_outputs
        self.layers = torch.nn.Sequential(*map(torch.nn.Linear, sizes, sizes[1:]))

    def forward(self, x, lengths=None):
        return self.layers(x.flatten(1))


class OwnNetwork(SeriesClassifier):
    width: int = 3

    def _network(self, n_channels, n_timepoints, n_outputs):
        return Network(n_channels * n_timepoints, n_outputs, **self._architecture())

    def _accepted_lengths(self):
        return "equal"


#: What the parameters are that the class adds or changes, with their defaults.
OWN = {
    Plain: {"alpha": 3, "beta": None, "max_epochs": 350},
    NoText: {"alpha": 3},
    OtherDefaults: {"n_cells": 4, "max_epochs": 7, "optimizer": torch.optim.Adam},
    Mixed: {"max_epochs": 2, "n_cells": 8},
    MixedParams: {"alpha": 3, "n_cells": 8},
    Written: {"depth": 3, "max_epochs": 5, "filters": (8, 8, 8)},
    HandsOn: {"depth": 3, "max_epochs": 350},
    BelowHandsOn: {"depth": 3, "max_epochs": 350},
    MixedWritten: {"max_epochs": 350},
    OwnNetwork: {"width": 3, "max_epochs": 350},
}
CLASSES = [pytest.param(cls, id=cls.__name__) for cls in OWN]


def fitted(cls):
    estimator, widths = cls(), {"filters": (8, 8, 8)}
    known = {name: widths[name] for name in widths.keys() & estimator.get_params()}
    return estimator.set_params(max_epochs=1, **known).fit(X, Y)


@pytest.mark.parametrize("cls", CLASSES)
class TestEach:
    def test_its_parameters(self, cls):
        parameters = cls().get_params()
        assert parameters.items() >= OWN[cls].items()
        for name, value in OWN[cls].items():
            assert inspect.signature(cls).parameters[name].default == value
        others = dict.fromkeys(OWN[cls].keys() - {"optimizer", "filters"}, 2)
        again = clone(cls(**others))
        assert again.get_params() == parameters | others
        assert again.set_params(max_epochs=3).get_params()["max_epochs"] == 3

    def test_its_options_are_checked(self, cls):
        with pytest.raises(ValueError, match=f"max_epochs of {cls.__name__} must be an integer"):
            cls(max_epochs=0).fit(X, Y)

    def test_it_survives_pickle_but_is_not_saved(self, cls, tmp_path):
        estimator = fitted(cls)
        again = pickle.loads(pickle.dumps(estimator))
        assert vars(again).keys() == vars(estimator).keys()
        np.testing.assert_array_equal(again.predict(X), estimator.predict(X))
        assert clone(again).fit(X, Y).predict(X).shape == Y.shape
        with pytest.raises(TypeError, match=f"{cls.__name__} of .* is not a class of skts"):
            save(estimator, tmp_path / "own.skts")

    @pytest.mark.parametrize("to_other", [to_sktime, to_aeon])
    def test_it_has_adapters(self, cls, to_other):
        adapted = to_other(clone(fitted(cls)))
        assert adapted.get_params().keys() == cls().get_params().keys()
        targets = Y if is_classifier(cls()) else X.sum(axis=1)
        assert adapted.fit(X[:, None], targets).predict(X[:, None]).shape == Y.shape

    def test_its_documentation(self, cls):
        text = inspect.getdoc(cls)
        assert not text.startswith(f"{cls.__name__}(")
        assert "from skts import" not in text  # an example that would not run
        for name in OWN[cls] if cls is not Written else ["depth"]:
            assert f"\n{name} : " in text or f"\n{name}, default=" in text


@pytest.mark.parametrize(
    ("cls", "beginning"),
    [
        (Plain, "My classifier.\n\nOf two paragraphs.\n\nParameters\n----------\n"),
        (NoText, inspect.getdoc(LSTMFCNRegressor).partition("\n")[0] + "\n\nParameters"),
        (Mixed, inspect.getdoc(LSTMFCNClassifier).partition("\n")[0] + "\n\nParameters"),
        (OwnNetwork, "OwnNetwork.\n\nParameters"),
        (Written, "With a constructor.\n\nParameters\n----------\ndepth : int\n    Which the"),
    ],
)
def test_the_summary(cls, beginning):
    assert inspect.getdoc(cls).startswith(beginning)


def test_an_option_is_documented_with_what_is_known():
    lines = inspect.getdoc(Plain).splitlines()
    place = lines.index("alpha : int, default=3")
    assert lines[place + 1] == "beta : float | None, default=None"
    assert not lines[place + 2].startswith(" ")
    place = lines.index("max_epochs : int, default=350")
    assert lines[place + 1].startswith("    **Optimisation** (down to `freeze`). Maximum number of")


def test_what_a_base_alone_takes_is_no_option():
    assert "gamma" not in Mixed().get_params()
    assert MixedWritten().n_made == 1
    assert Plain.remembered == {}
    assert HandsOn(n_cells=3).n_cells == 3


def test_forecasters_and_ensembles_too():
    class Forecaster(LSTMForecaster):
        alpha: int = 3
        max_epochs = 1

    class Ensemble(SeedEnsembleClassifier):
        alpha: int = 3
        n_estimators = 2

    forecaster = Forecaster().fit(forecasts.Y)
    assert forecaster.clone().get_params()["alpha"] == 3
    assert len(forecaster.history_) == 1
    assert forecaster.predict([1, 2]).shape[0] == 2
    ensemble = Ensemble(small(FCNClassifier, max_epochs=1), alpha=4).fit(X, Y)
    assert len(ensemble.estimators_) == 2
    assert clone(ensemble).alpha == 4


@pytest.mark.parametrize("base", [Written, HandsOn, MixedWritten])
@pytest.mark.parametrize("declared", [{"alpha": 3}, {"max_epochs": 3}])
def test_what_a_written_constructor_would_not_see_is_refused(base, declared):
    (name,) = declared
    namespace = declared | {"__annotations__": {name: int}}
    with pytest.raises(TypeError, match=f"Below declares {name} without effect.*__init__"):
        type("Below", (base,), namespace)


def test_a_default_that_can_change_is_refused():
    with pytest.raises(ValueError, match="mutable default .* for field filters"):
        type("Below", (FCNClassifier,), {"filters": [8, 8, 8]})
