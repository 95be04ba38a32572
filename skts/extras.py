"""Error messages for missing packages of the extras of skts."""

import contextlib
import sys
from collections.abc import Iterator

#: The packages of each extra that skts imports.
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
    """Explain a failed import of a package of an extra; `what` is the subject of the message.

    Raises
    ------
    ModuleNotFoundError
        If a package of the extra is not installed. The message has the commands that install it.
        Errors inside an installed package are raised unchanged.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        is_there = error.name != package and sys.modules.get(package) is not None
        if package not in PACKAGES[extra] or is_there:
            raise
        raise ModuleNotFoundError(
            f"{what} needs {package}, which is not installed. Run in a clone of the project: "
            f'pip install -c constraints.txt -e ".[{extra}]"',
            name=package,
        ) from error
