"""Search spaces: what they draw is valid and trains, alone, in pipelines and in ensembles."""

import dataclasses
import inspect

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 (for the next import)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    HalvingRandomSearchCV,
    ParameterSampler,
    RandomizedSearchCV,
    StratifiedKFold,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skts import FCNClassifier, FCNRegressor, LSTMFCNClassifier, SeedEnsembleClassifier
from skts.model_selection import search_space
from skts.params import Params, param
from skts.recipes import karim2017
from tests.settings import (
    NARROWED,
    discovered,
    is_classifier_class,
    is_ensemble,
    small,
    small_ensemble,
)

CLASSES = discovered(quick=is_classifier_class)
X = np.random.default_rng(0).normal(size=(24, 2, 12))
Y = np.arange(24) % 2


def without_width(space):
    """The space but for widths, which make trainings slow."""
    wide = (*NARROWED, "n_cells", "conv_channels", "depth", "batch_size")
    return {name: values for name, values in space.items() if name.rpartition("__")[2] not in wide}


@pytest.mark.parametrize("cls", CLASSES)
class TestSpace:
    def test_holds_the_options_that_declare_it(self, cls):
        est = small_ensemble(cls) if is_ensemble(cls) else cls()
        space = search_space(est)
        assert 1 < len(space) <= 12
        assert space.keys() <= est.get_params(deep=True).keys()
        assert not [name for name in space if "max_epochs" in name]
        if not is_ensemble(cls):
            has_lr = "lr" in inspect.signature(cls).parameters
            assert {"normalize", "representation"} | ({"lr"} if has_lr else set()) <= space.keys()

    def test_every_draw_is_valid(self, cls):
        est = small_ensemble(cls) if is_ensemble(cls) else cls()
        for drawn in ParameterSampler(search_space(est), 27, random_state=0):
            made = clone(est).set_params(**drawn)
            made._check_options()
            for part in made.get_params(deep=True).values():
                if isinstance(part, Params):
                    part._check_options()

    def test_the_default_is_among_the_values(self, cls):
        for field in dataclasses.fields(cls):
            values = field.metadata.get("search")
            if values is None:
                continue
            if hasattr(values, "support"):
                low, high = values.support()
                assert low <= field.default <= high
            elif field.name != "normalize":  # of which ensembles have another
                assert field.default in values

    def test_draws_build_a_network(self, cls):
        if is_ensemble(cls):
            return
        for drawn in ParameterSampler(search_space(cls()), 5, random_state=1):
            assert cls(**drawn).summary(X, Y).n_parameters > 0

    def test_draws_train(self, cls):
        est = small(cls, max_epochs=1)
        for drawn in ParameterSampler(without_width(search_space(est)), 2, random_state=2):
            assert np.isfinite(clone(est).set_params(**drawn).fit(X, Y).predict(X)).all()


def test_steps_and_members_stand_in_front():
    pipeline = make_pipeline(StandardScaler(), LSTMFCNClassifier())
    own = search_space(LSTMFCNClassifier())
    assert search_space(pipeline) == {f"lstmfcnclassifier__{k}": v for k, v in own.items()}
    ensemble = SeedEnsembleClassifier(pipeline)
    prefix = "estimator__lstmfcnclassifier__"
    assert search_space(ensemble) == {prefix + k: v for k, v in own.items()}


def test_a_space_is_the_callers_own():
    search_space(FCNClassifier())["batch_size"].append(2)
    assert search_space(FCNClassifier())["batch_size"] == [8, 16, 32, 64]


def test_optimisers_without_weight_decay_have_none_to_search():
    assert "weight_decay" in search_space(FCNClassifier(optimizer=torch.optim.SGD))
    assert "weight_decay" not in search_space(FCNClassifier(optimizer=torch.optim.Rprop))


def test_an_option_declared_anew_keeps_its_space_or_has_its_own():
    class Kept(FCNClassifier):
        batch_size: int = param(default=4, doc="Another default.")

    class Own(FCNClassifier):
        batch_size: int = param(default=4, doc="Another default.", search=(2, 4))

    class Fixed(FCNClassifier):
        batch_size: int = param(default=4, doc="Not searched.", search=())

    assert search_space(Kept())["batch_size"] == [8, 16, 32, 64]
    assert search_space(Own())["batch_size"] == [2, 4]
    assert "batch_size" not in search_space(Fixed())


@pytest.mark.parametrize("other", [LogisticRegression(), FCNClassifier, None, "FCN"])
def test_what_has_no_space_is_refused(other):
    with pytest.raises(ValueError, match=r"^estimator must be "):
        search_space(other)


@pytest.mark.parametrize("make", [FCNClassifier, FCNRegressor])
def test_randomised_search(make):
    est = make(filters=(4, 4, 4), max_epochs=2, random_state=0)
    space = without_width(search_space(est))
    search = RandomizedSearchCV(est, space, n_iter=3, cv=2, random_state=0, error_score="raise")
    search.fit(X, Y)
    assert search.best_params_.keys() == space.keys()
    assert len(search.cv_results_["params"]) == 3


def test_halving_search_with_epochs_as_the_resource():
    est = LSTMFCNClassifier(filters=(4, 4, 4), random_state=0)
    pipeline = make_pipeline(StandardScaler(), est)
    search = HalvingRandomSearchCV(
        pipeline,
        without_width(search_space(pipeline)),
        resource="lstmfcnclassifier__max_epochs",
        min_resources=1,
        max_resources=4,
        n_candidates=4,
        factor=2,
        cv=StratifiedKFold(2),
        random_state=0,
        error_score="raise",
    )
    search.fit(X[:, 0], Y)
    assert search.n_resources_ == [1, 2, 4]
    assert search.n_candidates_ == [4, 2, 1]
    assert len(search.best_estimator_[-1].history_) == 4


@pytest.mark.parametrize("n_epochs", [1, 3, 10])
def test_few_epochs_are_one_cycle_of_them(n_epochs):
    clf = FCNClassifier(filters=(4, 4, 4), max_epochs=n_epochs, random_state=0)
    assert len(clf.fit(X + 5 * Y[:, None, None], Y).history_) == n_epochs
    again = FCNClassifier(filters=(4, 4, 4), max_epochs=n_epochs, target_loss=None, random_state=0)
    again.fit(X + 5 * Y[:, None, None], Y)
    np.testing.assert_array_equal(clf.predict_proba(X), again.predict_proba(X))


def test_recipes_fix_what_they_name():
    from skts.benchmark.estimators import space_of

    space = space_of(LSTMFCNClassifier(), recipe="karim2017", options=(("n_cells", 8),))
    assert not space.keys() & {*karim2017, "n_cells"}
    assert "dropout" in space
