"""Seed ensembles: what they average, where their seeds come from."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skts import FCNClassifier, FCNRegressor, SeedEnsembleClassifier, SeedEnsembleRegressor
from tests.recording import X, Y
from tests.settings import small


def test_averages_the_probabilities_of_the_same_estimator_from_other_seeds():
    member = small(FCNClassifier, max_epochs=3, random_state=7)
    ensemble = SeedEnsembleClassifier(member, n_estimators=3).fit(X, Y)
    seeds = [m.random_state for m in ensemble.estimators_]
    assert seeds[0] == 7
    alone = [clone(member).set_params(random_state=seed).fit(X, Y) for seed in seeds]
    expected = [clf.predict_proba(X) for clf in alone]
    assert not np.array_equal(expected[0], expected[1])
    np.testing.assert_array_equal(ensemble.predict_proba(X), np.mean(expected, axis=0))
    np.testing.assert_array_equal(
        ensemble.predict(X), ensemble.classes_[np.mean(expected, axis=0).argmax(axis=1)]
    )
    assert not hasattr(member, "net_")


def test_log_probabilities_are_those_of_the_average():
    ensemble = SeedEnsembleClassifier(small(FCNClassifier, max_epochs=1), n_estimators=2).fit(X, Y)
    np.testing.assert_array_equal(ensemble.predict_log_proba(X), np.log(ensemble.predict_proba(X)))


def test_averages_the_predictions_of_regressors():
    member = small(FCNRegressor, max_epochs=3)
    y = X[:, -1]
    ensemble = SeedEnsembleRegressor(member, n_estimators=2).fit(X, y, sample_weight=y + 9)
    alone = [
        clone(member).set_params(random_state=m.random_state).fit(X, y, sample_weight=y + 9)
        for m in ensemble.estimators_
    ]
    np.testing.assert_array_equal(
        ensemble.predict(X), np.mean([reg.predict(X) for reg in alone], axis=0)
    )


@pytest.mark.full
def test_processes_give_what_one_process_gives():
    serial, parallel = (
        SeedEnsembleClassifier(small(FCNClassifier, max_epochs=2), n_estimators=2, n_jobs=n)
        for n in (None, 2)
    )
    np.testing.assert_allclose(
        serial.fit(X, Y).predict_proba(X), parallel.fit(X, Y).predict_proba(X), atol=1e-6
    )


def test_without_a_seed_every_member_and_every_fit_differs():
    ensemble = SeedEnsembleClassifier(
        small(FCNClassifier, max_epochs=1, random_state=None), n_estimators=2
    )
    first = [member.predict_proba(X) for member in ensemble.fit(X, Y).estimators_]
    again = ensemble.fit(X, Y).predict_proba(X)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(np.mean(first, axis=0), again)


def test_takes_pipelines_and_sits_in_a_grid_search():
    pipeline = make_pipeline(StandardScaler(), small(FCNClassifier, max_epochs=20))
    ensemble = SeedEnsembleClassifier(pipeline, n_estimators=2)
    grid = {"n_estimators": [1, 2], "estimator__fcnclassifier__batch_size": [8]}
    search = GridSearchCV(ensemble, grid, cv=2).fit(X[:30], Y[:30])
    assert search.best_estimator_.estimators_[0][-1].random_state == 0
    assert search.score(X[30:], Y[30:]) > 0.8


def test_other_seeds_lead_to_other_members():
    seeds = [
        member.random_state
        for seed in range(4)
        for member in SeedEnsembleClassifier(
            small(FCNClassifier, max_epochs=1, random_state=seed), n_estimators=3
        )
        .fit(X, Y)
        .estimators_
    ]
    assert len(set(seeds)) == 12


def test_hands_on_what_a_pipeline_takes():
    pipeline = make_pipeline(StandardScaler(), small(FCNClassifier, max_epochs=2))
    weights = {"fcnclassifier__sample_weight": np.where(Y == "a", 1.0, 0.01)}
    ensemble = SeedEnsembleClassifier(pipeline, n_estimators=2).fit(X, Y, **weights)
    alone = [clone(member).fit(X, Y, **weights) for member in ensemble.estimators_]
    expected = np.mean([member.predict_proba(X) for member in alone], axis=0)
    np.testing.assert_array_equal(ensemble.predict_proba(X), expected)
    unweighted = clone(ensemble).fit(X, Y).predict_proba(X)
    assert not np.allclose(expected, unweighted, atol=0.01)


def test_takes_any_estimator_with_a_seed():
    forest = RandomForestRegressor(n_estimators=3, random_state=0)
    ensemble = SeedEnsembleRegressor(forest, n_estimators=2).fit(X, X[:, 0])
    assert ensemble.score(X, X[:, 0]) > 0.8


@pytest.mark.parametrize(
    ("ensemble", "estimator"),
    [
        (SeedEnsembleClassifier, FCNRegressor()),
        (SeedEnsembleRegressor, FCNClassifier()),
        (SeedEnsembleRegressor, LinearRegression()),
        (SeedEnsembleClassifier, FCNClassifier),
        (SeedEnsembleClassifier, None),
    ],
)
def test_refuses_what_it_cannot_train_from_seeds(ensemble, estimator):
    with pytest.raises(ValueError, match=r"estimator of SeedEnsemble.* with a random_state.*, got"):
        ensemble(estimator).fit(X, Y)


@pytest.mark.parametrize(
    "options",
    [
        {"n_estimators": 0},
        {"n_estimators": True},
        {"n_estimators": 2.0},
        {"n_jobs": 0},
        {"n_jobs": True},
        {"n_jobs": np.True_},
        {"n_jobs": 2.0},
    ],
)
def test_a_failed_fit_leaves_an_ensemble_as_it_was(options):
    ensemble = SeedEnsembleClassifier(small(FCNClassifier, max_epochs=1), n_estimators=1)
    before = ensemble.fit(X, Y).predict_proba(X)
    ensemble.set_params(**options)
    with pytest.raises(ValueError, match=next(iter(options))):
        ensemble.fit(X, Y)
    np.testing.assert_array_equal(ensemble.predict_proba(X), before)
