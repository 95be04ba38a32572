"""Models that run without skts give what the estimators give."""

import json
import os
from functools import cache

import numpy as np
import pytest
import torch
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EpochTimer

import skts
from skts.adapters import to_sktime
from skts.datasets import load_ucr_parts
from skts.export import exported_program
from skts.export.export import json_labels
from tests.settings import discovered, is_classifier_class, is_ensemble, small
from tests.test_persistence import size_limit  # noqa: F401 (a fixture)

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")

#: A network of convolutions, a recurrent one, and one of both.
FEW = {"FCNClassifier", "ALSTMClassifier", "LSTMFCNClassifier"}
#: And what else an export could trip over.
OF_EVERY_KIND = FEW | {"ConvLSTMClassifier", "SeedEnsembleClassifier"}
CLASSES = discovered(quick=lambda cls: cls.__name__ in OF_EVERY_KIND)
ALL_IN_FULL = discovered(quick=lambda cls: cls.__name__ in FEW)
#: Where several exports of each class take seconds.
OF_ONE_IN_QUICK = [
    p
    for p in discovered(quick=lambda cls: cls.__name__ == "ALSTMClassifier")
    if not is_ensemble(p.values[0])
]


@cache
def parts():
    """Series and labels to train on, and series to predict."""
    (X, y), (X_test, _) = load_ucr_parts("ItalyPowerDemand")
    return X, y, X_test


@pytest.fixture
def unseen():
    return parts()[2]


def fitted(cls, X=None, **options):
    train, labels, _ = parts()
    X, est = train if X is None else X, small(cls, max_epochs=2, **options)
    return est.fit(X, labels if is_classifier(est) else np.array([x[..., 3].item() for x in X]))


def run(path, X, **inputs):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {"x": np.asarray(X, np.float32).reshape(len(X), 1, -1)} | inputs)
    return output


def expected(est, X):
    return est.predict_proba(X) if is_classifier(est) else est.predict(X)


@pytest.mark.parametrize("cls", CLASSES)
def test_onnx_on_real_series(cls, unseen, tmp_path):
    est = fitted(cls)
    before = expected(est, unseen[:100])
    skts.export_onnx(est, tmp_path / "est.onnx")
    for n in (1, 2, 100):
        found = run(tmp_path / "est.onnx", unseen[:n])
        np.testing.assert_allclose(found, before[:n], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(expected(est, unseen[:100]), before)


@pytest.mark.parametrize("cls", ALL_IN_FULL)
def test_program_on_real_series(cls, unseen, tmp_path):
    est = fitted(cls)
    torch.export.save(exported_program(est), tmp_path / "est.pt2")
    module = torch.export.load(tmp_path / "est.pt2").module()
    found = module(x=torch.as_tensor(unseen[:50, None]).float()).detach().numpy()
    np.testing.assert_allclose(found, expected(est, unseen[:50]), rtol=1e-4, atol=1e-4)


def of_any_length(cls):
    """Options with which a network takes series of any length."""
    defaults = cls().get_params()
    wanted = {"dimension_shuffle": False, "pooling": "average"}
    return {name: value for name, value in wanted.items() if name in defaults}


def is_unrolled(cls):
    return cls.__name__.startswith(("ALSTMFCN", "MALSTMFCN"))


@pytest.mark.parametrize("cls", [p for p in OF_ONE_IN_QUICK if p.id.endswith("Classifier")])
def test_series_of_any_length(cls, tmp_path):
    est = fitted(cls, **of_any_length(cls), normalize="series")
    if is_unrolled(cls):
        with pytest.raises(ValueError, match="cannot be exported with dynamic_time=True"):
            skts.export_onnx(est, tmp_path / "est.onnx", dynamic_time=True)
        assert list(tmp_path.iterdir()) == []
        return
    skts.export_onnx(est, tmp_path / "est.onnx", dynamic_time=True)
    for n_times in (14, 24, 50):
        X = np.random.default_rng(0).normal(size=(7, n_times))
        found = run(tmp_path / "est.onnx", X)
        np.testing.assert_allclose(found, expected(est, X[:, None]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "cell", ["lstm", *(pytest.param(cell, marks=pytest.mark.full) for cell in ("gru", "rnn"))]
)
def test_every_recurrent_layer_is_one_operator(cell, unseen, tmp_path):
    est = fitted(skts.LSTMFCNClassifier, cell=cell, dimension_shuffle=False)
    skts.export_onnx(est, tmp_path / "est.onnx")
    operators = [node.op_type for node in onnx.load(tmp_path / "est.onnx").graph.node]
    assert operators.count(cell.upper()) == 1
    found = run(tmp_path / "est.onnx", unseen[:50])
    np.testing.assert_allclose(found, expected(est, unseen[:50]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cls", [skts.FCNClassifier, skts.CNNClassifier, skts.ALSTMRegressor])
def test_program_for_series_of_any_length(cls):
    est = fitted(cls, **of_any_length(cls))
    program = exported_program(est, dynamic_time=True).module()
    for n_times in (14, 50):
        X = np.random.default_rng(0).normal(size=(7, 1, n_times))
        found = program(x=torch.as_tensor(X).float()).detach().numpy()
        np.testing.assert_allclose(found, expected(est, X), rtol=1e-4, atol=1e-4)


@pytest.fixture
def unequal():
    """Series, their lengths, and all in one array, padded with what must not count."""
    train = parts()[0]
    series = [x[None, : 12 + i % 13] for i, x in enumerate(train)]
    lengths = np.array([x.shape[1] for x in series])
    return series, lengths, np.where(np.arange(24) < lengths[:, None], train, 99.0)


@pytest.mark.parametrize("cls", OF_ONE_IN_QUICK)
def test_series_of_unequal_lengths(cls, unequal, tmp_path):
    series, lengths, whole = unequal
    dynamic_time = is_classifier_class(cls) and not is_unrolled(cls)  # the same networks
    est = fitted(cls, X=series, **of_any_length(cls))
    skts.export_onnx(est, tmp_path / "est.onnx", dynamic_time=dynamic_time)
    for n_times in (24, 40) if dynamic_time else (24,):
        padded = np.pad(whole, [(0, 0), (0, n_times - 24)], constant_values=-99.0)
        found = run(tmp_path / "est.onnx", padded, lengths=lengths)
        np.testing.assert_allclose(found, expected(est, series), rtol=1e-4, atol=1e-4)


@pytest.mark.full
@pytest.mark.parametrize("normalize", [None, "series"])
def test_shorter_series_of_a_network_of_one_length(normalize, unequal, tmp_path):
    series, lengths, padded = unequal
    est = fitted(skts.LSTMFCNClassifier, X=series, normalize=normalize)
    skts.export_onnx(est, tmp_path / "est.onnx")
    found = run(tmp_path / "est.onnx", padded, lengths=lengths)
    np.testing.assert_allclose(found, expected(est, series), rtol=1e-4, atol=1e-4)


def test_normalisation_is_inside(unseen, tmp_path):
    est = fitted(skts.FCNClassifier, normalize="series")
    skts.export_onnx(est, tmp_path / "est.onnx")
    X = np.vstack([unseen[:9] * 1000 + 5, np.full((1, 24), 3.0)])  # the last one has no deviation
    np.testing.assert_allclose(run(tmp_path / "est.onnx", X), expected(est, X), atol=1e-4)


def test_the_classes_are_in_it(tmp_path):
    skts.export_onnx(fitted(skts.FCNClassifier), tmp_path / "est.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "est.onnx")
    assert told_by(session) == {"classes": ["1", "2"]}
    assert [output.name for output in session.get_outputs()] == ["probabilities"]
    assert b".py" not in (tmp_path / "est.onnx").read_bytes()  # nor lines of code, with folders


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.array(["2024-02-29", "2025-03-01"], "M8[D]"), ["2024-02-29", "2025-03-01"]),
        (np.array(["2024-02", "2025-03"], "M8[M]"), ["2024-02", "2025-03"]),
        (
            np.array(["2024-02-29T12", "2025-03-01T13"], "M8[ns]"),
            ["2024-02-29T12:00:00.000000000", "2025-03-01T13:00:00.000000000"],
        ),
        (np.array([1, 2], "m8[h]"), ["1 hours", "2 hours"]),
        (np.array([np.str_("a"), "b"], object), ["a", "b"]),
        (np.array([np.int64(1), np.int64(2)], object), [1, 2]),
        (np.array([False, True]), [False, True]),
        (np.array([1.0, 2.0], np.float32), [1.0, 2.0]),
        (np.array([1, 2], np.int8), [1, 2]),
    ],
)
def test_labels_of_every_kind(labels, words):
    assert json.loads(json.dumps(json_labels(labels))) == words


@pytest.mark.full
def test_dates_for_labels(tmp_path):
    labels = np.array(["2024-02-29", "2025-03-01"], "M8[D]")
    est = small(skts.FCNClassifier, max_epochs=1).fit(parts()[0][:8], labels[np.arange(8) % 2])
    skts.export_onnx(est, tmp_path / "est.onnx")
    told = told_by(onnxruntime.InferenceSession(tmp_path / "est.onnx"))
    assert told == {"classes": ["2024-02-29", "2025-03-01"]}


def told_by(session):
    return json.loads(session.get_modelmeta().custom_metadata_map["skts"])


@pytest.mark.full
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


@pytest.mark.full
def test_whatever_options_training_had(unseen, tmp_path):
    est = fitted(
        skts.FCNClassifier, callbacks=[EpochTimer()], random_state=np.random.RandomState(0)
    )
    skts.export_onnx(est, tmp_path / "est.onnx")
    np.testing.assert_allclose(run(tmp_path / "est.onnx", unseen), expected(est, unseen), atol=1e-4)


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
            (ByState, "reads the state of a recurrent layer and cannot be exported"),
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
        with pytest.raises(ValueError, match="inputs of fixed length, 24"):
            skts.export_onnx(fitted(skts.LSTMFCNClassifier), tmp_path / "x", dynamic_time=True)
        with pytest.raises(
            ValueError, match="this LSTMALSTMClassifier cannot be exported with dynamic_time=True"
        ):
            exported_program(fitted(skts.LSTMALSTMClassifier), dynamic_time=True)
        assert not (tmp_path / "x").exists()

    @pytest.mark.parametrize(
        "make",
        [
            to_sktime,
            lambda e: make_pipeline(StandardScaler(), e),
            lambda e: GridSearchCV(e, {"lr": [0.1]}),
        ],
    )
    def test_what_is_around_an_estimator(self, make, tmp_path):
        remedies = (
            "adapter, pass estimator_; of a search, pass best_estimator_; of a pipeline, pass"
        )
        with pytest.raises(TypeError, match=remedies):
            skts.export_onnx(make(small(skts.FCNClassifier)), tmp_path / "x")

    def test_what_is_no_fitted_estimator(self, tmp_path):
        with pytest.raises(NotFittedError):
            skts.export_onnx(small(skts.FCNClassifier), tmp_path / "x")

    def test_an_ensemble_of_pipelines(self, tmp_path):
        member = make_pipeline(StandardScaler(), small(skts.FCNClassifier, max_epochs=1))
        ensemble = skts.SeedEnsembleClassifier(member, n_estimators=2).fit(*parts()[:2])
        with pytest.raises(TypeError, match=r"members must be networks of skts, got \['Pipeline'"):
            skts.export_onnx(ensemble, tmp_path / "x")

    def test_places_where_no_file_can_be(self, tmp_path):
        est = small(skts.FCNClassifier)  # unfitted: places are looked at first
        os.mkfifo(tmp_path / "fifo")
        for name, error in [("fifo", FileExistsError), ("", IsADirectoryError)]:
            with pytest.raises(error, match="pass the path of a file"):
                skts.export_onnx(est, tmp_path / name)
        with pytest.raises(
            FileNotFoundError, match="the folder does not exist, create it first: '.*/missing'"
        ):
            skts.export_onnx(est, tmp_path / "missing" / "est.onnx")

    def test_what_cannot_be_written_whole(self, tmp_path, size_limit):  # noqa: F811 (the fixture)
        path = tmp_path / "est.onnx"
        path.write_text("former")
        path.chmod(0o600)
        with pytest.raises(OSError, match=r"File too large: '.*/est.onnx'"):
            skts.export_onnx(fitted(skts.FCNClassifier), path)
        assert path.read_text() == "former"
        assert [p.name for p in tmp_path.iterdir()] == ["est.onnx"]


@pytest.mark.full
def test_a_file_keeps_its_mode(unseen, tmp_path):
    path = tmp_path / "est.onnx"
    path.touch()
    path.chmod(0o600)
    skts.export_onnx(fitted(skts.FCNClassifier), path)
    assert path.stat().st_mode & 0o777 == 0o600
    np.testing.assert_equal(run(path, unseen[:1]).shape, (1, 2))
