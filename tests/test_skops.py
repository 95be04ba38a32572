"""Pipelines that skops keeps: no type of torch's to trust in what is fitted."""

import json
import pickle

import numpy as np
import pytest
import skops.io as sio
import torch
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skts
from skts.training.callbacks import Progress
from tests.settings import is_ensemble, is_solved, small
from tests.test_persistence import CLASSES, X, Y, fitted, outputs


@pytest.mark.parametrize("cls", CLASSES)
def test_the_estimator_is_all_there_is_to_trust(cls):
    pipeline = make_pipeline(StandardScaler(), small(cls, max_epochs=1)).fit(X[:, 0], Y == "yes")
    content = sio.dumps(pipeline)
    inside = pipeline[-1].get_params().values()
    types = {cls} | {type(value) for value in inside if isinstance(value, BaseEstimator)}
    assert set(sio.get_untrusted_types(data=content)) <= {
        f"{of.__module__}.{of.__name__}" for of in types
    }
    again = sio.loads(content, trusted=sio.get_untrusted_types(data=content))
    np.testing.assert_array_equal(outputs(again, X[:, 0]), outputs(pipeline, X[:, 0]))
    if not is_ensemble(cls) and not is_solved(cls):
        assert again[-1].history_[:, "train_loss"] == pipeline[-1].history_[:, "train_loss"]


def test_a_grid_search():
    search = GridSearchCV(small(skts.FCNClassifier, max_epochs=1), {"lr": [0.01, 0.02]}, cv=2)
    content = sio.dumps(search.fit(X, Y))
    types = sio.get_untrusted_types(data=content)
    of_others = [name for name in types if not name.startswith("sklearn.")]
    assert of_others == ["skts.models.fcn.FCNClassifier", "torch.optim.adamw.AdamW"]
    again = sio.loads(content, trusted=types)
    np.testing.assert_array_equal(outputs(again, X), outputs(search, X))
    assert again.estimator.get_params() == search.estimator.get_params()


def test_what_cannot_be_stored():
    est = fitted(callbacks=[Progress("fit")])
    with pytest.raises(ValueError, match="callbacks cannot be stored"):
        sio.dumps(est)
    assert pickle.loads(pickle.dumps(est)).callbacks[0].label == "fit"


def through_skops(est):
    content = sio.dumps(est)
    return sio.loads(content, trusted=sio.get_untrusted_types(data=content))


@pytest.mark.parametrize("cls", [skts.LSTMFCNClassifier, skts.FCNRegressor])
def test_training_goes_on(cls):
    est = fitted(cls)
    again = through_skops(est)
    y = Y if cls is skts.LSTMFCNClassifier else X[:, 0, 0]
    for _ in range(2):
        expected = outputs(est.partial_fit(X, y), X)
        np.testing.assert_array_equal(outputs(again.partial_fit(X, y), X), expected)
        again = through_skops(again)


def test_of_ensembles_members_too():
    est = fitted(skts.SeedEnsembleClassifier)
    again = through_skops(est)
    for one, its in zip(est.estimators_, again.estimators_, strict=True):
        expected = outputs(one.partial_fit(X, Y), X)
        np.testing.assert_array_equal(outputs(its.partial_fit(X, Y), X), expected)


def test_what_was_kept_before_there_were_formats():
    est = fitted()
    state = est.__getstate__()
    plain = json.loads(state["skts"])["estimator"]
    del plain["optimizer"]
    arrays = {n: array for n, array in state["weights"].items() if not n.startswith("optimizer/")}
    again = skts.FCNClassifier()
    again.__setstate__({"skts": json.dumps(plain), "weights": arrays})
    np.testing.assert_array_equal(outputs(again, X), outputs(est, X))
    again.partial_fit(X, Y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda header: header.update(format=99), "has format 99"),
        (lambda header: header["estimator"]["parameters"].update(novel=1), "'novel'"),
        (lambda header: header.update(estimator={}), "KeyError"),
    ],
)
def test_what_a_later_version_kept(change, message):
    state = fitted().__getstate__()
    header = json.loads(state["skts"])
    header["versions"]["skts"] = "99.1"
    change(header)
    again = skts.FCNClassifier()
    with pytest.raises(ValueError, match=rf"{message}.* written by skts 99.1, but this is skts"):
        again.__setstate__(state | {"skts": json.dumps(header)})


@pytest.mark.parametrize("cls", [skts.FCNClassifier, skts.SeedEnsembleClassifier])
def test_trained_on_cuda_it_goes_to_the_cpu(cls):
    est = fitted(cls)
    expected = outputs(est, X)
    for member in [est.estimator, *est.estimators_] if "Seed" in cls.__name__ else [est]:
        member.set_params(device="cuda:99")
    with pytest.warns(RuntimeWarning, match="cuda:99.*The estimator is loaded to the CPU"):
        again = through_skops(est)
    np.testing.assert_array_equal(outputs(again, X), expected)


class _WithMore(skts.FCNClassifier):
    """A subclass that tells pickle more."""

    def __getstate__(self):
        return vars(self) | {"more": 1}

    def __setstate__(self, state):
        vars(self).update(state)


def test_a_subclass_pickles_as_it_says():
    assert pickle.loads(pickle.dumps(fitted(_WithMore))).more == 1
    assert torch.is_tensor(pickle.loads(pickle.dumps(fitted())).net_.module_.head.weight)
