"""Models that run without skts give what the estimators give."""

import json

import numpy as np
import pytest
import torch
from sklearn.base import ClassifierMixin, is_classifier
from sklearn.exceptions import NotFittedError
from skorch.callbacks import EpochTimer

import skts
from skts.adapters import to_sktime
from skts.datasets import load_ucr_parts
from skts.discovery import all_estimators
from skts.export import exported_program
from tests.settings import small

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")

CLASSES = [pytest.param(c, id=name) for name, c in all_estimators(["classifier", "regressor"])]
ALONE = [p for p in CLASSES if "Ensemble" not in p.id]
(TRAIN, LABELS), (TEST, _) = load_ucr_parts("ItalyPowerDemand")


def fitted(cls, X=TRAIN, **options):
    est = small(cls, max_epochs=2, **options)
    return est.fit(X, LABELS if is_classifier(est) else np.array([x[..., 3].item() for x in X]))


def run(path, X, **inputs):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {"x": np.asarray(X, np.float32).reshape(len(X), 1, -1)} | inputs)
    return output


def expected(est, X):
    return est.predict_proba(X) if is_classifier(est) else est.predict(X)


@pytest.mark.parametrize("cls", CLASSES)
def test_onnx_on_real_series(cls, tmp_path):
    est = fitted(cls)
    before = expected(est, TEST[:100])
    skts.export_onnx(est, tmp_path / "est.onnx")
    for n in (1, 2, 100):
        found = run(tmp_path / "est.onnx", TEST[:n])
        np.testing.assert_allclose(found, before[:n], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(expected(est, TEST[:100]), before)


@pytest.mark.parametrize("cls", CLASSES)
def test_program_on_real_series(cls, tmp_path):
    est = fitted(cls)
    torch.export.save(exported_program(est), tmp_path / "est.pt2")
    module = torch.export.load(tmp_path / "est.pt2").module()
    found = module(x=torch.as_tensor(TEST[:50, None]).float()).detach().numpy()
    np.testing.assert_allclose(found, expected(est, TEST[:50]), rtol=1e-4, atol=1e-4)


def of_any_length(cls):
    """Options with which a network takes series of any length."""
    defaults = cls().get_params()
    wanted = {"dimension_shuffle": False, "pooling": "average"}
    return {name: value for name, value in wanted.items() if name in defaults}


def is_unrolled(cls):
    return cls.__name__.startswith(("ALSTMFCN", "MALSTMFCN"))


@pytest.mark.parametrize("cls", [p for p in ALONE if p.id.endswith("Classifier")])
def test_series_of_any_length(cls, tmp_path):
    est = fitted(cls, **of_any_length(cls), normalize="series")
    if is_unrolled(cls):
        with pytest.raises(ValueError, match="cannot be exported for any number of time points"):
            skts.export_onnx(est, tmp_path / "est.onnx", dynamic_time=True)
        assert list(tmp_path.iterdir()) == []
        return
    skts.export_onnx(est, tmp_path / "est.onnx", dynamic_time=True)
    for n_times in (14, 24, 50):
        X = np.random.default_rng(0).normal(size=(7, n_times))
        found = run(tmp_path / "est.onnx", X)
        np.testing.assert_allclose(found, expected(est, X[:, None]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_every_recurrent_layer_is_one_operator(cell, tmp_path):
    est = fitted(skts.LSTMFCNClassifier, cell=cell, dimension_shuffle=False)
    skts.export_onnx(est, tmp_path / "est.onnx")
    operators = [node.op_type for node in onnx.load(tmp_path / "est.onnx").graph.node]
    assert operators.count(cell.upper()) == 1
    found = run(tmp_path / "est.onnx", TEST[:50])
    np.testing.assert_allclose(found, expected(est, TEST[:50]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cls", [skts.FCNClassifier, skts.CNNClassifier, skts.ALSTMRegressor])
def test_program_for_series_of_any_length(cls):
    est = fitted(cls, **of_any_length(cls))
    program = exported_program(est, dynamic_time=True).module()
    for n_times in (14, 50):
        X = np.random.default_rng(0).normal(size=(7, 1, n_times))
        found = program(x=torch.as_tensor(X).float()).detach().numpy()
        np.testing.assert_allclose(found, expected(est, X), rtol=1e-4, atol=1e-4)


SERIES = [x[None, : 12 + i % 13] for i, x in enumerate(TRAIN)]
LENGTHS = np.array([x.shape[1] for x in SERIES])
PADDED = np.where(np.arange(24) < LENGTHS[:, None], TRAIN, 99.0)


@pytest.mark.parametrize("cls", ALONE)
def test_series_of_unequal_lengths(cls, tmp_path):
    dynamic_time = issubclass(cls, ClassifierMixin) and not is_unrolled(cls)  # the same networks
    est = fitted(cls, X=SERIES, **of_any_length(cls))
    skts.export_onnx(est, tmp_path / "est.onnx", dynamic_time=dynamic_time)
    for n_times in (24, 40) if dynamic_time else (24,):
        padded = np.pad(PADDED, [(0, 0), (0, n_times - 24)], constant_values=-99.0)
        found = run(tmp_path / "est.onnx", padded, lengths=LENGTHS)
        np.testing.assert_allclose(found, expected(est, SERIES), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("normalize", [None, "series"])
def test_shorter_series_of_a_network_of_one_length(normalize, tmp_path):
    est = fitted(skts.LSTMFCNClassifier, X=SERIES, normalize=normalize)
    skts.export_onnx(est, tmp_path / "est.onnx")
    found = run(tmp_path / "est.onnx", PADDED, lengths=LENGTHS)
    np.testing.assert_allclose(found, expected(est, SERIES), rtol=1e-4, atol=1e-4)


def test_normalisation_is_inside(tmp_path):
    est = fitted(skts.FCNClassifier, normalize="series")
    skts.export_onnx(est, tmp_path / "est.onnx")
    X = np.vstack([TEST[:9] * 1000 + 5, np.full((1, 24), 3.0)])  # the last one has no deviation
    np.testing.assert_allclose(run(tmp_path / "est.onnx", X), expected(est, X), atol=1e-4)


def test_the_classes_are_in_it(tmp_path):
    skts.export_onnx(fitted(skts.FCNClassifier), tmp_path / "est.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "est.onnx")
    assert told_by(session) == {"classes": ["1", "2"]}
    assert [output.name for output in session.get_outputs()] == ["probabilities"]


def told_by(session):
    return json.loads(session.get_modelmeta().custom_metadata_map["skts"])


def test_the_least_number_of_time_points_is_in_it(tmp_path):
    options = of_any_length(skts.CNNClassifier)
    est = fitted(skts.CNNClassifier, **options)
    skts.export_onnx(est, tmp_path / "est.onnx", dynamic_time=True)
    least = told_by(onnxruntime.InferenceSession(tmp_path / "est.onnx"))["min_timepoints"]
    X = np.random.default_rng(0).normal(size=(7, least))
    found = run(tmp_path / "est.onnx", X)
    np.testing.assert_allclose(found, expected(est, X[:, None]), rtol=1e-4, atol=1e-4)
    skts.export_onnx(fitted(skts.FCNRegressor), tmp_path / "est.onnx", dynamic_time=True)
    assert told_by(onnxruntime.InferenceSession(tmp_path / "est.onnx"))["min_timepoints"] <= 2


def test_whatever_options_training_had(tmp_path):
    est = fitted(
        skts.FCNClassifier, callbacks=[EpochTimer()], random_state=np.random.RandomState(0)
    )
    skts.export_onnx(est, tmp_path / "est.onnx")
    np.testing.assert_allclose(run(tmp_path / "est.onnx", TEST), expected(est, TEST), atol=1e-4)


class Mean(torch.nn.Module):
    def __init__(self, n_channels, n_outputs):
        super().__init__()
        self.head = torch.nn.Linear(n_channels, n_outputs)

    def forward(self, x, lengths=None):
        return self.head(x.mean(dim=2))


class ByEigenvalues(Mean):
    def forward(self, x, lengths=None):
        return super().forward(x) * torch.linalg.eigvals(torch.eye(3) + x[0, 0, 0]).real.sum()


class OneByOne(Mean):
    def forward(self, x, lengths=None):
        return torch.cat([super(OneByOne, self).forward(one) for one in x.split(1)])


class Recurrent(Mean):
    def __init__(self, n_channels, n_outputs):
        super().__init__(4, n_outputs)
        self.rnn = torch.nn.RNN(n_channels, 4, batch_first=True, nonlinearity="relu")

    def forward(self, x, lengths=None):
        return super().forward(self.rnn(x.transpose(1, 2))[0].transpose(1, 2))


class ByState(Recurrent):
    def __init__(self, n_channels, n_outputs):
        super().__init__(n_channels, n_outputs)
        self.rnn = torch.nn.LSTM(n_channels, 4, batch_first=True)

    def forward(self, x, lengths=None):
        _, (h, _) = self.rnn(x.transpose(1, 2))
        return self.head(h[0])


class TestMistakes:
    @pytest.mark.parametrize(
        ("network", "message"),
        [
            (ByEigenvalues, "No ONNX function found for .*aten.linalg_eig"),
            (OneByOne, "cannot be exported: Constraints violated"),
            (
                Recurrent,
                "batch_first=True and biases, one direction and tanh.*nonlinearity|got RNN",
            ),
            (ByState, "reads the state of a recurrent layer cannot be exported"),
        ],
    )
    def test_networks_of_ones_own(self, network, message, tmp_path):
        class Own(skts.FCNClassifier):
            def _network(self, n_channels, n_timepoints, n_outputs):
                return network(n_channels, n_outputs)

        with pytest.raises(ValueError, match=message):
            skts.export_onnx(fitted(Own), tmp_path / "x")
        assert not (tmp_path / "x").exists()

    def test_networks_of_one_length(self, tmp_path):
        with pytest.raises(ValueError, match="takes series of one length, 24"):
            skts.export_onnx(fitted(skts.LSTMFCNClassifier), tmp_path / "x", dynamic_time=True)
        with pytest.raises(ValueError, match="this LSTMALSTMClassifier cannot be exported for any"):
            exported_program(fitted(skts.LSTMALSTMClassifier), dynamic_time=True)
        assert not (tmp_path / "x").exists()

    def test_what_is_no_fitted_estimator(self, tmp_path):
        with pytest.raises(NotFittedError):
            skts.export_onnx(small(skts.FCNClassifier), tmp_path / "x")
        with pytest.raises(TypeError, match="Of an adapter take its estimator_"):
            skts.export_onnx(to_sktime(small(skts.FCNClassifier)), tmp_path / "x")
