"""What is said where a package of an extra is not installed, and of one that is broken."""

import configparser
import importlib.metadata
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.utils import Bunch

import skts
from skts import demo
from skts.adapters import to_aeon
from skts.benchmark import plan_runs, run_study
from skts.explain import integrated_gradients, occlusion
from skts.export import compare_onnx
from skts.extras import PACKAGES, needs
from skts.plotting import plot_channel_importance, plot_relevance
from tests.recording import X

IMPORTANCE = Bunch(importances=np.ones((2, 3)))
SETUP = Path(__file__).parents[1] / "setup.cfg"


def report(tmp_path):
    from skts.benchmark.report import write_report

    write_report(tmp_path, tmp_path / "report")


def cluster(tmp_path):
    run_study(plan_runs(["UnitTest"], ["FCN"]), tmp_path, scheduler="tcp://127.0.0.1:1")


def in_int8(tmp_path):
    skts.export_onnx(skts.FCNClassifier(), tmp_path / "a", precision="int8", calibration=X)


#: By extra and package: what needs it.
USES = [
    ("aeon", "aeon", lambda tmp_path: to_aeon(skts.FCNClassifier())),
    ("aeon", "aeon", lambda tmp_path: skts.adapters.aeon),
    ("bench", "numba", lambda tmp_path: demo.run_demo()),
    ("bench", "matplotlib", report),
    ("bench", "jinja2", report),
    ("bench", "statsmodels", report),
    ("bench", "scikit_posthocs", report),
    ("dask", "distributed", cluster),
    ("explain", "captum", lambda tmp_path: integrated_gradients(skts.FCNClassifier(), X)),
    ("explain", "captum", lambda tmp_path: occlusion(skts.FCNClassifier(), X)),
    ("onnx", "onnx", lambda tmp_path: skts.export_onnx(skts.FCNClassifier(), tmp_path / "a")),
    ("onnx", "onnxscript", lambda tmp_path: skts.export_onnx(skts.FCNClassifier(), tmp_path / "a")),
    ("onnx", "onnx_ir", lambda tmp_path: skts.export_onnx(skts.FCNClassifier(), tmp_path / "a")),
    ("onnx", "onnxruntime", lambda tmp_path: compare_onnx(skts.FCNClassifier(), tmp_path / "a", X)),
    ("onnx", "onnxruntime", in_int8),
    ("plot", "matplotlib", lambda tmp_path: plot_relevance(X[0], X[0])),
    ("plot", "matplotlib", lambda tmp_path: plot_channel_importance(IMPORTANCE)),
]


@pytest.fixture
def without(monkeypatch):
    """Takes modules of skts and of one package out, and puts `found` in the place of the last."""

    def hide(package, found=None):
        for name in list(sys.modules):
            if name.partition(".")[0] == package or name.startswith(
                ("skts.benchmark.report", "skts.adapters.aeon")
            ):
                monkeypatch.delitem(sys.modules, name)
        for of, name in ((skts.benchmark, "report"), (skts.adapters, "aeon")):
            monkeypatch.delitem(vars(of), name, raising=False)
        if found is None:
            monkeypatch.setitem(sys.modules, package, None)
        else:
            monkeypatch.syspath_prepend(found)

    return hide


@pytest.mark.parametrize(("extra", "package", "use"), USES)
class TestUse:
    def test_of_what_is_not_installed(self, without, tmp_path, extra, package, use):
        without(package)
        with pytest.raises(ModuleNotFoundError) as raised:
            use(tmp_path)
        assert raised.value.name == package
        assert re.fullmatch(
            rf"[\w' .]+ needs {package}, which is not installed. Run in a clone of the project: "
            rf'pip install -c constraints.txt -e "\.\[{extra}\]"',
            str(raised.value),
        )

    @pytest.mark.parametrize(
        ("code", "message"),
        [
            ("import a_package_that_it_needs", "No module named 'a_package_that_it_needs'"),
            ("raise ImportError('libbroken.so')", "libbroken.so"),
        ],
    )
    def test_of_what_is_broken(self, without, tmp_path, extra, package, use, code, message):
        folder = tmp_path / "found" / package
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(code)
        without(package, found=folder.parent)
        with pytest.raises(ImportError, match=f"^{message}$"):
            use(tmp_path)


def test_every_package_of_an_extra_has_its_use_here():
    used = {(extra, package) for extra, package, _ in USES}
    assert used == {(e, package) for e, packages in PACKAGES.items() for package in packages}


class TestSetup:
    @pytest.fixture(scope="class")
    @staticmethod
    def extras():
        parser = configparser.ConfigParser()
        parser.read(SETUP)
        return {
            extra: {re.split("[<>=]", line)[0].lower() for line in lines.split()}
            for extra, lines in parser["options.extras_require"].items()
        }

    def test_installs_what_is_imported(self, extras):
        distributions = importlib.metadata.packages_distributions()
        for extra, packages in PACKAGES.items():
            for package in packages:
                assert {name.lower() for name in distributions[package]} & extras[extra], package

    def test_all_is_all_that_users_want(self, extras):
        assert extras["all"] == set().union(*(extras[extra] for extra in PACKAGES))
        assert extras["plot"] == {"matplotlib"}
        assert extras["all"] < extras["test"]


def test_an_unknown_module_is_not_of_an_extra():
    no_module = pytest.raises(ModuleNotFoundError, match="^No module named 'no_such_module'$")
    with no_module, needs("plot", "a test"):
        import no_such_module  # noqa: F401
