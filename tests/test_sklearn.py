"""Inside scikit-learn's own tools, with real data that sktime ships."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skts import FCNClassifier, LSTMFCNClassifier, LSTMFCNRegressor, recipes
from skts.datasets import load_ucr, load_ucr_parts
from tests.settings import small


@pytest.fixture(scope="module")
def parts():
    """Series and labels to train on, and those to score."""
    return load_ucr_parts("ItalyPowerDemand")


def searched(clf):
    return GridSearchCV(clf, {"max_epochs": [1]}, cv=2)


@pytest.mark.full
def test_grid_search_inside_a_pipeline_in_two_processes(parts):
    (X, y), scored = parts
    pipeline = make_pipeline(StandardScaler(), small(LSTMFCNClassifier))
    grid = {"lstmfcnclassifier__n_cells": [2, 4], "lstmfcnclassifier__max_epochs": [1, 30]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, y)
    assert search.best_params_["lstmfcnclassifier__max_epochs"] == 30
    assert search.best_score_ > 0.9
    assert search.score(*scored) > 0.9


def test_cross_validation_with_text_labels(parts):
    (X, y), _ = parts
    names = np.where(y == "1", "winter", "summer")
    scores = cross_val_score(
        small(FCNClassifier, max_epochs=30), X, names, cv=3, scoring="f1_macro"
    )
    assert scores.min() > 0.8


@pytest.mark.parametrize("wrap", [lambda clf: clf, make_pipeline, searched])
def test_log_probabilities(wrap, parts):
    (X, y), _ = parts
    clf = wrap(small(FCNClassifier, max_epochs=2)).fit(X, y)
    logs = clf.predict_log_proba(X)
    assert (logs.dtype, logs.shape) == (np.float64, (67, 2))
    np.testing.assert_array_equal(logs, np.log(clf.predict_proba(X)))


def test_log_of_a_probability_of_zero(parts):
    (X, y), _ = parts
    clf = small(FCNClassifier, max_epochs=2).fit(X, y)
    with torch.no_grad():
        clf.net_.module_.head.weight *= 1e6
    assert np.isneginf(clf.predict_log_proba(X)).any()


def test_voting_beside_a_classical_model(parts):
    (X, y), scored = parts
    vote = VotingClassifier(
        [("net", small(LSTMFCNClassifier, max_epochs=30)), ("linear", LogisticRegression())],
        voting="soft",
    ).fit(X, y)
    assert vote.score(*scored) > 0.9


def test_permutation_importance_finds_the_column_that_counts():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 8))
    reg = small(LSTMFCNRegressor, dropout=0.0).fit(X, X[:, 5])
    result = permutation_importance(reg, X, X[:, 5], n_repeats=3, random_state=0)
    assert result.importances_mean.argmax() == 5


def test_grid_search_over_recipes(parts):
    (X, y), _ = parts
    grid = [
        {k: [v] for k, v in recipe.items()} for recipe in (recipes.karim2017, recipes.swartz2025)
    ]
    for entry in grid:
        entry["max_epochs"] = [5]
    search = GridSearchCV(small(LSTMFCNClassifier), grid, cv=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize(
    "name", ["BasicMotions", pytest.param("JapaneseVowels", marks=pytest.mark.full)]
)
def test_multivariate_and_unequal_sets(name):
    X, y = load_ucr(name, "train")
    clf = small(LSTMFCNClassifier, max_epochs=40, dimension_shuffle=False, cell="gru")
    assert clf.fit(X, y).score(*load_ucr(name, "test")) > 0.7
