"""Every estimator that discovery finds keeps scikit-learn's contract and the house's."""

import inspect
import os
import pickle
import re
import subprocess
import sys

import joblib
import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.utils.estimator_checks import estimator_checks_generator

import skts
import skts.forecasting
from skts.base import SeriesEstimator
from skts.base.transfer import inner
from skts.discovery import KINDS, all_estimators
from skts.layers import output_layer
from skts.training.options import NetworkParams
from skts.training.series_options import SeriesTrainingParams
from tests import forecasts
from tests.settings import (
    CHECKS_OF_ARCHITECTURES,
    EXPECTED_FAILED_CHECKS,
    FAST_TRAINING,
    RUN_ALL_CHECKS,
    SMALL_BATCHES,
    discovered,
    is_classifier_class,
    is_solved,
    of_full_size,
    small,
)

CLASSES = discovered()
FORECASTERS = discovered("forecaster")
NETWORKS = [param for param in CLASSES if issubclass(param.values[0], SeriesEstimator)]
X = np.random.default_rng(0).normal(size=(20, 2, 12))
Y = np.arange(20) % 2
PREDICT_ELSEWHERE = """
import sys, joblib, torch; torch.set_num_threads(1); folder = sys.argv[1]
estimators, X = joblib.load(folder + '/estimators.joblib')
found = [getattr(est, 'predict_proba', est.predict)(X) for est in estimators]
joblib.dump(found, folder + '/found.joblib')
"""


def with_numpy(value):
    if isinstance(value, tuple):
        return tuple(map(with_numpy, value))
    return np.asarray(value)[()] if isinstance(value, bool | int | float) else value


def net_of(est):
    return est.net_ if isinstance(est, SeriesEstimator) else est.estimators_[0].net_


def outputs(est, X):
    return est.predict_proba(X) if is_classifier(est) else est.predict(X)


def sklearn_checks():
    """scikit-learn's checks of every estimator, those of the full suite marked."""
    for param in CLASSES:
        (cls,) = param.values
        kind = "classifier" if is_classifier_class(cls) else "regressor"
        made = estimator_checks_generator(
            small(cls, **FAST_TRAINING[kind]),
            expected_failed_checks=EXPECTED_FAILED_CHECKS,
            mark="xfail",
        )
        for one in made:
            estimator, check = getattr(one, "values", one)
            marks, name = [*getattr(one, "marks", ())], check.func.__name__
            of_architecture = is_classifier(estimator) and name in CHECKS_OF_ARCHITECTURES
            is_quick = of_architecture or param.id in RUN_ALL_CHECKS
            if name in SMALL_BATCHES:
                estimator = small(cls, **SMALL_BATCHES[name])
            if check.keywords or not is_quick:  # with keywords: the check once more
                marks.append(pytest.mark.full)
            words = [param.id, name, *(f"{k}={v}" for k, v in check.keywords.items())]
            yield pytest.param(estimator, check, marks=marks, id="-".join(words))


@pytest.mark.parametrize(("estimator", "check"), [*sklearn_checks()])
def test_sklearn_check(estimator, check):
    check(estimator)


def predicted_elsewhere(estimators, folder, **environment):
    """What fitted estimators predict for X in another process, through joblib."""
    joblib.dump((estimators, X), folder / "estimators.joblib")
    command = [sys.executable, "-c", PREDICT_ELSEWHERE, folder]
    subprocess.run(command, check=True, env=os.environ | environment)
    return joblib.load(folder / "found.joblib")


def test_all_survive_joblib_into_another_process(tmp_path):
    estimators = [small(param.values[0], max_epochs=2).fit(X, Y) for param in CLASSES]
    found = predicted_elsewhere(estimators, tmp_path)
    for est, elsewhere in zip(estimators, found, strict=True):
        np.testing.assert_array_equal(elsewhere, outputs(est, X), err_msg=repr(est))


def test_discovery_finds_what_the_package_exports():
    names = {kind: {name for name, _ in all_estimators(kind)} for kind in KINDS}
    exported = {n for n in skts.__all__ if n.endswith(("Classifier", "Regressor"))}
    assert names["classifier"] | names["regressor"] == exported
    assert not names["classifier"] & names["regressor"]
    assert names["forecaster"] == set(skts.forecasting.__all__)
    assert {name for name, _ in all_estimators()} == set().union(*names.values())
    with pytest.raises(ValueError, match="kind must be one of"):
        all_estimators("transformer")


@pytest.mark.parametrize("cls", NETWORKS)
def test_takes_keywords_with_the_training_options_of_all(cls):
    parameters = inspect.signature(cls).parameters
    assert {p.kind for p in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    declared = NetworkParams if is_solved(cls) else SeriesTrainingParams
    for name, parameter in inspect.signature(declared).parameters.items():
        assert parameters[name].default is parameter.default


@pytest.mark.parametrize("cls", FORECASTERS)
def test_forecaster_documents_every_option_and_fitted_attribute(cls):
    series = forecasts.panel((0, forecasts.Y), (1, forecasts.Y))
    forecaster = forecasts.small(cls, max_epochs=1, warm_start=True, calibration_fraction=0.4)
    check_documentation(forecaster.pretrain(series).fit(forecasts.Y))


def check_documentation(fitted):
    cls = type(fitted)
    doc = cls.__doc__
    documented = re.search(r"Parameters\n-+\n(.*?)\n\n", doc, flags=re.DOTALL).group(1)
    names = re.findall(r"^(\w+) : ", documented, flags=re.MULTILINE)
    assert sorted(names) == sorted(fitted.get_params(deep=False))
    attributes = doc[doc.index("Attributes\n") :]
    for name in vars(fitted):
        if name.endswith("_"):
            assert re.search(rf"^(\w+, )*{name}\b", attributes, flags=re.MULTILINE), name
    assert cls.paper in re.sub(r"\s+", " ", doc)
    assert max(map(len, doc.splitlines())) <= 100
    assert len(cls.paper) > 40


@pytest.mark.parametrize("cls", CLASSES)
class TestEstimator:
    def test_documents_every_option_and_fitted_attribute(self, cls):
        check_documentation(small(cls, max_epochs=1).fit(X, Y))

    def test_checks_every_option(self, cls):
        for name in small(cls).get_params(deep=False):
            est = small(cls).set_params(**{name: object()})
            with pytest.raises(ValueError, match=rf"^{name} of {cls.__name__} must be .*, got"):
                est.fit(X, Y)

    def test_numpys_numbers_are_numbers(self, cls):
        est = small(cls, max_epochs=2, fine_tune_rounds=1)
        as_numpy = {name: with_numpy(value) for name, value in est.get_params().items()}
        kinds = {type(value) for value in as_numpy.values()}
        has_epochs = any(name.endswith("max_epochs") for name in as_numpy)
        assert ({np.int64, np.float64, np.bool_} if has_epochs else {np.int64}) <= kinds
        expected = outputs(est.fit(X, Y), X)
        est = clone(est).set_params(**as_numpy)
        np.testing.assert_array_equal(outputs(est.fit(X, Y), X), expected)

    def test_survives_pickle(self, cls):
        est = small(cls, max_epochs=2).fit(X, Y)
        again = pickle.loads(pickle.dumps(est))
        np.testing.assert_array_equal(outputs(again, X), outputs(est, X))

    @pytest.mark.full
    def test_trained_on_cuda_it_predicts_where_there_is_none(self, cls, tmp_path, cuda):
        est = small(cls, max_epochs=2, device="cuda").fit(X, Y)
        assert next(net_of(est).module_.parameters()).is_cuda
        (elsewhere,) = predicted_elsewhere([est], tmp_path, CUDA_VISIBLE_DEVICES="")
        np.testing.assert_allclose(elsewhere, outputs(est, X), rtol=1e-3, atol=1e-3)

    def test_clone_and_repr_keep_the_options(self, cls):
        est = small(cls, max_epochs=3, random_state=5)
        assert repr(clone(est)) == repr(est)
        assert "random_state=5" in repr(est)
        assert "device" not in repr(est)

    @pytest.mark.parametrize("precision", ["float32", "bfloat16"])
    def test_takes_unequal_lengths_weights_and_both_precisions(self, cls, precision):
        series = [x[:, : 4 + i % 9] for i, x in enumerate(X)]
        weight = np.linspace(0.1, 2, 20)
        est = small(cls, max_epochs=2, precision=precision)
        if "pooling" in est.get_params():  # flattened, these networks have one length
            with pytest.raises(ValueError, match=r"of 4 to 12 time points.*pooling='average'"):
                est.fit(series, Y, sample_weight=weight)
            assert "net_" not in vars(est)
            est.fit(X, Y, sample_weight=weight)
            assert np.isfinite(outputs(est, X)).all()
            est.set_params(pooling="average")
        est.fit(series, Y, sample_weight=weight)
        assert np.isfinite(outputs(est, series)).all()

    def test_predicts_a_series_alone_as_among_others(self, cls):
        est = of_full_size(cls, max_epochs=3).fit(X, Y)  # more is rounded than in a small one
        alone = np.concatenate([outputs(est, X[i : i + 1]) for i in range(20)])
        np.testing.assert_allclose(outputs(est, X), alone, rtol=0, atol=1e-7)

    def test_transform_gives_what_the_output_layer_reads(self, cls):
        est = small(cls, max_epochs=2)
        features = est.fit_transform(X, Y)
        names = est.get_feature_names_out()
        assert features.dtype == np.float64
        assert features.shape == (20, len(set(names)))
        if not isinstance(est, SeriesEstimator):
            of_members = [member.transform(X) for member in est.estimators_]
            np.testing.assert_array_equal(features, np.hstack(of_members))
            prefixes = {name.partition("__")[0] for name in names}
            assert len(prefixes) == len(est.estimators_)
            return
        assert names[0] == f"{cls.__name__.lower()}0"
        _, head = output_layer(est.net_.module_)
        weight, bias = (tensor.detach().double().numpy() for tensor in (head.weight, head.bias))
        expected = features @ weight.T + bias
        found = est.net_.forward(est.net_.dataset(X.astype(np.float32))).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cls", [c for c in NETWORKS if not is_solved(c.values[0])])
def test_starts_from_the_weights_of_another(cls):
    source = small(cls, max_epochs=2, random_state=1).fit(X, Y)
    est = small(cls, max_epochs=2, init_from=source, freeze="all but head")
    est.fit(X[:, :, ::-1], ["abc"[i % 3] for i in range(20)] if is_classifier(est) else Y)
    (network, learnt) = (inner(one.net_.module_)[0] for one in (est, source))
    head, _ = output_layer(network)
    of_head = [f"{head}.weight", f"{head}.bias"]
    assert est.transferred_["new"] == (of_head if is_classifier(est) else [])
    names = {name for name, _ in network.named_parameters()}
    assert {*est.transferred_["taken"], *est.transferred_["new"]} == names
    before, after = learnt.state_dict(), network.state_dict()
    for name in after.keys() - set(of_head):
        np.testing.assert_array_equal(after[name], before[name], err_msg=name)
    assert (
        after[of_head[0]].shape != before[of_head[0]].shape
        or (after[of_head[0]] != before[of_head[0]]).any()
    )
    assert all(
        weight.requires_grad for name, weight in network.named_parameters() if "_hh" not in name
    )
