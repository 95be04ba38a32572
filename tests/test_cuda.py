"""Devices, recurrent layers, memory: what of CUDA can be tested on a pretended device."""

import copy
import io
import os
import pickle

import joblib
import numpy as np
import pytest
import torch
from torch import nn

import skts
from skts import explain
from skts.device import CPU, resolve_device
from skts.training import net
from skts.training.batches import SeriesDataset
from skts.training.train import runs_fused
from tests import forecasts
from tests.pretended_cuda import block_of, pretended_cuda
from tests.settings import small
from tests.test_cuda_graph import NETWORKS, OPTIONS, UNEQUAL, X, Y, full, trained

LSTM = small(skts.LSTMClassifier, n_layers=2, **OPTIONS)


def fitted(cls=skts.FCNClassifier, **options):
    return small(cls, **OPTIONS | {"device": "cuda"} | options).fit(X, Y)


def recurrent_layers(estimator):
    modules = estimator.net_.module_.modules()
    return [module for module in modules if isinstance(module, nn.RNNBase)]


def n_blocks(estimator):
    """In how many blocks of memory the weights of each recurrent layer lie."""
    return [
        len({block_of(weight) for weight in layer._flat_weights})
        for layer in recurrent_layers(estimator)
    ]


def through_joblib(estimator):
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    return joblib.load(file)


def through_a_file(estimator, path):
    estimator.save(path)
    return skts.load(path)


class TestAuto:
    def test_where_cuda_is_not_asked_for_there_is_none(self):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
        assert resolve_device("auto") == CPU

    @pytest.mark.cuda
    def test_where_it_is_asked_for_it_is(self):
        assert os.environ.get("CUDA_VISIBLE_DEVICES") != ""
        assert resolve_device("auto").type == "cuda"


class TestDevice:
    def test_it_has_an_index(self, pretended):
        assert resolve_device("auto") == resolve_device("cuda") == torch.device("cuda", 0)
        torch.cuda.set_device(1)
        try:
            assert resolve_device("auto") == resolve_device("cuda") == torch.device("cuda", 1)
        finally:
            torch.cuda.set_device(0)

    def test_one_is_named_without_taking_memory_on_any(self, pretended, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
        monkeypatch.setattr(torch.cuda, "current_device", lambda: pytest.fail("starts CUDA"))
        assert resolve_device("cuda") == torch.device("cuda", 0)

    def test_what_was_fitted_stays_where_it_was(self, pretended):
        clf = fitted()
        expected = clf.predict_proba(X)
        torch.cuda.set_device(1)
        try:
            np.testing.assert_array_equal(clf.predict_proba(X), expected)
            clf.partial_fit(X, Y).net_.partial_fit(SeriesDataset(X, Y, device="cuda:0"))
        finally:
            torch.cuda.set_device(0)

    def test_the_net_goes_on_on_its_own_device(self, pretended):
        clf = fitted(device="cuda:1")
        n_replays = pretended.n_replays
        clf.net_.partial_fit(SeriesDataset(X, Y, device="cuda:1"))  # replays on the other device
        assert pretended.n_replays > n_replays > 0
        assert {weight.device for weight in clf.net_.module_.parameters()} == {
            torch.device("cuda", 1)
        }
        assert len(clf.history_) == 2 * OPTIONS["max_epochs"]

    def test_from_a_machine_with_more_devices_it_goes_to_the_first(self):
        with pretended_cuda(2):
            clf = fitted(skts.LSTMClassifier, device="cuda:1")
            expected, pickled = clf.predict_proba(X), pickle.dumps(clf)
        with pretended_cuda(1):
            with pytest.warns(
                RuntimeWarning, match="was on cuda:1, but torch sees 1 CUDA.*to cuda:0"
            ):
                again = pickle.loads(pickled)
            np.testing.assert_array_equal(again.predict_proba(X), expected)


class TestRecurrentWeights:
    """cuDNN wants those of a layer in one block, and torch warns where they are not."""

    @pytest.mark.parametrize(
        "copied",
        [
            lambda clf, path: clf,
            lambda clf, path: pickle.loads(pickle.dumps(clf)),
            lambda clf, path: copy.deepcopy(clf),
            lambda clf, path: through_joblib(clf),
            through_a_file,
        ],
        ids=["fit", "pickle", "deepcopy", "joblib", "load"],
    )
    def test_they_lie_side_by_side(self, copied, pretended, tmp_path):
        clf = fitted(skts.LSTMClassifier, n_layers=2)
        again = copied(clf, tmp_path / "clf")
        assert n_blocks(again) == [1]
        assert len(recurrent_layers(again)[0]._flat_weights) == 8
        np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))

    def test_of_a_net_for_hooks_too(self, pretended):
        clf = fitted(skts.ALSTMFCNClassifier, attention="multihead")
        explain.attention_weights(clf, X)  # no warning
        assert n_blocks(clf) == [1]

    def test_those_of_a_pickle_alone_do_not(self, pretended):
        layer = nn.LSTM(2, 3, batch_first=True).to("cuda")
        x = torch.zeros(1, 4, 2, device="cuda")
        layer(x)
        with pytest.warns(UserWarning, match="not part of single contiguous chunk"):
            pickle.loads(pickle.dumps(layer))(x)


class TestPrecision:
    """Under autocast cuDNN runs recurrent layers in float16: none may run there."""

    def test_a_layer_under_autocast_is_seen(self, pretended):
        layer = nn.GRU(2, 3, batch_first=True).to("cuda")
        with (
            torch.autocast("cuda", dtype=torch.bfloat16),
            pytest.raises(RuntimeError, match="float16"),
        ):
            layer(torch.zeros(1, 4, 2, device="cuda"))

    @pytest.mark.parametrize(
        "cls",
        [
            pytest.param(cls, id=name, marks=[] if name == "MALSTMFCNClassifier" else [full])
            for kind in ("classifier", "regressor")
            for name, cls in NETWORKS[kind]
        ],
    )
    def test_networks_run_theirs_in_float32(self, cls, pretended):
        trained(cls, precision="bfloat16")

    @pytest.mark.parametrize("cell", ["gru", "rnn"])
    @pytest.mark.parametrize("cls", [skts.LSTMFCNClassifier, skts.ALSTMFCNClassifier])
    def test_every_cell_too(self, cls, cell, pretended):
        trained(cls, precision="bfloat16", cell=cell)

    @pytest.mark.parametrize("cls", [cls for _, cls in NETWORKS["forecaster"]])
    def test_forecasters_too(self, cls, pretended):
        forecaster = forecasts.small(cls, max_epochs=2, precision="auto")
        forecaster.fit(forecasts.Y[:50], fh=forecasts.FH).predict()
        assert forecaster.net_.autocast == torch.bfloat16
        forecaster.update(forecasts.Y[50:])

    @pytest.mark.parametrize("explained", ["gradients", "occlusion", "maps", "weights", "times"])
    def test_explanations_too(self, explained, pretended):
        clf = fitted(skts.ALSTMFCNClassifier, attention="multihead", precision="auto")
        assert recurrent_layers(clf)
        found = {
            "gradients": lambda: explain.integrated_gradients(clf, X[:2], n_steps=20),
            "occlusion": lambda: explain.occlusion(clf, X[:2], window=8),
            "maps": lambda: explain.class_activation_maps(clf, X),
            "weights": lambda: explain.attention_weights(clf, X),
            "times": lambda: explain.filter_outputs(clf, X),
        }[explained]()
        assert found is not None

    @pytest.mark.parametrize("is_allowed", [True, False])
    def test_the_switch_of_tf32_is_the_users(self, is_allowed, pretended, monkeypatch):
        seen, forward = set(), skts.models.FCN.forward

        def watched(self, *args, **kwargs):
            seen.add(torch.backends.cudnn.allow_tf32)
            return forward(self, *args, **kwargs)

        monkeypatch.setattr(skts.models.FCN, "forward", watched)
        before = torch.backends.cudnn.allow_tf32
        torch.backends.cudnn.allow_tf32 = is_allowed
        try:
            fitted().predict(X)
            assert seen == {torch.backends.cudnn.allow_tf32} == {is_allowed}
        finally:
            torch.backends.cudnn.allow_tf32 = before


class TestMemory:
    @pytest.fixture
    def sizes(self, monkeypatch):
        """Of the batches that the network is given, while memory is there for 5 series."""
        given, forward = [], skts.models.FCN.forward

        def limited(self, x, lengths=None):
            given.append(len(x))
            if len(x) > 5:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return forward(self, x, lengths)

        monkeypatch.setattr(skts.models.FCN, "forward", limited)
        return given

    @pytest.mark.parametrize("series", [X, UNEQUAL], ids=["equal", "unequal"])
    def test_batches_of_predictions_are_halved_until_they_fit(self, series, request):
        clf = small(skts.FCNClassifier, **OPTIONS).fit(series, Y)
        expected = clf.predict_proba(series)
        sizes = request.getfixturevalue("sizes")
        np.testing.assert_array_equal(clf.predict_proba(series), expected)
        assert sizes == [22, 11, 5, 6, 3, 3, 11, 5, 6, 3, 3]

    def test_those_of_validation_and_batch_normalisation_too(self, sizes):
        clf = small(skts.FCNClassifier, validation_fraction=0.5, **OPTIONS).fit(X, Y)
        assert sizes.count(11) == OPTIONS["max_epochs"] + 1  # once each, then in parts
        assert max(sizes) == 11
        assert np.isfinite(clf.history_[:, "valid_loss"]).all()
        norm = clf.net_.module_.conv.blocks[0].norm
        assert not norm.training
        assert norm.momentum == 0.01

    def test_averages_of_smaller_batches_are_as_if_they_had_been_asked_for(self, sizes):
        clf = small(skts.FCNClassifier, **OPTIONS).fit(X, Y)
        first = clf.net_.module_.conv.blocks[0]
        maps = first.conv(torch.as_tensor(X)).detach()
        torch.testing.assert_close(first.norm.running_mean, maps.mean(dim=(0, 2)))

    def test_those_of_training_are_not(self, sizes):
        with pytest.raises(MemoryError, match="batch_size=8: lower batch_size"):
            small(skts.FCNClassifier, **OPTIONS | {"batch_size": 8}).fit(X, Y)

    def test_one_series_that_does_not_fit_is_an_error(self, monkeypatch):
        clf = small(skts.FCNClassifier, **OPTIONS).fit(X, Y)

        def exhausted(self, x, lengths=None):
            raise torch.OutOfMemoryError("CUDA out of memory")

        monkeypatch.setattr(skts.models.FCN, "forward", exhausted)
        with pytest.raises(MemoryError, match="shorten the series"):
            clf.predict(X)

    def test_other_errors_halve_nothing(self, monkeypatch):
        clf, calls = small(skts.FCNClassifier, **OPTIONS).fit(X, Y), []

        def failing(self, x, lengths=None):
            calls.append(len(x))
            raise RuntimeError("another")

        monkeypatch.setattr(skts.models.FCN, "forward", failing)
        with pytest.raises(RuntimeError, match="another"):
            clf.predict(X)
        assert calls == [len(X)]

    def test_a_lower_batch_size_lowers_those_of_predictions(self, monkeypatch, pretended):
        monkeypatch.setattr(net, "EVALUATION_BATCHES", 2)
        clf, sizes = fitted(batch_size=8), []
        infer = net.SeriesNet.infer_at_once

        def watched(self, x):
            sizes.append(len(x["x"]))
            return infer(self, x)

        monkeypatch.setattr(net.SeriesNet, "infer_at_once", watched)
        for batch_size in (8, 4):
            clf.net_.set_params(batch_size=batch_size)
            clf.predict(X)
        assert sizes == [16, 6, 8, 8, 6]

    @pytest.mark.parametrize(("times", "streams"), [(3, False), (2.9, True)])
    def test_series_take_a_third_of_a_device(self, times, streams, pretended):
        pretended.free_memory = int(times * X.nbytes)
        assert (SeriesDataset(X, device="cuda").streamed is not None) == streams


class Unfused(torch.optim.Adam):
    """Takes the option and refuses it."""

    def __init__(self, params, lr, weight_decay=0.0, fused=None):
        if fused:
            raise RuntimeError("not here")
        super().__init__(params, lr=lr, weight_decay=weight_decay)


class UnfusedOnCuda(torch.optim.Adam):
    """Finds out in its first step."""

    def step(self, closure=None):
        groups = self.param_groups
        if any(group["fused"] and group["params"][0].is_cuda for group in groups):
            raise RuntimeError("no kernel")
        return super().step(closure)


class TestFused:
    def test_where_the_optimiser_refuses_it_trains_without(self):
        clf = small(skts.FCNClassifier, optimizer=Unfused, **OPTIONS).fit(X, Y)
        assert not clf.net_.optimizer_.defaults["fused"]

    def test_it_may_be_refused_on_one_device_alone(self, pretended):
        for device in ("cpu", "cuda"):
            clf = fitted(optimizer=UnfusedOnCuda, device=device)
            assert bool(clf.net_.optimizer_.defaults["fused"]) == (device == "cpu")

    def test_most_take_it(self):
        assert runs_fused(torch.optim.AdamW, CPU)
        assert not runs_fused(torch.optim.RMSprop, CPU)
