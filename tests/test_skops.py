"""Pipelines that skops keeps: no type of torch's to trust in what is fitted."""

import pickle

import numpy as np
import pytest
import skops.io as sio
import torch
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skts
from skts._callbacks import Progress
from tests.settings import small
from tests.test_persistence import CLASSES, X, Y, fitted, outputs


@pytest.mark.parametrize("cls", CLASSES)
def test_the_estimator_is_all_there_is_to_trust(cls):
    pipeline = make_pipeline(StandardScaler(), small(cls, max_epochs=1)).fit(X[:, 0], Y == "yes")
    content = sio.dumps(pipeline)
    types = {cls} | ({type(pipeline[-1].estimator)} if "SeedEnsemble" in cls.__name__ else set())
    assert set(sio.get_untrusted_types(data=content)) <= {
        f"{of.__module__}.{of.__name__}" for of in types
    }
    again = sio.loads(content, trusted=sio.get_untrusted_types(data=content))
    np.testing.assert_array_equal(outputs(again, X[:, 0]), outputs(pipeline, X[:, 0]))
    if "SeedEnsemble" not in cls.__name__:
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


@pytest.mark.parametrize("cls", [skts.FCNClassifier, skts.SeedEnsembleClassifier])
def test_trained_on_cuda_it_goes_to_the_cpu(cls):
    est = fitted(cls)
    expected = outputs(est, X)
    for member in [est.estimator, *est.estimators_] if "Seed" in cls.__name__ else [est]:
        member.set_params(device="cuda:99")
    with pytest.warns(RuntimeWarning, match="cuda:99.*It goes to the CPU"):
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
