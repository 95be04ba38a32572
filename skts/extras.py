"""What is said where a package is needed that only an extra of skts installs."""

import contextlib
import sys
from collections.abc import Iterator

#: Of each extra, what skts imports of it.
PACKAGES = {
    "aeon": ("aeon",),
    "bench": ("jinja2", "matplotlib", "numba", "scikit_posthocs", "statsmodels"),
    "dask": ("distributed",),
    "explain": ("captum",),
    "onnx": ("onnx", "onnx_ir", "onnxruntime", "onnxscript"),
    "plot": ("matplotlib",),
}


@contextlib.contextmanager
def needs(extra: str, what: str) -> Iterator[None]:
    """For imports of packages of an extra, by `what`, the subject of a sentence.

    Raises
    ------
    ModuleNotFoundError
        Where one of them is not installed, with the commands that do it. A package that is there,
        and fails or lacks something itself, raises what it raises.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        is_there = error.name != package and sys.modules.get(package) is not None
        if package not in PACKAGES[extra] or is_there:
            raise
        raise ModuleNotFoundError(
            f'{what} needs {package}, which is not installed: pip install "skts[{extra}]", or in a '
            f'clone of the project: pip install -c constraints.txt -e ".[{extra}]"',
            name=package,
        ) from error
