"""File formats, and the versions of skts that read them."""

import contextlib
import platform

import torch
from packaging.version import InvalidVersion, Version

from skts.version import __version__

#: Formats that are read. The last one is written. Format 1 does not have the optimiser's state.
FORMATS = (1, 2)
#: Exceptions while reading an entry that save did not write.
READ_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,  # includes RecursionError
    SyntaxError,
    TypeError,
)


def header_of(plain):
    """Return the header of a stored estimator, with the format and the versions that wrote it."""
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    versions["skts"] = __version__
    return {"format": FORMATS[-1], "estimator": plain, "versions": versions}


def check_format(path, header):
    """Raise ValueError if only another version of skts can read the format."""
    if header["format"] not in FORMATS:
        raise ValueError(
            f"{path} has format {header['format']!r}, but this version of skts reads {FORMATS}. "
            + _versions(header)
        )


@contextlib.contextmanager
def later_version_named(path, header):
    """Name the versions in the error if an estimator of a later version cannot be read."""
    theirs = header["versions"]["skts"]
    try:
        is_later = Version(theirs) > Version(__version__)
    except (InvalidVersion, TypeError) as error:
        raise ValueError(
            f"{path} does not have the version of skts that wrote it, got {theirs!r}"
        ) from error
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
        f"It was written by skts {theirs}, but this is skts {__version__}: update with "
        f'pip install --upgrade skts, or load it with skts {theirs} (pip install "skts=={theirs}")'
    )
