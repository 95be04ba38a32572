"""Files of fitted estimators: what comes back, and what is refused."""

import json
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from sklearn import config_context
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

import skts
from skts._callbacks import Progress
from skts._files import digest_of
from skts.adapters import to_sktime
from skts.discovery import all_estimators
from skts.ensemble import SeedEnsembleClassifier
from skts.persistence import ENTRY
from tests.settings import small

X = np.random.default_rng(0).normal(size=(20, 2, 12))
Y = np.array(["no", "yes"])[np.arange(20) % 2]
CLASSES = [pytest.param(c, id=name) for name, c in all_estimators(["classifier", "regressor"])]
#: Written by skts 0.1.0 (`python -m tests.test_persistence`); it must be read for ever.
KEPT = Path(__file__).parent / "data" / "fcn-format-1.skts"
KEPT_X = np.linspace(-1, 1, 4 * 10).reshape(4, 10) ** 3
KEPT_PROBABILITIES = [0.289199, 0.517962, 0.504812, 0.430661]


def fitted(cls=skts.FCNClassifier, X=X, y=None, **options):
    est = small(cls, max_epochs=2, **options)
    if y is None:
        y = Y if hasattr(est, "predict_proba") else X[:, 0, 0]
    return est.fit(X, y)


def outputs(est, X):
    return getattr(est, "predict_proba", est.predict)(X)


@pytest.mark.parametrize("cls", CLASSES)
def test_what_was_saved_comes_back(cls, tmp_path):
    est = fitted(cls)
    est.save(tmp_path / "est.skts")
    again = skts.load(tmp_path / "est.skts")
    assert type(again) is cls
    np.testing.assert_array_equal(outputs(again, X), outputs(est, X))
    np.testing.assert_array_equal(again.predict(X), est.predict(X))
    assert repr(again.get_params()) == repr(est.get_params())
    assert [p.name for p in tmp_path.iterdir()] == ["est.skts"]


@pytest.mark.parametrize("cls", CLASSES)
def test_everything_fitted_comes_back(cls, tmp_path):
    est = fitted(cls)
    est.save(tmp_path / "est.skts")
    again = cls.load(tmp_path / "est.skts")
    members = [(est, again)]
    if "SeedEnsemble" in cls.__name__:
        members = list(zip(est.estimators_, again.estimators_, strict=True))
    for member, its in members:
        assert vars(its).keys() == vars(member).keys()
        for name in vars(member).keys() - {"net_"}:
            assert repr(getattr(its, name)) == repr(getattr(member, name)), name
        losses = member.history_[:, ("epoch", "train_loss", "dur")]
        assert its.history_[:, ("epoch", "train_loss", "dur")] == losses
        assert not its.net_.module_.training


def test_options_of_every_kind(tmp_path):
    options = {
        "optimizer": torch.optim.SGD,
        "weight_decay": np.float32(0.0),
        "class_weight": {"no": 1.0, "yes": 2},
        "filters": [8, np.int64(4), 8],
        "lr_schedule": None,
        "random_state": None,
    }
    est = fitted(**options)
    est.save(tmp_path / "est.skts")
    assert skts.load(tmp_path / "est.skts").get_params() == est.get_params()


@pytest.mark.parametrize(
    "labels", [[0, 1], [False, True], ["a", "b"], np.array(["a", "b"], object)]
)
def test_labels_keep_their_type(labels, tmp_path):
    est = fitted(y=np.asarray(labels)[np.arange(20) % 2])
    est.save(tmp_path / "est.skts")
    classes = skts.load(tmp_path / "est.skts").classes_
    assert (classes.dtype, classes.tolist()) == (est.classes_.dtype, est.classes_.tolist())


def test_names_and_unequal_lengths(tmp_path):
    frame = pd.DataFrame(X[:, 0], columns=[f"t{i}" for i in range(12)])
    est = fitted(X=frame)
    est.save(tmp_path / "est.skts")
    again = skts.load(tmp_path / "est.skts")
    np.testing.assert_array_equal(again.feature_names_in_, frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        again.predict(frame.rename(columns={"t0": "other"}))
    series = [x[:, : 6 + i % 7] for i, x in enumerate(X)]
    est = fitted(skts.LSTMFCNClassifier, X=series)
    est.save(tmp_path / "est.skts")
    again = skts.load(tmp_path / "est.skts")
    np.testing.assert_array_equal(outputs(again, series), outputs(est, series))


def test_training_goes_on(tmp_path):
    est = fitted(warm_start=True)
    est.save(tmp_path / "est.skts")
    again = skts.load(tmp_path / "est.skts")
    np.testing.assert_array_equal(outputs(again.fit(X, Y), X), outputs(est.fit(X, Y), X))


def test_it_predicts_in_the_precision_that_it_was_fitted_in(tmp_path):
    est = fitted(precision="bfloat16")
    expected = outputs(est, X)
    est.set_params(precision="float32").save(tmp_path / "est.skts")
    np.testing.assert_array_equal(outputs(skts.load(tmp_path / "est.skts"), X), expected)


def test_what_callbacks_recorded_comes_back(tmp_path):
    class Recorder(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("pair", (1, np.float32(2)))

    est = fitted(callbacks=[Recorder()]).set_params(callbacks=None)
    with config_context(enable_metadata_routing=True):
        est.set_fit_request(sample_weight=True)
    est.save(tmp_path / "est.skts")
    assert skts.load(tmp_path / "est.skts").history_[:, "pair"] == [(1, 2)] * 2


def test_the_file_is_written_at_once_and_like_others(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("former")
    link.symlink_to(target)
    est = fitted()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: est.save(link), range(12)))
    assert link.is_symlink()
    assert skts.load(target).score(X, Y) == est.score(X, Y)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "target"]
    (tmp_path / "other").touch()
    assert target.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_loading_draws_nothing(tmp_path):
    fitted().save(tmp_path / "est.skts")
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    skts.load(tmp_path / "est.skts")
    assert torch.equal(torch.rand(3), expected)


def test_another_process_without_pickle(tmp_path):
    est = fitted()
    est.save(tmp_path / "est.skts")
    np.save(tmp_path / "X.npy", X)
    source = (
        "import pickle, sys, numpy as np, torch, skts; torch.set_num_threads(1)\n"
        "pickle.load = pickle.loads = torch.load = None\n"
        "est = skts.load(sys.argv[1] + '/est.skts')\n"
        "np.save(sys.argv[1] + '/out.npy', est.predict_proba(np.load(sys.argv[1] + '/X.npy')))\n"
    )
    subprocess.run([sys.executable, "-c", source, str(tmp_path)], check=True, timeout=300)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), outputs(est, X), atol=1e-6)


class TestDevice:
    def test_trained_on_cuda_it_loads_on_the_cpu(self, tmp_path):
        est = fitted().set_params(device="cuda:99")
        est.save(tmp_path / "est.skts")
        with pytest.raises(ValueError, match="device='cuda:99' was asked for"):
            skts.load(tmp_path / "est.skts")
        again = skts.load(tmp_path / "est.skts", device="cpu")
        assert again.device == "cpu"
        np.testing.assert_array_equal(outputs(again, X), outputs(est, X))

    def test_of_an_ensemble(self, tmp_path):
        fitted(SeedEnsembleClassifier).save(tmp_path / "est.skts")
        again = skts.load(tmp_path / "est.skts", device="cpu")
        assert [m.device for m in (again.estimator, *again.estimators_)] == ["cpu"] * 3

    def test_unknown(self, tmp_path):
        fitted().save(tmp_path / "est.skts")
        with pytest.raises(ValueError, match="device of FCNClassifier must be 'auto'"):
            skts.load(tmp_path / "est.skts", device="tpu")


class TestRefusedToSave:
    def test_what_is_not_fitted(self, tmp_path):
        for cls in (skts.FCNClassifier, SeedEnsembleClassifier):
            with pytest.raises(NotFittedError):
                small(cls).save(tmp_path / "est.skts")

    @pytest.mark.parametrize("make", [to_sktime, lambda e: make_pipeline(StandardScaler(), e)])
    def test_what_is_no_estimator_of_ours(self, make, tmp_path):
        with pytest.raises(TypeError, match="Of an adapter save its estimator_; a pipeline of"):
            skts.save(make(small(skts.FCNClassifier)), tmp_path / "est.skts")

    def test_an_ensemble_of_pipelines(self, tmp_path):
        member = make_pipeline(StandardScaler(), small(skts.FCNClassifier, max_epochs=1))
        ensemble = SeedEnsembleClassifier(member, n_estimators=2).fit(X[:, 0], Y)
        with pytest.raises(ValueError, match="its members are networks of skts, they are Pipel"):
            ensemble.save(tmp_path / "est.skts")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"random_state": np.random.RandomState(0)}, "random_state cannot be stored"),
            ({"callbacks": [Progress]}, "callbacks cannot be stored"),
        ],
    )
    def test_options_that_are_code(self, options, message, tmp_path):
        est = fitted().set_params(**options)
        (tmp_path / "est.skts").write_text("former")
        with pytest.raises(ValueError, match=message):
            est.save(tmp_path / "est.skts")
        assert (tmp_path / "est.skts").read_text() == "former"

    @pytest.mark.parametrize(
        ("cls", "changed"),
        [
            (skts.FCNClassifier, {"filters": (4, 4, 4)}),
            (skts.FCNClassifier, {"normalize": "series"}),
            (skts.CNNClassifier, {"positional_encoding": False}),
            (skts.LSTMFCNClassifier, {"residual": True}),
            (SeedEnsembleClassifier, {"estimator": skts.LSTMFCNClassifier()}),
        ],
    )
    def test_options_that_were_changed_since_fit(self, cls, changed, tmp_path):
        with pytest.raises(ValueError, match=r"set (them|it) back"):
            fitted(cls).set_params(**changed).save(tmp_path / "est.skts")
        assert not (tmp_path / "est.skts").exists()

    def test_a_class_of_ones_own(self, tmp_path):
        class FCNClassifier(skts.FCNClassifier):
            pass

        with pytest.raises(TypeError, match="is a class of its own, which load would not find"):
            fitted(FCNClassifier).save(tmp_path / "est.skts")


def rewritten(path, change, tensors=lambda tensors: tensors):
    """Change the file's entry and, unlike one who cannot, its digest."""
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()[ENTRY])
        weights = tensors({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 (no dict)
    del header["digest"]
    change(header)
    header["digest"] = digest_of(header, weights)
    save_file(weights, path, metadata={ENTRY: json.dumps(header)})


def assigned(*keys_and_value):
    *keys, last, value = keys_and_value

    def change(header):
        for key in keys:
            header = header[key]
        header[last] = value

    return change


def classes_of(labels, dtype):
    return assigned("estimator", "fitted", "classes_", {"array": labels, "dtype": dtype})


def nested(depth):
    """A tuple in a tuple in a tuple..."""
    value = {"tuple": []}
    for _ in range(depth):
        value = {"tuple": [value]}
    return value


class TestRefusedToLoad:
    @pytest.fixture
    @staticmethod
    def path(tmp_path):
        fitted().save(tmp_path / "est.skts")
        return tmp_path / "est.skts"

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (assigned("format", 2), "has format 2, this version of skts reads 1: load it with"),
            (assigned("estimator", "class", "Nothing"), "no estimator 'Nothing' to load"),
            (assigned("estimator", "class", "load"), "no estimator 'load' to load"),
            (assigned("estimator", "class", "os"), "no estimator 'os' to load"),
            (assigned("estimator", "class", ["FCN"]), r"no estimator \['FCN'\] to load"),
            (assigned("estimator", "class", "LSTMFCNClassifier"), "are of another architecture"),
            (assigned("estimator", "class", "FCNRegressor"), "class_weight|do not fit"),
            (assigned("estimator", []), "expected an estimator by the name of its class"),
            (assigned("estimator", "parameters", "lr", -1.0), "lr of FCNClassifier must be"),
            (assigned("estimator", "parameters", "evil", 1), "options of a stored FCNClassifier"),
            (assigned("estimator", "parameters", "optimizer", {"optimizer": "os"}), "cannot read"),
            (assigned("estimator", "parameters", "optimizer", {"call": "f"}), "cannot read"),
            (assigned("estimator", "parameters", "filters", {"tuple": [4, 4, 4]}), "architecture"),
            (assigned("estimator", "fitted", "fit", 1), "'fit' is no fitted attribute"),
            (assigned("estimator", "fitted", "__class__", 1), "is no fitted attribute"),
            (assigned("estimator", "fitted", "history_", 1), "is no fitted attribute"),
            (assigned("estimator", "fitted", "n_channels_in_", 3), "are of another architecture"),
            (assigned("estimator", "fitted", {}), "was not written by skts.save"),
            (
                assigned("estimator", "parameters", "filters", {"tuple": [10**12, 4, 4]}),
                "was not written|another architecture",
            ),
            (assigned("estimator", "fitted", "n_channels_in_", 10**12), "another architecture"),
            (assigned("estimator", "fitted", "n_channels_in_", -1), "was not written"),
            (
                assigned("estimator", "parameters", "filters", nested(300)),
                "filters of FCN.* must be",
            ),
            (assigned("estimator", "fitted", "classes_", "ab"), "two or more sorted labels"),
            (classes_of([1, 0], "<i8"), "two or more sorted labels"),
            (classes_of([1, 300], "|i1"), "was not written"),
            (classes_of(["a", "b"], "<U500000000"), "cannot read"),
            (classes_of(["a", "b"], ",,,"), "cannot read"),
            (assigned("estimator", "parameters", "device", "cuda:" + "9" * 20), "was not written"),
            (assigned("estimator", "history", 3), "was not written by skts.save"),
        ],
    )
    def test_entries_that_do_not_fit(self, path, change, message):
        rewritten(path, change)
        with pytest.raises(ValueError, match=message):
            skts.load(path)

    def test_weights_that_do_not_fit(self, path):
        for tensors in (
            lambda tensors: {name: tensor.reshape(-1)[:1] for name, tensor in tensors.items()},
            lambda tensors: dict(list(tensors.items())[1:]),
            lambda tensors: tensors | {"more": torch.zeros(2)},
        ):
            fitted().save(path)
            rewritten(path, lambda header: None, tensors)
            with pytest.raises(ValueError, match="the weights are of another architecture"):
                skts.load(path)

    def test_an_ensemble_of_nothing(self, path):
        fitted(SeedEnsembleClassifier).save(path)
        rewritten(path, assigned("estimator", "members", []))
        with pytest.raises(ValueError, match="was not written by skts.save"):
            skts.load(path)

    def test_another_class(self, path):
        with pytest.raises(ValueError, match="must hold a FCNRegressor, it holds a FCNClassifier"):
            skts.FCNRegressor.load(path)

    def test_other_files(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            skts.load(tmp_path / "absent")
        (tmp_path / "pickle").write_bytes(pickle.dumps(fitted()))
        (tmp_path / "empty").touch()
        save_file({"a": torch.zeros(1)}, tmp_path / "foreign")
        save_file({"a": torch.zeros(1)}, tmp_path / "list", metadata={ENTRY: "[]"})
        for name in ("pickle", "empty", "foreign", "list"):
            with pytest.raises(ValueError, match="was not written by skts.save"):
                skts.load(tmp_path / name)

    def test_mutated_files(self, path):
        content, expected = path.read_bytes(), outputs(skts.load(path), X)
        rng, refused = np.random.default_rng(0), 0
        for number in range(300):
            path.write_bytes(mutated(content, number % 4, rng))
            try:
                again = skts.load(path)
            except ValueError:
                refused += 1
            else:  # a blank of the format's own padding
                np.testing.assert_array_equal(outputs(again, X), expected)
        assert refused >= 295


def mutated(content, kind, rng):
    place = int(rng.integers(len(content)))
    if kind == 0:  # a byte of the first part, which is JSON
        place = int(rng.integers(min(len(content), 6000)))
    byte = bytes([content[place] ^ int(rng.integers(1, 256))])
    if kind == 2:
        return content[:place]
    if kind == 3:
        return content[:place] + byte + content[place:]
    return content[:place] + byte + content[place + 1 :]


def test_a_file_of_every_format_is_read_for_ever():
    est = skts.load(KEPT, device="cpu")
    np.testing.assert_allclose(est.predict_proba(KEPT_X)[:, 0], KEPT_PROBABILITIES, atol=1e-5)
    assert est.classes_.tolist() == ["down", "up"]


if __name__ == "__main__":
    KEPT.parent.mkdir(exist_ok=True)
    options = {"filters": (4,), "kernel_sizes": (3,), "max_epochs": 20, "random_state": 0}
    clf = skts.FCNClassifier(**options).fit(KEPT_X, ["down", "down", "up", "up"])
    clf.save(KEPT)
    print(clf.predict_proba(KEPT_X)[:, 0].tolist())
