"""Try what skts, sktime, aeon and tsai offer, and print the table of docs/comparison.md.

Each row of the table is a method of the columns: it does the thing with the package, on 24 short
series, and answers yes, no or partly with a note. "No" needs proof too: the refusal is provoked, or
the parameters of all networks are searched. If a package no longer refuses, the script fails.

``--columns skts "sktime, torch"`` tries these columns. The others are taken from ``--record``, a
file that ``--write`` updates, or are "not tried". A package that is not installed is not tried.
Columns can be tried in different environments, because tensorflow, and tsai's limits on versions,
do not fit every one. Without ``--columns`` the script prints what is recorded.
"""

import argparse
import contextlib
import importlib.metadata
import importlib.util
import inspect
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from datetime import date
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.utils.estimator_checks import check_estimator

ROWS = {
    "grid_search": "`GridSearchCV` of scikit-learn",
    "sklearn_checks": "`check_estimator` of scikit-learn",
    "sktime_checks": "`check_estimator` of sktime",
    "aeon_checks": "`check_estimator` of aeon",
    "device": "Option for the device",
    "early_stopping": "Early stopping on a validation split, best weights kept",
    "sample_weight": "Sample weights",
    "class_weight": "Class weights",
    "unequal_length": "Series of unequal length",
    "missing_values": "Missing values",
    "saving": "Saved and loaded without pickle",
    "onnx": "ONNX export",
    "resume": "Interrupted training resumed",
    "studies": "Unfinished study (estimators x data sets) resumed",
    "explanations": "Explanations of predictions",
    "forecasting": "Forecasts with the same networks",
    "networks": "Networks: classifiers / regressors / forecasters",
    "classical": "Other classifiers",
}
EXPLANATIONS = ["saliency", "integrated_gradients", "class_activation", "grad-cam", "captum"]
RECORD = Path(__file__).parent / "results" / "comparison.json"

X = np.random.default_rng(0).normal(size=(24, 1, 16))
Y = np.repeat(["a", "b"], 12)
UNEQUAL = [x[:, : 10 + i % 5] for i, x in enumerate(X)]
MISSING = X.copy()
MISSING[0, 0, 3] = np.nan
SERIES = np.sin(np.arange(60.0))


class Killed(Exception):
    """Stands for the end of a training."""


def refusal(error, call):
    """The first line of the error that `call` must raise."""
    try:
        call()
    except error as refused:
        return f"{type(refused).__name__}: {str(refused).strip().splitlines()[0]}"
    raise AssertionError(f"no {error.__name__} is raised any more")


def passed(results, what):
    """An answer from the results of checks, {name: whether it passed}."""
    failed = sorted({name for name, ok in results.items() if not ok})
    note = f"{len(results) - len(failed)} of {len(results)} checks pass ({what})"
    if not failed:
        return "yes", note
    if len(failed) == 1:
        return "all but one", f"{note}; {failed[0].partition(' ')[0]} fails"
    return "partly", note


def sklearn_checks_of(est):
    """The results of scikit-learn's checks that were not skipped."""
    found = check_estimator(est, on_fail=None, on_skip=None)
    kept = [check for check in found if check["status"] != "skipped"]
    names = [f"{check['check_name']} (check {i})" for i, check in enumerate(kept, start=1)]
    return {name: check["status"] == "passed" for name, check in zip(names, kept, strict=True)}


def sktime_checks_of(est):
    from sktime.utils.estimator_checks import check_estimator as check

    return {name: result == "PASSED" for name, result in check(est, verbose=False).items()}


def aeon_checks_of(est):
    from aeon.testing.estimator_checking import check_estimator as check

    found = check(est).items()
    return {name: result == "PASSED" for name, result in found if not result.startswith("Skipped")}


def foreign(cls, package):
    """That a class is none of the package's, whose checks are then not for it."""
    assert not any(base.__module__.startswith(package) for base in cls.__mro__)
    return "no", f"not a class of {package}"


def grid_search(est, grid):
    search = GridSearchCV(est, grid, cv=2, error_score="raise").fit(X, Y)
    assert len(search.cv_results_["params"]) == 2
    return "yes", ""


def parameters(classes):
    """{class name: names of its parameters}."""
    return {cls.__name__: set(inspect.signature(cls).parameters) for cls in classes}


def without(parts, classes):
    """That no class has a parameter with one of these parts in its name."""
    for name, params in parameters(classes).items():
        assert not any(part in param for param in params for part in parts), name
    return f"no parameter of the {len(parameters(classes))} classifiers is for this"


def source_has_not(package, words):
    """That no Python file of a package has one of these words."""
    root = Path(importlib.util.find_spec(package).origin).parent
    for file in root.rglob("*.py"):
        text = file.read_text(encoding="utf-8").lower()
        assert not any(word in text for word in words), file
    return f"not found in the source of {package} ({', '.join(words)})"


@contextlib.contextmanager
def no_unpickling():
    """Fails where something is unpickled."""
    refuse = mock.Mock(side_effect=AssertionError("unpickled"))
    with mock.patch.multiple(pickle, load=refuse, loads=refuse, Unpickler=refuse):
        yield


def versions(*modules):
    """The versions of Python and of the packages that have these modules."""
    package_of = importlib.metadata.packages_distributions()
    names = [package_of[module][0] for module in (*modules, "sklearn", "numpy")]
    found = {
        name.replace("_", "-"): importlib.metadata.version(name).partition("+")[0] for name in names
    }
    return {"python": ".".join(map(str, sys.version_info[:3]))} | found


class Skts:
    name = "skts"
    needs = ("skts", "sktime", "aeon", "onnx", "captum")
    packages = ("skts", "torch", "sktime", "aeon")

    def new(self, **options):
        from skts import FCNClassifier

        small = {"max_epochs": 2, "filters": (4, 4, 4), "random_state": 0}
        return FCNClassifier(**small | options)

    def grid_search(self):
        return grid_search(self.new(), {"lr": [0.01, 0.1]})

    def sklearn_checks(self):
        learning = {"max_epochs": 40, "batch_size": 50, "lr": 2e-2, "filters": (8, 16, 8)}
        return passed(sklearn_checks_of(self.new(**learning)), "FCN")

    def sktime_checks(self):
        from skts.adapters import to_sktime

        answer, note = passed(sktime_checks_of(to_sktime(self.new(max_epochs=1))), "FCN")
        return answer, f"{note}, after `to_sktime`"

    def aeon_checks(self):
        from skts.adapters import to_aeon

        answer, note = passed(aeon_checks_of(to_aeon(self.new(max_epochs=1))), "FCN")
        return answer, f"{note}, after `to_aeon`"

    def device(self):
        clf = self.new(device="cpu").fit(X, Y)
        assert {weight.device.type for weight in clf.net_.module_.parameters()} == {"cpu"}
        return "yes", "`device`; CUDA has not yet run on a real device"

    def early_stopping(self):
        clf = self.new(
            max_epochs=300,
            validation_fraction=0.3,
            early_stopping_patience=2,
            restore_best="valid_loss",
            lr_schedule=None,
        ).fit(X, Y)
        assert len(clf.history_) < 300
        return "yes", ""

    def sample_weight(self):
        weight = np.where(Y == "a", 1.0, 1e-6)
        clf = self.new(max_epochs=100).fit(X, Y, sample_weight=weight)
        assert (clf.predict(X) == "a").all()
        return "yes", ""

    def class_weight(self):
        clf = self.new(max_epochs=100, class_weight={"a": 1, "b": 1e-6}).fit(X, Y)
        assert (clf.predict(X) == "a").all()
        return "yes", ""

    def unequal_length(self):
        assert len(self.new().fit(UNEQUAL, Y).predict(UNEQUAL)) == 24
        return "yes", 'padded and masked; `CNN` and `LSTM` need `pooling="average"`'

    def missing_values(self):
        refusal(ValueError, lambda: self.new().fit(MISSING, Y))
        assert len(self.new(missing="interpolate").fit(MISSING, Y).predict(MISSING)) == 24
        return "yes", '`missing="interpolate"`: linear interpolation; otherwise refused'

    def saving(self):
        import skts

        clf = self.new().fit(X, Y)
        skts.save(clf, "clf.skts")
        with no_unpickling():
            loaded = skts.load("clf.skts")
        np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))
        return "yes", ""

    def onnx(self):
        import skts
        from skts.export import compare_onnx

        clf = self.new().fit(X, Y)
        skts.export_onnx(clf, "clf.onnx")
        assert compare_onnx(clf, "clf.onnx", X)["same_label"] == 1
        return "yes", ""

    def resume(self):
        from torch.optim.optimizer import register_optimizer_step_post_hook

        options = {"max_epochs": 2000, "target_loss": None, "checkpoint_dir": "checkpoints"}
        np.savez("series.npz", X=X, Y=Y)
        program = "import numpy as np; from skts import FCNClassifier; d = np.load('series.npz');"
        program += f"FCNClassifier(filters=(4, 4, 4), random_state=0, **{options})"
        process = subprocess.Popen([sys.executable, "-c", f"{program}.fit(d['X'], d['Y'])"])
        while not list(Path("checkpoints").glob("FCNClassifier*")):  # a whole file
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
        process.wait()
        steps = []
        hook = register_optimizer_step_post_hook(lambda *_: steps.append(1))
        clf = self.new(**options).fit(X, Y)
        hook.remove()
        assert len(clf.history_) == 2000
        assert 0 < len(steps) < 2 * 2000  # two batches in each epoch
        return "yes", "killed with SIGKILL"

    def studies(self):
        from skts.benchmark import plan_runs, run_study

        names = ["ItalyPowerDemand", "UnitTest"]
        fixed = {"max_epochs": 1, "filters": (4,), "kernel_sizes": (3,)}
        runs = plan_runs(names, ["FCN"], fixed=fixed)
        first = run_study(runs[:1], "study").rows()
        both = run_study(runs, "study").rows()
        assert both[:1] == first
        assert [row["dataset"] for row in both] == names
        return "yes", ""

    def explanations(self):
        from skts.explain import class_activation_maps, integrated_gradients

        clf = self.new().fit(X, Y)
        assert class_activation_maps(clf, X).shape == (24, 16)
        assert integrated_gradients(clf, X[:2]).shape == (2, 1, 16)
        return "yes", "class activation maps, integrated gradients, occlusion, attention"

    def forecasting(self):
        from sktime.forecasting.compose import make_reduction

        from skts import FCNRegressor
        from skts.adapters import to_sktime
        from skts.forecasting import LSTMForecaster

        LSTMForecaster(max_epochs=2).fit(pd.Series(SERIES)).predict(fh=[1, 2])
        reg = to_sktime(FCNRegressor(max_epochs=2, filters=(4, 4, 4)))
        by_windows = make_reduction(reg, window_length=12, scitype="time-series-regressor")
        by_windows.fit(pd.Series(SERIES), fh=[1, 2]).predict()
        return "yes", "`LSTM`, `ALSTM` and `LSTMALSTM`; the others by sktime's `make_reduction`"

    def _split(self, kind):
        """The estimators trained by gradient, and the others without ensembles of given members."""
        from skts.discovery import all_estimators

        classes = [cls for _, cls in all_estimators(kind)]
        single = [cls for cls in classes if ".ensemble" not in cls.__module__]
        by_gradient = [cls for cls in single if "max_epochs" in inspect.signature(cls).parameters]
        return by_gradient, [cls for cls in single if cls not in by_gradient]

    def networks(self):
        kinds = ("classifier", "regressor", "forecaster")
        return " / ".join(str(len(self._split(kind)[0])) for kind in kinds), ""

    def classical(self):
        from skts import MultiViewClassifier

        others = [*self._split("classifier")[1], MultiViewClassifier]
        return str(len(others)), "ridge regressions on fixed features"


class _Sktime:
    """What sktime's networks of torch and of keras share."""

    def frames(self):
        return [pd.DataFrame(x.T) for x in UNEQUAL]

    def classes(self, kind="classifier"):
        from sktime.registry import all_estimators

        found = [cls for _, cls in all_estimators(kind)]
        return [
            cls
            for cls in found
            if ".deep_learning" in cls.__module__ and self.needed(cls) == [self.backend]
        ]

    def needed(self, cls):
        """The packages that an estimator needs besides sktime."""
        found = cls.get_class_tag("python_dependencies") or []
        return [str(name) for name in ([found] if isinstance(found, str) else found)]

    def grid_search(self):
        from sktime.classification.model_selection import TSCGridSearchCV

        grid = {"batch_size": [4, 8]}
        reason = refusal(AttributeError, lambda: grid_search(self.new(), grid))
        assert "__sklearn_tags__" in reason
        folds = KFold(2, shuffle=True, random_state=0)
        assert TSCGridSearchCV(self.new(), grid, cv=folds).fit(X, Y).best_params_
        issue = "[known](https://github.com/sktime/sktime/issues/10725)"
        return "no", f"no `__sklearn_tags__` ({issue}); sktime's own `TSCGridSearchCV` works"

    def sklearn_checks(self):
        assert "__sklearn_tags__" in refusal(AttributeError, lambda: check_estimator(self.new()))
        return "no", "no `__sklearn_tags__`"

    def sktime_checks(self):
        return passed(sktime_checks_of(self.new()), "FCN")

    def aeon_checks(self):
        return foreign(type(self.new()), "aeon")

    def sample_weight(self):
        weight = np.ones(len(Y))
        return "no", refusal(TypeError, lambda: self.new().fit(X, Y, sample_weight=weight))

    def unequal_length(self):
        from sktime.transformations.padder import PaddingTransformer

        frames = self.frames()
        assert "unequal length" in refusal(ValueError, lambda: self.new().fit(frames, Y))
        assert not any(cls.get_class_tag("capability:unequal_length") for cls in self.classes())
        padded = PaddingTransformer() * self.new()
        assert len(padded.fit(frames, Y).predict(frames)) == 24
        return "partly", "by padding in a pipeline (`PaddingTransformer() * clf`), not masked"

    def missing_values(self):
        from sktime.transformations.impute import Imputer

        assert "missing values" in refusal(ValueError, lambda: self.new().fit(MISSING, Y))
        assert not any(cls.get_class_tag("capability:missing_values") for cls in self.classes())
        imputed = Imputer() * self.new()
        assert len(imputed.fit(MISSING, Y).predict(MISSING)) == 24
        return "partly", "by imputation in a pipeline (`Imputer() * clf`)"

    def studies(self):
        from sklearn.metrics import accuracy_score
        from sktime.benchmarking.classification import ClassificationBenchmark

        fits, killed = [], [True]

        class Counted(type(self.new())):
            def _fit(self, X, y):
                fits.append(1)
                return super()._fit(X, y)

        def first():
            return X, Y

        def second():
            if killed:
                raise KeyboardInterrupt
            return X, Y

        def run():
            study = ClassificationBenchmark()
            study.add_estimator(Counted(**self.new().get_params()))
            for loader in (first, second):
                folds = KFold(2, shuffle=True, random_state=0)
                study.add_task(loader, folds, [accuracy_score])
            return study.run("results.csv")

        with contextlib.suppress(KeyboardInterrupt):
            run()
        assert len(fits) == 2
        killed.clear()
        assert len(run()) == 2
        assert len(fits) == 4
        return "yes", "`ClassificationBenchmark`"

    def forecasting(self):
        from sktime.forecasting.compose import make_reduction

        kind = "time-series-regressor"
        by_windows = make_reduction(self.new_regressor(), window_length=12, scitype=kind)
        by_windows.fit(pd.Series(SERIES), fh=[1, 2]).predict()
        return "yes", "by `make_reduction`"

    def classical(self):
        from sktime.registry import all_estimators

        classes = [cls for _, cls in all_estimators("classifier")]
        deep = [c for c in classes if {"torch", "tensorflow"} & set(self.needed(c))]
        return str(len(classes) - len(deep)), "classifiers that need neither torch nor tensorflow"


class SktimeTorch(_Sktime):
    name = "sktime, torch"
    backend = "torch"
    needs = ("sktime", "torch", "captum", "onnxscript")
    packages = ("sktime", "torch")

    def new(self, **options):
        from sktime.classification.deep_learning.fcn import FCNClassifierTorch

        small = {"num_epochs": 2, "batch_size": 8, "filter_sizes": (4, 4, 4)}
        return FCNClassifierTorch(**small | options)

    def new_regressor(self):
        from sktime.regression.deep_learning.fcn import FCNRegressorTorch

        return FCNRegressorTorch(num_epochs=2, filter_sizes=(4, 4, 4))

    def device(self):
        having = [name for name, ps in parameters(self.classes()).items() if "device" in ps]
        assert having == ["ConvTimeNetClassifier"]
        n = len(self.classes())
        return "partly", f"1 of {n} classifiers has `device` (ConvTimeNet); not tried on CUDA"

    def early_stopping(self):
        reason = refusal(ValueError, lambda: self.new(callbacks="EarlyStopping").fit(X, Y))
        assert "Unknown learning rate scheduler" in reason
        note = without(("valid", "early", "stopping", "patience", "best"), self.classes())
        return "no", f"{note}; `callbacks` takes learning rate schedulers"

    def class_weight(self):
        import torch

        weight = {"weight": torch.tensor([1.0, 0.0])}
        loss = {"criterion": "CrossEntropyLoss", "criterion_kwargs": weight}
        clf = self.new(num_epochs=30, lr=0.05, **loss).fit(X, Y)
        assert (clf.predict(X) == "a").all()
        params = parameters(self.classes()).values()
        assert all("criterion_kwargs" in names for names in params)
        return "yes", "a tensor in `criterion_kwargs`, in the order of the classes"

    def saving(self):
        from sktime.base import load
        from sktime.base._base import SERIALIZATION_FORMATS

        assert set(SERIALIZATION_FORMATS) == {"pickle", "cloudpickle"}
        clf = self.new().fit(X, Y)
        clf.save("clf")
        with no_unpickling():
            refusal(AssertionError, lambda: load("clf"))
        return "no", "`save` writes pickle or cloudpickle"

    def onnx(self):
        import torch

        clf = self.new().fit(X, Y)
        clf.network.eval()
        torch.onnx.export(clf.network, (torch.zeros(2, 16, 1),), "net.onnx", verbose=False)
        assert Path("net.onnx").exists()
        note = source_has_not("sktime", ["onnx"])
        return "no", f"{note}; by hand, `torch.onnx.export` takes `clf.network`"

    def resume(self):
        note = without(("checkpoint", "resume", "warm_start"), self.classes())
        clf = self.new().fit(X, Y)
        before = clf.network
        assert clf.fit(X, Y).network is not before
        return "no", f"{note}; `fit` begins again"

    def explanations(self):
        import torch
        from captum.attr import IntegratedGradients

        clf = self.new().fit(X, Y)
        clf.network.eval()
        inputs = torch.as_tensor(X, dtype=torch.float32).transpose(1, 2)
        assert IntegratedGradients(clf.network).attribute(inputs, target=0).shape == (24, 16, 1)
        return (
            "no",
            f"{source_has_not('sktime', EXPLANATIONS)}; by hand, captum takes `clf.network`",
        )

    def networks(self):
        from sktime.registry import all_estimators

        forecasters = [cls for _, cls in all_estimators("forecaster")]
        needed = [found for found in map(self.needed, forecasters) if "torch" in str(found)]
        own = [found for found in needed if len(found) == 1 and found[0].startswith("torch")]
        kinds = [len(self.classes(kind)) for kind in ("classifier", "regressor")]
        counts = " / ".join(map(str, [*kinds, len(own)]))
        more = f"{len(needed) - len(own)} more forecasters, many pretrained, need further packages"
        return counts, more


class _Keras:
    """What the networks of sktime and aeon that need tensorflow share."""

    def callbacks(self):
        from tensorflow.keras import callbacks

        return callbacks

    def device(self):
        import tensorflow as tf

        assert not any("device" in params for params in parameters(self.classes()).values())
        with tf.device("CPU:1"):
            clf = self.new().fit(X, Y)
        assert all(w.value.device.endswith("CPU:1") for w in clf.model_.weights)
        return "partly", "no option; `fit` in `with tf.device(...)` works"

    def early_stopping(self):
        note = without(("valid", "early", "patience"), self.classes())
        assert all("callbacks" in params for params in parameters(self.classes()).values())
        stop = self.callbacks().EarlyStopping(
            monitor="loss", min_delta=9.0, patience=2, restore_best_weights=True
        )
        clf = self.new(n_epochs=9, callbacks=[stop]).fit(X, Y)
        assert len(clf.history.epoch) == 3
        assert not any(name.startswith("val_") for name in clf.history.history)
        return "partly", f"on the training loss, by a keras callback; {note}"

    def _with_loss(self, alpha):
        from tensorflow.keras.losses import CategoricalFocalCrossentropy

        loss = CategoricalFocalCrossentropy(alpha=alpha, gamma=0.0)
        return self.new(loss=loss, n_epochs=1).fit(X, Y).history.history["loss"][0]

    def resume(self):
        epochs = []

        class Kill(self.callbacks().Callback):
            def on_epoch_begin(self, epoch, logs=None):
                epochs.append(epoch)
                if len(epochs) == 4:
                    raise Killed

        def train():
            keep = self.callbacks().BackupAndRestore("backup")
            return self.new(n_epochs=6, callbacks=[keep, Kill()]).fit(X, Y)

        with contextlib.suppress(Killed):
            train()
        train()
        assert epochs == [0, 1, 2, 3, 3, 4, 5]
        return "yes", "by a keras callback, `callbacks=[BackupAndRestore(folder)]`"

    def onnx(self):
        package = type(self.new()).__module__.partition(".")[0]
        return "no", source_has_not(package, ["onnx"])

    def explanations(self):
        package = type(self.new()).__module__.partition(".")[0]
        return "no", f"{source_has_not(package, EXPLANATIONS)}"


class SktimeKeras(_Keras, _Sktime):
    name = "sktime, keras"
    backend = "tensorflow"
    needs = ("sktime", "tensorflow")
    packages = ("sktime", "tensorflow", "keras")

    def new(self, **options):
        from sktime.classification.deep_learning.fcn import FCNClassifier

        small = {"n_epochs": 2, "batch_size": 8, "filter_sizes": (4, 4, 4)}
        return FCNClassifier(**small | options)

    def new_regressor(self):
        from sktime.regression.deep_learning.fcn import FCNRegressor

        return FCNRegressor(n_epochs=2, filter_sizes=(4, 4, 4))

    def class_weight(self):
        from sktime.classification.deep_learning.inceptiontime import InceptionTimeClassifier

        having = [name for name, ps in parameters(self.classes()).items() if "class_weight" in ps]
        assert having == ["InceptionTimeClassifier"]
        small = {"n_epochs": 1, "depth": 1, "n_filters": 2, "kernel_size": 8}
        losses = [
            InceptionTimeClassifier(**small, class_weight={"a": w, "b": w}).fit(X, Y).summary()
            for w in (1, 100)
        ]
        assert losses[1]["loss"][0] > 10 * losses[0]["loss"][0]
        assert self._with_loss([100.0, 100.0]) > 10 * self._with_loss([1.0, 1.0])
        n = len(self.classes())
        return "partly", f"1 of {n} classifiers (InceptionTime); others by a weighted keras `loss`"

    def onnx(self):
        answer, note = super().onnx()
        return answer, f"{note}; the export of the keras model `clf.model_` was not tried"

    def saving(self):
        from sktime.base import load

        clf = self.new().fit(X, Y)
        clf.save("clf")
        with zipfile.ZipFile("clf.zip") as file:
            assert {"_obj", "keras/model.keras"} <= set(file.namelist())
        with no_unpickling():
            refusal(AssertionError, lambda: load("clf"))
        return "no", "`save` writes the network as .keras, the estimator as a pickle"

    def networks(self):
        kinds = [len(self.classes(kind)) for kind in ("classifier", "regressor")]
        return " / ".join(map(str, [*kinds, 0])), ""


class Aeon(_Keras):
    name = "aeon"
    needs = ("aeon", "tensorflow", "tf2onnx")
    packages = ("aeon", "tensorflow", "keras")

    def new(self, **options):
        from aeon.classification.deep_learning import FCNClassifier

        return FCNClassifier(**{"n_epochs": 2, "batch_size": 8, "n_filters": 4} | options)

    def classes(self, kind="classifier"):
        from aeon.utils.discovery import all_estimators

        return [cls for _, cls in all_estimators(kind) if ".deep_learning" in cls.__module__]

    def grid_search(self):
        return grid_search(self.new(), {"kernel_size": [3, 5]})

    def sklearn_checks(self):
        return passed(sklearn_checks_of(self.new()), "FCN")

    def sktime_checks(self):
        return foreign(type(self.new()), "sktime")

    def aeon_checks(self):
        return passed(aeon_checks_of(self.new()), "FCN")

    def sample_weight(self):
        weight = np.ones(len(Y))
        return "no", refusal(TypeError, lambda: self.new().fit(X, Y, sample_weight=weight))

    def class_weight(self):
        without(("class_weight",), self.classes())
        assert self._with_loss([100.0, 100.0]) > 10 * self._with_loss([1.0, 1.0])
        return "partly", "no option; by a weighted keras `loss`"

    def unequal_length(self):
        from aeon.pipeline import make_pipeline
        from aeon.transformations.collection.unequal_length import Padder

        assert "unequal length" in refusal(ValueError, lambda: self.new().fit(UNEQUAL, Y))
        assert not any(cls.get_class_tag("capability:unequal_length") for cls in self.classes())
        padded = make_pipeline(Padder(), self.new())
        assert len(padded.fit(UNEQUAL, Y).predict(UNEQUAL)) == 24
        return "partly", "by padding in a pipeline (`Padder`), not masked"

    def missing_values(self):
        from aeon.pipeline import make_pipeline
        from aeon.transformations.collection import SimpleImputer

        assert "missing values" in refusal(ValueError, lambda: self.new().fit(MISSING, Y))
        assert not any(cls.get_class_tag("capability:missing_values") for cls in self.classes())
        imputed = make_pipeline(SimpleImputer(), self.new())
        assert len(imputed.fit(MISSING, Y).predict(MISSING)) == 24
        return "partly", "by imputation in a pipeline (`SimpleImputer`)"

    def saving(self):
        clf = self.new(last_file_name="last").fit(X, Y)
        clf.save_last_model_to_file("./")
        loaded = self.new()
        with no_unpickling():
            loaded.load_model("last.keras", np.unique(Y))
        np.testing.assert_allclose(loaded.predict_proba(X), clf.predict_proba(X), atol=1e-6)
        note = "the network as .keras (`save_last_model_to_file`, `load_model`), not the options"
        return "partly", note

    def onnx(self):
        answer, note = super().onnx()
        clf = self.new().fit(X, Y)
        clf.predict(X)
        clf.model_.export("net.onnx", format="onnx", verbose=False)
        assert Path("net.onnx").exists()
        return answer, f"{note}; by hand, `clf.model_.export` works"

    def studies(self):
        import pkgutil

        import aeon.benchmarking

        names = sorted(module.name for module in pkgutil.iter_modules(aeon.benchmarking.__path__))
        expected = ["metrics", "published_results", "resampling", "results_loaders", "stats"]
        assert [name for name in names if name != "tests"] == expected
        link = "[tsml-eval](https://github.com/time-series-machine-learning/tsml-eval)"
        note = f"`aeon.benchmarking` compares results; the separate package {link}"
        return "no", f"{note} runs studies and skips runs that have a result (read, not tried)"

    def forecasting(self):
        from aeon.forecasting import RegressionForecaster
        from aeon.regression.deep_learning import FCNRegressor

        reg = FCNRegressor(n_epochs=2, n_filters=4)
        assert np.isfinite(RegressionForecaster(window=12, regressor=reg).forecast(SERIES))
        return "yes", "by `RegressionForecaster`"

    def networks(self):
        kinds = ("classifier", "regressor", "forecaster")
        note = f"also {len(self.classes('clusterer'))} clusterers"
        return " / ".join(str(len(self.classes(kind))) for kind in kinds), note

    def classical(self):
        from aeon.utils.discovery import all_estimators

        return str(len(all_estimators("classifier")) - len(self.classes())), ""


class Tsai:
    name = "tsai"
    needs = ("tsai", "onnxscript")
    packages = ("tsai", "fastai", "fastcore", "pyts", "torch")

    def new(self, series=X, **options):
        from tsai.all import TSClassification, TSClassifier

        training = [*range(0, 24, 2), 1, 3, 13, 15]
        validation = [i for i in range(24) if i not in training]
        small = {"arch": "FCN", "arch_config": {"layers": [4, 4, 4]}, "bs": 8}
        small |= {"splits": (training, validation), "tfms": [None, TSClassification()]}
        return TSClassifier(series, Y, **small | options)

    def trained(self, *args, epochs=2, start_epoch=0, **options):
        learn = self.new(*args, **options)
        return self.train(learn, epochs, start_epoch)

    def train(self, learn, epochs, start_epoch=0):
        with learn.no_bar(), learn.no_logging():
            learn.fit_one_cycle(epochs, 1e-2, start_epoch=start_epoch)
        return learn

    def grid_search(self):
        grid = {"lr": [0.01, 0.1]}
        assert "'score' method" in refusal(TypeError, lambda: grid_search(self.new(), grid))
        return "no", "no `score` and no `get_params`: a `Learner` of fastai"

    def sklearn_checks(self):
        reason = refusal(AssertionError, lambda: check_estimator(self.new()))
        assert "does not implement a 'get_params' method" in reason
        return "no", "no `get_params`: a `Learner` of fastai"

    def sktime_checks(self):
        return foreign(type(self.new()), "sktime")

    def aeon_checks(self):
        return foreign(type(self.new()), "aeon")

    def device(self):
        import torch

        learn = self.trained(device=torch.device("cpu"))
        assert {weight.device.type for weight in learn.model.parameters()} == {"cpu"}
        return "yes", ""

    def early_stopping(self):
        from fastai.callback.tracker import EarlyStoppingCallback, SaveModelCallback

        monitor = {"monitor": "valid_loss"}
        stop = EarlyStoppingCallback(min_delta=9, patience=2, **monitor)
        learn = self.trained(epochs=9, cbs=[stop, SaveModelCallback(**monitor)])
        assert len(learn.recorder.values) == 3
        return "yes", "by callbacks of fastai"

    def sample_weight(self):
        weights = np.where(Y == "a", 1.0, 0.0)
        labels = [set(map(int, y)) for _, y in self.new(weights=weights).dls.train]
        assert all(found == {0} for found in labels)
        return "partly", "`weights`: how often a series is drawn"

    def class_weight(self):
        import torch
        from tsai.all import CrossEntropyLossFlat

        loss = CrossEntropyLossFlat(weight=torch.tensor([1.0, 0.0]))
        learn = self.trained(epochs=30, loss_func=loss)
        assert (learn.get_X_preds(X)[0].argmax(dim=1) == 0).all()
        return "yes", "`loss_func` with a tensor of weights"

    def _finite(self, *args, **options):
        return bool(np.isfinite(np.array(self.trained(*args, **options).recorder.values)).all())

    def unequal_length(self):
        reason = refusal(ValueError, lambda: self.new(UNEQUAL))
        assert "inhomogeneous shape" in reason
        padded = np.full((24, 1, 14), np.nan)
        for row, series in zip(padded, UNEQUAL, strict=True):
            row[:, : series.shape[1]] = series
        assert self._finite(padded, arch="TSTPlus", arch_config={})
        return "partly", "padded with NaN by you; TSTPlus masks NaN"

    def missing_values(self):
        from tsai.all import TSNan2Value

        assert not self._finite(MISSING)
        assert self._finite(MISSING, batch_tfms=[TSNan2Value(median=True)])
        return "yes", "`batch_tfms=[TSNan2Value()]`: a constant or the median"

    def saving(self):
        import torch

        learn = self.trained()
        learn.export("learn.pkl")
        with zipfile.ZipFile("learn.pkl") as file:
            assert any(name.endswith("data.pkl") for name in file.namelist())
        learn.save("weights", with_opt=False)
        torch.load("models/weights.pth", weights_only=True)
        return "partly", "`export` pickles; `torch.load(..., weights_only=True)` reads `save`"

    def onnx(self):
        import torch

        model = self.trained().model.cpu().eval()
        torch.onnx.export(model, (torch.zeros(2, 1, 16),), "net.onnx", verbose=False)
        assert Path("net.onnx").exists()
        note = source_has_not("tsai", ["onnx"])
        return "no", f"{note}; by hand, `torch.onnx.export` takes `learn.model`"

    def resume(self):
        from fastai.callback.core import Callback
        from fastai.callback.tracker import SaveModelCallback

        epochs, killed = [], []

        class Watch(Callback):
            def before_train(self):
                epochs.append(self.epoch)
                if self.epoch == 3 and not killed:
                    killed.append(True)
                    raise Killed("killed")

        keep = SaveModelCallback(every_epoch=True, with_opt=True, fname="model")
        with contextlib.suppress(Killed):
            self.trained(epochs=6, cbs=[keep, Watch()])
        learn = self.new(cbs=[Watch()])
        learn.load("model_2", with_opt=True)
        self.train(learn, 6, start_epoch=3)
        assert epochs == [0, 1, 2, 3, 3, 4, 5]
        return "partly", "by hand: `SaveModelCallback`, `load`, `fit_one_cycle(..., start_epoch=)`"

    def studies(self):
        from tsai import optuna

        assert "resume" in inspect.signature(optuna.run_optuna_study).parameters
        return "no", "`run_optuna_study(..., resume=)` resumes a search on one data set (read)"

    def explanations(self):
        import torch
        from tsai.models.explainability import get_attribution_map

        model = self.trained().model
        maps = get_attribution_map(model, [model.convblock3], torch.as_tensor(X[:2]).float())
        assert maps.shape == (2, 1, 16)
        return "yes", "attribution maps, importance of channels and of time steps"

    def forecasting(self):
        from tsai.all import SlidingWindow, TimeSplitter, TSForecaster

        windows, targets = SlidingWindow(12, horizon=1)(SERIES)
        splits = TimeSplitter(10, show_plot=False)(targets)
        config = {"layers": [4, 4, 4]}
        learn = TSForecaster(windows, targets, splits=splits, arch="FCN", arch_config=config, bs=8)
        assert self.train(learn, 2).get_X_preds(windows[:3])[0].shape == (3, 1)
        return "yes", "`TSForecaster`"

    def networks(self):
        from tsai.learner import all_arch_names

        names = [n for n in set(all_arch_names) if not n.endswith(("Classifier", "Regressor"))]
        return f"{len(names)} names", "of architectures and their variants, for all three tasks"

    def classical(self):
        from tsai.learner import all_arch_names

        names = [name for name in set(all_arch_names) if name.endswith("Classifier")]
        return str(len(names)), "ridge regressions on features of ROCKET and MiniRocket"


COLUMNS = {column.name: column for column in (Skts, SktimeTorch, SktimeKeras, Aeon, Tsai)}


def installed(column):
    return all(importlib.util.find_spec(name) for name in column.needs)


def tried(column):
    """The answers of a column, each from its own empty folder."""
    answers = {}
    for row in ROWS:
        print(f"{column.name}: {row}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            answers[row] = getattr(column(), row)()
    return {
        "versions": versions(*column.packages),
        "date": date.today().isoformat(),
        "rows": answers,
    }


def table(record):
    """The table in markdown, its notes, and the versions."""
    yield "| | " + " | ".join(COLUMNS) + " |"
    yield "|---" * (1 + len(COLUMNS)) + "|"
    for row, title in ROWS.items():
        answers = [record[c]["rows"][row][0] if c in record else "not tried" for c in COLUMNS]
        yield f"| {title} | " + " | ".join(answers) + " |"
    yield ""
    for row, title in ROWS.items():
        notes = {c: record[c]["rows"][row][1] for c in COLUMNS if c in record}
        told = [f"*{column}*: {note}." for column, note in notes.items() if note]
        if told:
            yield f"- **{title}.** " + " ".join(told)
    yield ""
    for column in COLUMNS:
        if column in record:
            found = ", ".join(f"{k} {v}" for k, v in record[column]["versions"].items())
            yield f"- {column}, tried on {record[column]['date']}: {found}."


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--columns", nargs="*", choices=COLUMNS, default=[])
    parser.add_argument("--record", type=Path, default=RECORD)
    parser.add_argument("--write", action="store_true", help="update the record")
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # of the other packages
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    record = json.loads(args.record.read_text()) if args.record.exists() else {}
    columns = [COLUMNS[name] for name in args.columns if installed(COLUMNS[name])]
    if any(issubclass(column, _Keras) for column in columns):
        import tensorflow as tf

        # a second device, to choose between
        (cpu,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(2)]
        )
        tf.keras.utils.disable_interactive_logging()
    for column in columns:
        with contextlib.redirect_stdout(sys.stderr):
            record[column.name] = tried(column)
    if args.write:
        args.record.write_text(json.dumps(record, indent=1) + "\n")
    print("\n".join(table(record)))


if __name__ == "__main__":
    main()
