"""skts estimators as sktime's and aeon's: those packages' own checks, tags, tuners, pipelines."""

import importlib
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sktime.benchmarking.regression import RegressionBenchmark
from sktime.classification.model_selection import TSCGridSearchCV
from sktime.datasets import load_japanese_vowels, load_tecator, load_unit_test
from sktime.regression.interval_based import TimeSeriesForestRegressor
from sktime.transformations.difference import Differencer
from sktime.utils.estimator_checks import check_estimator as check_sktime_estimator

from skts import (
    CNNClassifier,
    FCNClassifier,
    FCNRegressor,
    LSTMFCNClassifier,
    SeedEnsembleClassifier,
)
from skts.adapters import to_aeon, to_sktime
from tests.recording import TARGET, X, Y, run_python
from tests.settings import RUN_ALL_CHECKS, discovered, small

ESTIMATORS = discovered()
EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
ADAPTERS = [pytest.param(to_sktime, id="sktime"), pytest.param(to_aeon, id="aeon")]


class _MyFCNClassifier(FCNClassifier):
    """An estimator that is not of skts itself."""


@pytest.mark.parametrize("cls", discovered(quick=lambda cls: cls.__name__ in RUN_ALL_CHECKS))
def test_sktimes_own_checks(cls):
    results = check_sktime_estimator(to_sktime(small(cls, max_epochs=1)), verbose=False)
    assert {k: v for k, v in results.items() if v != "PASSED"} == {}
    assert len(results) > 50


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_aeons_own_checks(cls):
    # imported here: it reads data sets
    from aeon.testing.estimator_checking import check_estimator as check_aeon_estimator

    results = check_aeon_estimator(to_aeon(small(cls, max_epochs=1)))
    skipped = "Skipped: No stored results for"
    assert {k: v for k, v in results.items() if v != "PASSED" and not v.startswith(skipped)} == {}
    assert len(results) > 20


@pytest.mark.parametrize("to_other", ADAPTERS)
class TestBoth:
    @pytest.mark.parametrize("cls", ESTIMATORS)
    def test_parameters_are_those_of_skts(self, to_other, cls):
        estimator = small(cls)
        adapted = to_other(estimator)
        assert type(adapted).__name__ == cls.__name__
        assert adapted.get_params().keys() == estimator.get_params().keys()
        targets = Y if is_classifier(estimator) else TARGET
        for name in adapted.get_params().keys() & {"max_epochs", "estimator__max_epochs"}:
            assert adapted.set_params(**{name: 7}).get_params()[name] == 7
            with pytest.raises(ValueError, match="max_epochs of .* must be an integer"):
                adapted.set_params(**{name: 0}).fit(X[:, None], targets)

    def test_is_told_from_the_estimator_itself(self, to_other):
        clf = FCNClassifier(max_epochs=3)
        adapted = to_other(clf)
        name = f"skts.adapters.{to_other.__name__.removeprefix('to_')}.FCNClassifier"
        assert repr(adapted) == str(adapted) == f"{name}(max_epochs=3)"
        assert repr(adapted) != repr(clf)
        assert repr(clone(adapted.set_params(max_epochs=4))) == f"{name}(max_epochs=4)"
        assert repr(pickle.loads(pickle.dumps(adapted))) == repr(adapted)
        assert f"{name}(max_epochs=4)" in adapted._repr_html_()
        module, _, attribute = name.rpartition(".")
        assert getattr(importlib.import_module(module), attribute) is type(adapted)
        ensemble = repr(to_other(SeedEnsembleClassifier(clf)))
        assert ensemble.startswith(f"{name.replace('FCN', 'SeedEnsemble')}(estimator={clf!r}")

    def test_an_unknown_parameter(self, to_other):
        cls = type(to_other(FCNClassifier()))
        with pytest.raises(TypeError, match="unexpected keyword argument 'epochs'"):
            cls(epochs=3)

    def test_only_estimators_of_skts(self, to_other):
        with pytest.raises(TypeError, match=f"{to_other.__name__} takes an estimator of skts.*Lin"):
            to_other(LinearRegression())

    @pytest.mark.parametrize("labels", [Y, np.where(Y == "a", 3, -1), Y.astype(object), Y == "a"])
    def test_predicts_as_the_estimator_itself(self, to_other, labels):
        clf = small(FCNClassifier, max_epochs=2)
        adapted = to_other(clf).fit(X[:, None], labels)
        clf.fit(X, labels)
        np.testing.assert_array_equal(adapted.predict(X[:, None]), clf.predict(X))
        np.testing.assert_array_equal(adapted.predict_proba(X[:, None]), clf.predict_proba(X))
        assert adapted.predict(X[:, None]).dtype == labels.dtype
        reg = small(FCNRegressor, max_epochs=2)
        predicted = to_other(reg).fit(X[:, None], TARGET).predict(X[:, None])
        np.testing.assert_array_equal(predicted, reg.fit(X, TARGET).predict(X))

    def test_tags_follow_the_options(self, to_other):
        def takes(estimator):
            adapted = to_other(estimator)
            names = "multivariate", "unequal_length", "missing_values"
            return [adapted.get_tag(f"capability:{name}") for name in names]

        assert takes(FCNClassifier()) == [True, True, False]
        assert takes(FCNClassifier(missing="interpolate")) == [True, True, True]
        # up to the longest training series, which is enough for sktime's checks alone
        assert takes(LSTMFCNClassifier()) == [True, to_other is to_sktime, False]
        assert takes(LSTMFCNClassifier(dimension_shuffle=False)) == [True, True, False]
        assert takes(CNNClassifier()) == [True, False, False]
        assert takes(CNNClassifier(pooling="average")) == [True, True, False]
        assert takes(SeedEnsembleClassifier(CNNClassifier())) == [True, False, False]
        assert takes(SeedEnsembleClassifier(FCNClassifier())) == [True, True, False]
        adapted = to_other(CNNClassifier()).set_params(pooling="average")
        assert adapted.get_tag("capability:unequal_length")
        assert to_other(CNNClassifier()).get_tag("python_dependencies") == ["torch", "skorch"]

    def test_parameters_are_copies(self, to_other):
        ensemble = SeedEnsembleClassifier(FCNClassifier(max_epochs=3))
        to_other(ensemble).set_params(estimator__max_epochs=7)
        assert ensemble.estimator.max_epochs == 3

    def test_warm_start_is_refused(self, to_other):
        with pytest.raises(ValueError, match=r"warm_start must be False.*estimator_\.fit"):
            to_other(small(FCNClassifier, warm_start=True)).fit(X[:, None], Y)

    @pytest.mark.parametrize("cls", [FCNClassifier, _MyFCNClassifier])
    def test_survives_plain_pickle(self, to_other, cls):
        adapted = to_other(small(cls, max_epochs=2)).fit(X[:, None], Y)
        again = pickle.loads(pickle.dumps(adapted))
        assert type(again) is type(adapted)
        np.testing.assert_array_equal(again.predict(X[:, None]), adapted.predict(X[:, None]))

    @pytest.mark.full
    def test_scikit_learns_tuner_and_pipeline(self, to_other):
        pipeline = make_pipeline(
            FunctionTransformer(np.tanh), to_other(small(FCNClassifier, max_epochs=5))
        )
        grid = {"fcnclassifier__filters": [(2, 2, 2), (8, 16, 8)]}
        search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2, error_score="raise")
        search.fit(X[:, None], Y)
        assert search.predict(X[:, None]).shape == Y.shape
        chosen = search.best_params_["fcnclassifier__filters"]
        network = search.best_estimator_[-1].estimator_.net_.module_
        assert network.conv.blocks[0].conv.bias.shape == chosen[:1]


@pytest.mark.full
def test_aeons_number_of_jobs():
    ensemble = to_aeon(SeedEnsembleClassifier(small(FCNClassifier), n_estimators=2, n_jobs=2))
    assert ensemble.get_tag("capability:multithreading")
    assert not to_aeon(FCNClassifier()).get_tag("capability:multithreading")
    assert ensemble.fit(X[:, None], Y)._n_jobs == 2
    assert ensemble.estimator_.n_jobs == 2


class TestSktime:
    def test_tags_of_classifiers(self):
        clf = to_sktime(FCNClassifier())
        names = "random_state", "class_weight", "predict_proba"
        assert [clf.get_tag(f"capability:{name}") for name in names] == [True] * 3

    def test_unequal_lengths(self):
        X, y = load_japanese_vowels(split="train", return_type="nested_univ")
        chosen = np.arange(0, len(y), 6)
        clf = to_sktime(small(LSTMFCNClassifier, max_epochs=5)).fit(X.iloc[chosen], y[chosen])
        assert clf.estimator_.unequal_length_in_
        assert clf.predict_proba(X.iloc[chosen]).shape == (len(chosen), 9)

    def test_its_tuner_over_its_pipeline(self):
        pipeline = Differencer() * to_sktime(small(FCNClassifier, max_epochs=3))
        grid = {"classifier__max_epochs": [1, 3]}
        search = TSCGridSearchCV(pipeline, grid, cv=KFold(2)).fit(X[:, None], Y)
        assert search.predict(X[:, None]).shape == Y.shape
        fitted = search.best_estimator_.classifier_.estimator_
        assert len(fitted.history_) == search.best_params_["classifier__max_epochs"]

    def test_the_regression_benchmark(self, tmp_path):
        benchmark = RegressionBenchmark()
        networks = {"skts": to_sktime(small(FCNRegressor, max_epochs=5))}
        benchmark.add_estimator(networks | {"forest": TimeSeriesForestRegressor(n_estimators=3)})
        benchmark.add_task(load_tecator, KFold(2), [mean_squared_error], task_id="tecator")
        results = benchmark.run(str(tmp_path / "results.csv")).set_index("model_id")
        assert set(results.index) == {"skts", "forest"}
        assert np.isfinite(results["mean_squared_error_mean"]).all()


@pytest.mark.full
def test_the_example_resumes(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    example = importlib.import_module("sktime_benchmark")
    options = {"loaders": [load_unit_test], "epochs": 1, "folds": 2}
    table, ranks = example.run(tmp_path, **options)
    assert table.shape == (1, 7)
    assert set(ranks["model_id"]) == set(table.columns)
    assert "svg" in (tmp_path / "ranks.svg").read_text()
    fitted, fit = [], FCNClassifier.fit
    monkeypatch.setattr(
        FCNClassifier, "fit", lambda self, *data: fitted.append(self.max_epochs) or fit(self, *data)
    )
    again, _ = example.run(tmp_path, **options)
    pd.testing.assert_frame_equal(again, table)
    assert fitted == []  # what is there is not trained again
    example.run(tmp_path, **options | {"epochs": 2})
    assert fitted == [2, 2]


@pytest.mark.full
def test_the_example_ends_where_a_classifier_fails(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    example = importlib.import_module("sktime_benchmark")
    monkeypatch.setattr(FCNClassifier, "fit", None)
    with pytest.raises(RuntimeError, match="some classifiers failed"):
        example.run(tmp_path, loaders=[load_unit_test], epochs=1, folds=2)


def test_nothing_imports_aeon_unasked():
    source = (
        "import sys; sys.modules['aeon'] = None\n"
        'import skts.adapters, skts.discovery as d; d.all_estimators(["classifier", "regressor"])\n'
        "assert 'sktime' not in sys.modules\n"
        "skts.adapters.to_aeon(skts.FCNClassifier())"
    )
    done = run_python(source)
    assert done.returncode != 0
    assert "ModuleNotFoundError: to_aeon needs aeon" in done.stderr
    assert '-e ".[aeon]"' in done.stderr
