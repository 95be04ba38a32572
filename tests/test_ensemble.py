"""Seed ensembles: what they average, where their seeds come from."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.base import clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from skts import (
    EnsembleClassifier,
    EnsembleRegressor,
    FCNClassifier,
    FCNRegressor,
    HydraMiniRocketClassifier,
    HydraMiniRocketRegressor,
    MultiViewClassifier,
    MultiViewRegressor,
    SeedEnsembleClassifier,
    SeedEnsembleRegressor,
)
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


class TestWeighted:
    def members(self, **options):
        return [
            ("fcn", small(FCNClassifier, **options)),
            ("hydra", small(HydraMiniRocketClassifier)),
        ]

    def test_a_member_without_use_gets_no_weight(self):
        useless = DummyClassifier(strategy="uniform", random_state=0)
        clf = EnsembleClassifier([*self.members(), ("dummy", useless)], cv=2).fit(X, Y)
        assert clf.weights_[2] < 1e-3
        assert clf.weights_.sum() == pytest.approx(1)
        expected = np.average(
            [m.predict_proba(X) for m in clf.estimators_], axis=0, weights=clf.weights_
        )
        np.testing.assert_array_equal(clf.predict_proba(X), expected)

    def test_weights_by_hand_and_equal_ones(self):
        members = self.members(max_epochs=2)
        by_hand = EnsembleClassifier(members, weights=[3, 1]).fit(X, Y)
        np.testing.assert_array_equal(by_hand.weights_, [0.75, 0.25])
        np.testing.assert_array_equal(
            EnsembleClassifier(members, weights=None).fit(X, Y).weights_, [0.5, 0.5]
        )

    def test_the_loss_is_that_of_cross_validation(self):
        forest = RandomForestClassifier(n_estimators=20, random_state=0)
        ensemble = EnsembleClassifier([("forest", forest), ("again", forest)], cv=3).fit(X, Y)
        np.testing.assert_allclose(ensemble.weights_, [0.5, 0.5])
        folds = StratifiedKFold(3, shuffle=True, random_state=0)
        held_out = cross_val_predict(forest, X, Y, cv=folds, method="predict_proba")
        of_label = held_out[np.arange(len(Y)), np.searchsorted(ensemble.classes_, Y)]
        loss = -np.log((len(Y) * of_label + 0.5) / (len(Y) + 1)).mean()
        hydra = small(HydraMiniRocketClassifier)
        both = EnsembleClassifier([("forest", forest), ("hydra", hydra)], cv=3).fit(X, Y)
        apart = loss - both.estimators_[1].loo_loss_
        ratio = both.weights_[1] / both.weights_[0]
        assert np.log(ratio) == pytest.approx(3 * np.sqrt(len(Y)) * apart)

    def test_regressors_by_the_logarithm_of_their_error(self):
        y = np.where(Y[0] == Y, 1.0, 3.0)
        members = [("mean", DummyRegressor()), ("hydra", small(HydraMiniRocketRegressor))]
        reg = EnsembleRegressor(members, cv=2).fit(X, y)
        assert reg.weights_[1] > 0.99
        predictions = [member.predict(X) for member in reg.estimators_]
        expected = np.average(predictions, axis=0, weights=reg.weights_)
        np.testing.assert_allclose(reg.predict(X), expected)

    def test_members_options_are_set_by_name(self):
        clf = EnsembleClassifier(self.members())
        clf.set_params(fcn__lr=0.5, cv=3)
        assert clf.get_params()["fcn__lr"] == 0.5
        clf.set_params(fcn=small(FCNClassifier, lr=0.25))
        assert clf.get_params()["fcn__lr"] == 0.25
        search = GridSearchCV(
            EnsembleClassifier(self.members(), weights=None), {"fcn__max_epochs": [1, 2]}, cv=2
        )
        search.fit(X[:30], Y[:30])
        fcn, _ = search.best_estimator_.estimators_
        assert len(fcn.history_) == search.best_params_["fcn__max_epochs"]

    def test_takes_lists_of_unequal_series_and_weights(self):
        series = [x[: 20 + i % 3] for i, x in enumerate(X)]
        weight = np.arange(len(X)) % 3
        clf = EnsembleClassifier(self.members(max_epochs=2), cv=2)
        clf.fit(series, Y, sample_weight=weight)
        kept = np.flatnonzero(weight)
        assert clf.predict_proba([series[i] for i in kept]).shape == (len(kept), 2)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"estimators": []}, "estimators of EnsembleClassifier must be a list of"),
            ({"estimators": [FCNClassifier()]}, "estimators of EnsembleClassifier must be a list"),
            ({"estimators": [("a", FCNRegressor())]}, "must be a list of"),
            ({"estimators": [("a", FCNClassifier()), ("a", FCNClassifier())]}, "not unique"),
            ({"weights": [1.0]}, "one entry for each of the 2 estimators, got 1"),
            ({"weights": [0.0, 0.0]}, "at least one above 0"),
            ({"weights": "loss"}, "weights of EnsembleClassifier must be"),
        ],
    )
    def test_bad_options_are_named(self, options, message):
        with pytest.raises(ValueError, match=message):
            EnsembleClassifier(**({"estimators": self.members()} | options)).fit(X, Y)

    def test_a_frame_with_a_row_for_each_time_point_is_cross_validated(self):
        index = pd.MultiIndex.from_product([range(len(X)), range(X.shape[1])])
        frame = pd.DataFrame({"c": X.ravel()}, index=index)
        clf = EnsembleClassifier(self.members(max_epochs=1), cv=2).fit(frame, Y)
        same = EnsembleClassifier(self.members(max_epochs=1), cv=2).fit(X, Y)
        np.testing.assert_allclose(clf.weights_, same.weights_, atol=1e-6)

    def test_what_cannot_be_cross_validated_is_told_ahead_of_training(self):
        clf = EnsembleClassifier(self.members(callbacks=[Callback]))
        alone = np.where(np.arange(len(Y)) == 0, "alone", "others")
        with pytest.raises(ValueError, match="class 'alone' has one series.*weights=None"):
            clf.fit(X, alone)
        weight = (Y[0] == Y) | (np.arange(len(Y)) == np.flatnonzero(Y[0] != Y)[0])
        with pytest.raises(ValueError, match="has one series, too few"):
            clf.fit(X, Y, sample_weight=weight.astype(float))
        with pytest.raises(ValueError, match=r"2 sample\(s\) are too few.*change cv=5"):
            EnsembleRegressor([("a", DummyRegressor()), ("b", DummyRegressor())]).fit(X[:2], [1, 2])

    def test_series_of_weight_0_are_not_there(self):
        weight = (np.arange(len(X)) < 30).astype(float)
        members = self.members(max_epochs=2)
        clf = EnsembleClassifier(members, cv=2).fit(X, Y, sample_weight=weight)
        same = EnsembleClassifier(members, cv=2).fit(X[:30], Y[:30])
        np.testing.assert_allclose(clf.weights_, same.weights_, rtol=1e-3)

    @pytest.mark.parametrize("scale", [1e200, 1e-200])
    def test_magnitudes_of_the_target(self, scale):
        y = np.where(Y[0] == Y, 1.0, 3.0) * scale
        members = [("mean", DummyRegressor()), ("hydra", small(HydraMiniRocketRegressor))]
        assert EnsembleRegressor(members, cv=2).fit(X, y).weights_[1] > 0.99

    def test_a_failure_leaves_the_ensemble_as_it_was(self):
        clf = EnsembleClassifier(self.members(max_epochs=1), cv=2).fit(X, Y)
        before = clf.predict_proba(X)
        clf.set_params(fcn__lr=1e30)
        with pytest.raises(ValueError, match="diverged"):
            clf.fit(X, Y)
        np.testing.assert_array_equal(clf.predict_proba(X), before)


class TestMultiView:
    def test_a_view_that_misleads_gets_no_weight(self):
        rng = np.random.default_rng(0)
        rising = np.arange(60) % 2
        drift = (2 * rising - 1)[:, None] * np.linspace(-1, 1, 40)  # the spectrum cannot tell
        clf = small(MultiViewClassifier).fit(drift + 0.3 * rng.standard_normal((60, 40)), rising)
        assert [m.representation for m in clf.estimators_] == [
            *(None, "derivative", "cumulative_sum", "spectrum", None)
        ]
        assert clf.weights_[3] < 1e-3
        losses = np.array([m.loo_loss_ for m in clf.estimators_])
        expected = softmax(-3 * np.sqrt(60) * losses)
        np.testing.assert_allclose(clf.weights_, expected)

    def test_hands_its_options_to_every_member(self):
        clf = small(MultiViewClassifier, class_weight="balanced", missing="interpolate")
        clf.set_params(normalize="series").fit(X, Y)
        for member in clf.estimators_:
            assert member.class_weight == "balanced"
            assert (member.missing, member.normalize) == ("interpolate", "series")
        assert len({member.random_state for member in clf.estimators_}) == 5

    def test_a_series_of_little_weight_counts_little(self):
        weight = np.where(np.arange(len(X)) < 30, 1.0, 1e-9)
        clf = small(MultiViewClassifier).fit(X, Y, sample_weight=weight)
        losses = np.array([m.loo_loss_ for m in clf.estimators_])
        np.testing.assert_allclose(clf.weights_, softmax(-3 * np.sqrt(30) * losses), rtol=1e-5)

    def test_saving_draws_nothing_from_a_random_state(self):
        random_state = np.random.RandomState(0)
        clf = small(MultiViewClassifier, random_state=random_state).fit(X, Y)
        before = random_state.get_state()[2]
        clf._check_before_saving()
        assert random_state.get_state()[2] == before

    def test_options_that_changed_since_fit_are_not_saved(self, tmp_path):
        clf = small(MultiViewClassifier).fit(X, Y).set_params(normalize="series")
        with pytest.raises(ValueError, match="'normalize'.*changed since fit"):
            clf.save(tmp_path / "clf.skts")

    def test_regresses(self):
        y = np.where(Y[0] == Y, 1.0, 3.0)
        assert small(MultiViewRegressor).fit(X, y).score(X, y) > 0.8
