"""Training that starts from learnt weights, and features of a fitted network."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skts
from skts import (
    EnsembleClassifier,
    FCNClassifier,
    FCNRegressor,
    HydraMiniRocketClassifier,
    LSTMClassifier,
    LSTMFCNClassifier,
    SeedEnsembleClassifier,
)
from skts.adapters import to_aeon, to_sktime
from skts.base import SeriesClassifier
from skts.datasets import load_ucr
from skts.model_selection import search_space
from tests.settings import small

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 1, 20)).cumsum(axis=2)
Y = np.arange(24) % 2
OTHER_X = RNG.normal(size=(18, 1, 32)).cumsum(axis=2)
OTHER_Y = np.array(["a", "b", "c"])[np.arange(18) % 3]
OF_CONVOLUTIONS = [
    f"conv.blocks.{i}.{of}"
    for i in range(3)
    for of in ("conv.kernel", "conv.bias", "norm.weight", "norm.bias")
]
OF_HEAD = ["head.weight", "head.bias"]


@pytest.fixture(scope="module")
def source():
    return small(FCNClassifier, max_epochs=3, random_state=1).fit(X, Y)


def weights(est):
    return {name: tensor.clone() for name, tensor in est.net_.module_.state_dict().items()}


def from_source(source, cls=FCNClassifier, **options):
    return small(cls, **({"max_epochs": 3, "init_from": source} | options))


class Convolutions(torch.nn.Module):
    def __init__(self, n_channels, n_outputs):
        super().__init__()
        self.first = torch.nn.Conv1d(n_channels, 4, 3)
        self.last = torch.nn.Conv1d(4, n_outputs, 1)

    def forward(self, x, lengths=None):
        return self.last(self.first(x).relu()).mean(dim=2)


class Pointwise(SeriesClassifier):
    """A network of one's own that ends with a convolution."""

    def _network(self, n_channels, n_timepoints, n_outputs):
        return Convolutions(n_channels, n_outputs)


class TestInitFrom:
    def test_other_classes_and_another_length(self, source):
        before = weights(source)
        clf = from_source(source).fit(OTHER_X, OTHER_Y)
        assert clf.transferred_ == {"taken": OF_CONVOLUTIONS, "new": OF_HEAD}
        assert clf.predict_proba(OTHER_X).shape == (18, 3)
        assert all(torch.equal(before[name], now) for name, now in weights(source).items())

    def test_training_begins_with_these_weights(self, source):
        # the learning rate is so low that nothing moves
        clf = from_source(source, lr=1e-12, weight_decay=0, recompute_norms=False).fit(X, Y)
        assert clf.transferred_["new"] == []
        for name in (*OF_CONVOLUTIONS, *OF_HEAD):
            torch.testing.assert_close(weights(clf)[name], weights(source)[name])

    def test_the_same_number_of_other_classes_has_a_head_of_its_own(self, source):
        clf = from_source(source).fit(X, np.array(["x", "y"])[Y])
        assert clf.transferred_["new"] == OF_HEAD

    def test_other_channels(self, source):
        clf = from_source(source).fit(np.repeat(X, 2, axis=1), Y)
        assert clf.transferred_["new"] == ["conv.blocks.0.conv.kernel", "conv.blocks.0.conv.bias"]

    def test_another_architecture_with_layers_of_the_same_name(self, source):
        clf = from_source(source, LSTMFCNClassifier).fit(X, Y)
        assert clf.transferred_["taken"] == OF_CONVOLUTIONS
        assert {name.partition(".")[0] for name in clf.transferred_["new"]} == {"recurrent", "head"}

    def test_a_regressor_from_a_classifier_and_from_a_regressor(self, source):
        reg = from_source(source, FCNRegressor).fit(X, X[:, 0, 0])
        assert reg.transferred_ == {"taken": OF_CONVOLUTIONS, "new": OF_HEAD}
        reg = from_source(reg, FCNRegressor).fit(X, X[:, 0, 1])
        assert reg.transferred_ == {"taken": [*OF_CONVOLUTIONS, *OF_HEAD], "new": []}

    @pytest.mark.parametrize("as_type", [str, lambda path: path])
    def test_a_file(self, source, tmp_path, as_type):
        path = tmp_path / "source.skts"
        source.save(path)
        expected = from_source(source).fit(OTHER_X, OTHER_Y).predict_proba(OTHER_X)
        found = from_source(as_type(path)).fit(OTHER_X, OTHER_Y).predict_proba(OTHER_X)
        np.testing.assert_array_equal(found, expected)

    def test_a_fit_without_it_starts_anew(self, source):
        clf = from_source(source).fit(OTHER_X, OTHER_Y)
        expected = small(FCNClassifier, max_epochs=3).fit(OTHER_X, OTHER_Y)
        clf.set_params(init_from=None).fit(OTHER_X, OTHER_Y)
        assert "transferred_" not in vars(clf)
        np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))

    def test_its_options_stay_its_own(self, source):
        clf = from_source(source)
        assert clf.get_params().keys() == FCNClassifier().get_params().keys()
        assert clone(clf).init_from is source
        SeedEnsembleClassifier(clf, n_estimators=2, n_jobs=None).fit(OTHER_X, OTHER_Y)
        assert source.random_state == 1

    def test_a_search_leaves_it_as_it_is(self, source):
        options = source.get_params()
        for est, prefix in (
            (from_source(source), ""),
            (make_pipeline(from_source(source)), "fcnclassifier__"),
            (SeedEnsembleClassifier(from_source(source)), "estimator__"),
        ):
            names = {"batch_size", "lr", "normalize", "representation", "weight_decay"}
            assert search_space(est).keys() == {prefix + name for name in names}
        est = from_source(source)
        RandomizedSearchCV(
            est, search_space(est), n_iter=2, cv=2, random_state=0, error_score="raise"
        ).fit(X, Y)
        assert source.get_params() == options
        with pytest.raises(ValueError, match="options of the estimator in init_from cannot be set"):
            est.set_params(init_from__lr=1.0)

    def test_frozen_by_scikit_learn_it_can_be_searched(self, source, tmp_path):
        grid = {"init_from": [FrozenEstimator(source)]}
        search = GridSearchCV(small(FCNClassifier, max_epochs=1), grid, cv=2, error_score="raise")
        est = search.fit(X, Y).best_estimator_
        assert est.transferred_["new"] == []
        est.save(tmp_path / "est.skts")
        again = skts.load(tmp_path / "est.skts")
        assert isinstance(again.init_from, FCNClassifier)
        np.testing.assert_array_equal(again.predict_proba(X), est.predict_proba(X))

    @pytest.mark.parametrize("adapted", [to_sktime, to_aeon])
    def test_adapters_keep_it(self, source, adapted):
        est = clone(adapted(from_source(source))).fit(X, Y)
        assert est.estimator_.transferred_["new"] == []

    def test_a_network_without_a_linear_layer(self):
        source = Pointwise(max_epochs=1, random_state=0).fit(X, Y)
        assert "transform" in dir(source)
        assert "Network" in source._repr_html_()
        with pytest.raises(TypeError, match="a network whose last layer is linear"):
            source.transform(X)
        est = Pointwise(init_from=source, max_epochs=1).fit(OTHER_X, OTHER_Y)
        assert est.transferred_["taken"] == ["first.weight", "first.bias"]

    def test_learns_faster_than_afresh(self):
        X, y = load_ucr("ItalyPowerDemand", split="train")
        source = FCNClassifier(max_epochs=20, random_state=1).fit(X, y)
        options = {"max_epochs": 2, "random_state": 0}
        begun = FCNClassifier(init_from=source, **options).fit(X, y)
        afresh = FCNClassifier(**options).fit(X, y)
        assert begun.history_[-1]["train_loss"] < 0.5 * afresh.history_[-1]["train_loss"]


class TestFreeze:
    def test_what_was_taken_stays_and_the_head_is_trained(self, source):
        clf = from_source(source, freeze="all but head").fit(X, Y)
        before, after = weights(source), weights(clf)
        changed = [name for name in after if not torch.equal(before[name], after[name])]
        assert changed == OF_HEAD  # the averages of batch normalisation too
        assert all(weight.requires_grad for weight in clf.net_.module_.parameters())

    def test_what_starts_anew_is_trained(self, source):
        begun = small(FCNClassifier, max_epochs=1, lr=1e-12, weight_decay=0)
        series = np.repeat(X, 2, axis=1)
        new = begun.set_params(init_from=source).fit(series, Y).transferred_["new"]
        clf = clone(begun).set_params(lr=1e-2, freeze="all but head").fit(series, Y)
        assert new == ["conv.blocks.0.conv.kernel", "conv.blocks.0.conv.bias"]
        assert (weights(clf)[new[0]] - weights(begun)[new[0]]).abs().max() > 1e-3
        kernel = "conv.blocks.1.conv.kernel"
        assert torch.equal(weights(clf)[kernel], weights(source)[kernel])

    def test_goes_on_frozen(self, source):
        clf = from_source(source, freeze="all but head", warm_start=True).fit(X, Y)
        clf.fit(X, Y).partial_fit(X, Y)
        before, after = weights(source), weights(clf)
        assert [n for n in after if not torch.equal(before[n], after[n])] == OF_HEAD
        clf.set_params(freeze=None).partial_fit(X, Y)
        assert not torch.equal(weights(clf)[OF_CONVOLUTIONS[0]], before[OF_CONVOLUTIONS[0]])

    def test_is_for_weights_that_were_taken(self, source):
        clf = small(FCNClassifier, max_epochs=1, warm_start=True).fit(X, Y)
        clf.set_params(init_from=source, freeze="all but head")
        for again in (clf.fit, clf.partial_fit):
            with pytest.raises(ValueError, match="which did not start from init_from"):
                again(X, Y)

    def test_the_summary_knows(self, source):
        clf = from_source(source, freeze="all but head")
        n_of_head = sum(weights(source)[name].numel() for name in OF_HEAD)
        assert clf.summary(X, Y).n_parameters == n_of_head
        assert clf.fit(X, Y).summary().n_parameters == n_of_head
        assert clf.set_params(freeze=None).summary().n_parameters > 10 * n_of_head

    def test_needs_learnt_weights(self):
        with pytest.raises(ValueError, match="needs trained weights: init_from must be a fitted"):
            small(FCNClassifier, freeze="all but head").fit(X, Y)


@pytest.mark.parametrize("freeze", [None, "all but head"])
class TestWithTheRest:
    def test_save_and_load(self, source, freeze, tmp_path):
        path = tmp_path / "est.skts"
        clf = from_source(source, freeze=freeze).fit(OTHER_X, OTHER_Y)
        clf.save(path)
        again = skts.load(path)
        assert again.transferred_ == clf.transferred_
        for one in (again, clf):
            one.partial_fit(OTHER_X, OTHER_Y)
        np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
        for one in (again, clf):
            one.fit(OTHER_X, OTHER_Y)  # the file has what it starts from
        np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))

    def test_an_ensemble_of_several_seeds(self, source, freeze, tmp_path):
        path = tmp_path / "est.skts"
        clf = SeedEnsembleClassifier(from_source(source, freeze=freeze), n_estimators=2)
        clf.fit(OTHER_X, OTHER_Y).save(path)
        again = skts.load(path)
        np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
        np.testing.assert_array_equal(
            clone(again).fit(OTHER_X, OTHER_Y).predict_proba(X), clf.predict_proba(X)
        )

    def test_early_stopping(self, source, freeze):
        clf = from_source(
            source,
            freeze=freeze,
            max_epochs=30,
            validation_fraction=0.4,
            early_stopping_patience=2,
            restore_best="valid_loss",
        ).fit(X, Y)
        valid = clf.history_[:, "valid_loss"]
        assert len(valid) < 30
        assert clf.transferred_["new"] == []

    def test_a_grid_search(self, source, freeze):
        grid = {"lr": [1e-3, 1e-2]}
        search = GridSearchCV(from_source(source, freeze=freeze), grid, cv=2).fit(X, Y)
        assert search.best_estimator_.transferred_["new"] == []


class TestRefused:
    def test_a_source_that_no_file_can_have(self, source, tmp_path):
        est = from_source(Pointwise(max_epochs=1).fit(X, Y), Pointwise).fit(X, Y)
        with pytest.raises(TypeError, match="Pointwise"):
            est.save(tmp_path / "est.skts")
        est = from_source(source).fit(X, Y).set_params(init_from=FCNClassifier())
        with pytest.raises(ValueError, match="must be a fitted estimator of skts to be saved"):
            est.save(tmp_path / "est.skts")

    @pytest.mark.parametrize(
        ("make", "error", "message"),
        [
            (lambda: small(HydraMiniRocketClassifier).fit(X, Y), TypeError, "got a HydraMini"),
            (
                lambda: SeedEnsembleClassifier(small(FCNClassifier), n_estimators=1).fit(X, Y),
                TypeError,
                "Of an ensemble, pass one of estimators_",
            ),
            (lambda: FCNClassifier(), NotFittedError, "pass sklearn.frozen.FrozenEstimator"),
            (
                lambda: small(LSTMClassifier, max_epochs=1).fit(X, Y),
                ValueError,
                "no layer before the output layer has the same name",
            ),
            (lambda: "nowhere.skts", FileNotFoundError, "nowhere"),
        ],
    )
    def test_what_has_no_such_weights(self, make, error, message):
        clf = small(FCNClassifier, max_epochs=1, init_from=make())
        with pytest.raises(error, match=message):
            clf.fit(X, Y)
        assert "net_" not in vars(clf)

    def test_a_file_of_another_kind(self, tmp_path):
        small(HydraMiniRocketClassifier).fit(X, Y).save(tmp_path / "hydra.skts")
        with pytest.raises(ValueError, match="has a HydraMiniRocketClassifier"):
            from_source(tmp_path / "hydra.skts").fit(X, Y)


class TestFeatures:
    def test_ahead_of_another_estimator(self):
        X, y = load_ucr("ItalyPowerDemand", split="train")
        head = RidgeClassifierCV()
        pipeline = make_pipeline(small(FCNClassifier, max_epochs=10, filters=(16, 32, 16)), head)
        assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.85

    def test_of_ensembles_where_all_members_have_them(self):
        members = [("fcn", small(FCNClassifier, max_epochs=1)), ("linear", RidgeClassifierCV())]
        has = EnsembleClassifier(members[:1], weights=None)
        assert hasattr(has, "transform")
        names = has.fit(X, Y).get_feature_names_out()
        assert names[0] == "fcn__fcnclassifier0"
        assert [*has.set_output(transform="pandas").transform(X).columns] == [*names]
        foreign = make_pipeline(StandardScaler(), LogisticRegression())
        lacks = EnsembleClassifier([*members[:1], ("linear", foreign)], weights=None)
        assert not hasattr(lacks, "transform")
        assert not hasattr(lacks, "get_feature_names_out")

    def test_pandas_on_request(self):
        clf = small(FCNClassifier, max_epochs=1).set_output(transform="pandas").fit(X, Y)
        frame = clf.transform(X)
        assert [*frame.columns] == [*clf.get_feature_names_out()]

    def test_before_fit(self):
        with pytest.raises(NotFittedError):
            small(FCNClassifier).transform(X)
        with pytest.raises(NotFittedError):
            small(FCNClassifier).get_feature_names_out()
        with pytest.raises(NotFittedError):
            SeedEnsembleClassifier(small(FCNClassifier)).transform(X)

    def test_of_unequal_lengths(self):
        series = [x[:, : 8 + i % 5] for i, x in enumerate(X)]
        clf = small(FCNClassifier, max_epochs=1).fit(series, Y)
        alone = [clf.transform([one])[0] for one in series]
        np.testing.assert_allclose(clf.transform(series), alone, atol=1e-6)
