"""Formats of what is stored, and the versions of skts that read them."""

import contextlib
import platform

import torch
from packaging.version import InvalidVersion, Version

from skts.version import __version__

#: Of those that are read the last one is written; format 1 knows nothing of the optimiser.
FORMATS = (1, 2)
#: What may come of an entry that save did not write.
READ_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,  # also of recursion
    SyntaxError,
    TypeError,
)


def header_of(plain):
    """What stands beside a stored estimator: the format and the versions that wrote it."""
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    versions["skts"] = __version__
    return {"format": FORMATS[-1], "estimator": plain, "versions": versions}


def check_format(path, header):
    """Raise ValueError where only another version of skts can read it."""
    if header["format"] not in FORMATS:
        raise ValueError(
            f"{path} has format {header['format']!r}, this version of skts reads {FORMATS}. "
            + _versions(header)
        )


@contextlib.contextmanager
def later_version_named(path, header):
    """Name the versions where an estimator cannot be read that a later version wrote."""
    theirs = header["versions"]["skts"]
    try:
        is_later = Version(theirs) > Version(__version__)
    except (InvalidVersion, TypeError) as error:
        raise ValueError(f"{path} names no version of skts that wrote it: {theirs!r}") from error
    try:
        yield is_later
    except (ValueError, *READ_ERRORS) as error:
        if not is_later:
            raise
        reason = error if isinstance(error, ValueError) else repr(error)
        raise ValueError(f"{path} cannot be read: {reason}. {_versions(header)}") from error


def _versions(header):
    theirs = header["versions"]["skts"]
    return (
        f"It was written by skts {theirs}, this is skts {__version__}: update with "
        f'pip install --upgrade skts, or load it with skts {theirs} (pip install "skts=={theirs}")'
    )
