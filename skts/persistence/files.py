"""Files of weights (safetensors) and plain data (JSON), written atomically, executing nothing."""

import contextlib
import errno
import glob
import hashlib
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from skts.params import is_sequence

#: Accepted dtypes of stored arrays.
DTYPE = re.compile(r"[<>|=]?([biufO]\d?|U\d{1,5}|[mM]8(\[\d{0,9}[a-zA-Z]{1,2}\])?)")


def write_file(path, entry, header, tensors):
    """Write tensors, and a header as JSON under the name `entry`, with a digest of both."""
    from safetensors.torch import save as as_bytes

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    header = header | {"digest": digest_of(header, tensors)}
    replace_file(path, as_bytes(tensors, metadata={entry: json.dumps(header)}))


def read_file(path, entry, writer):
    """Return the header, with its digest, and the tensors.

    Raises ValueError, which names the `writer`, if the file does not have the entry.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = Path(path)
    check_regular(path)
    content = path.read_bytes()  # safetensors would open it twice, and it can change in between
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise ValueError(
            f"{path} was not written by {writer}, or is damaged ({len(content)} bytes): {error}"
        ) from error
    try:
        start = 8  # the first 8 bytes are the size of the JSON that follows
        size = int.from_bytes(content[:start], "little")
        metadata = json.loads(content[start : start + size]).get("__metadata__", {})
        header = json.loads(metadata.get(entry))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} was not written by {writer}: it has no entry {entry!r}"
        ) from error
    if not isinstance(header, dict):
        raise ValueError(f"{path} was not written by {writer}: its entry is not a dict")
    return header, tensors


def check_digest(path, header, tensors):
    """Raise ValueError if the header or the tensors differ from those that were written."""
    rest = {name: value for name, value in header.items() if name != "digest"}
    if header["digest"] != digest_of(rest, tensors):
        raise ValueError(f"{path} is damaged or was changed: its digest does not match")


def digest_of(header, tensors):
    """Return the SHA-256 of a header without digest, and of named tensors on the CPU."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(tensors):
        array = tensors[name].numpy()
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def check_regular(path):
    """Return the result of os.stat; raise OSError for a folder, device, FIFO or socket."""
    found = os.stat(path)
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(
            errno.EISDIR, "this is a folder, pass the path of a file", os.fspath(path)
        )
    if not stat.S_ISREG(found.st_mode):
        raise FileExistsError(
            errno.EEXIST,
            "this is a device, FIFO or socket, pass the path of a file",
            os.fspath(path),
        )
    return found


def check_writable(path):
    """Return the path of the file to write, with links resolved, and its mode or None if new.

    Raises OSError if no file can be written there.
    """
    if os.fspath(path).endswith((os.sep, os.altsep or os.sep)):
        raise IsADirectoryError(
            errno.EISDIR, "this names a folder, pass the path of a file", os.fspath(path)
        )
    path = Path(path)
    try:
        mode = stat.S_IMODE(check_regular(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        mode = None
    target = Path(os.path.realpath(path))
    folder = os.fspath(target.parent)
    if not os.path.exists(folder):
        raise FileNotFoundError(errno.ENOENT, "the folder does not exist, create it first", folder)
    if not os.path.isdir(folder):
        raise NotADirectoryError(errno.ENOTDIR, "this is a file, pass a folder", folder)
    return target, mode


def replace_file(path, content):
    """Write bytes to a file atomically.

    An existing file keeps its mode; a new file gets the mode of the umask. Symbolic links are
    followed. Raises OSError if the path is not that of a file, or its folder does not exist.
    """
    path, mode = check_writable(path)
    half = path.with_name(f"{_half_name(path)}{secrets.token_hex(8)}.half")
    first = 0o666 if mode is None else 0o600  # private until it has the mode of the old file
    try:
        with open(half, "xb", opener=lambda name, flags: os.open(name, flags, first)) as file:
            if mode is not None:
                half.chmod(mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except OSError as error:  # its message names the temporary file
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    finally:
        with contextlib.suppress(OSError):  # the temporary file was renamed or never created
            half.unlink()


def _half_name(path):
    return f".{path.name[-50:]}."  # names have at most 255 bytes


def remove_file(path):
    """Remove a file, and temporary files of killed writers that are older than an hour."""
    path.unlink(missing_ok=True)
    for half in path.parent.glob(f"{glob.escape(_half_name(path))}*.half"):
        with contextlib.suppress(FileNotFoundError):  # a running writer has renamed it
            if time.time() - half.stat().st_mtime > 3600:
                half.unlink()


def with_prefix(prefix, tensors):
    """Return the tensors, with a prefix added to their names."""
    return {prefix + name: tensor for name, tensor in tensors.items()}


def without_prefix(prefix, tensors):
    """Return the tensors whose names have the prefix, without the prefix."""
    found = (name for name in tensors if name.startswith(prefix))
    return {name.removeprefix(prefix): tensors[name] for name in found}


def to_plain(name, value, tensors=None):
    """Return a value in a form for JSON; types that JSON lacks become a dict with their type.

    Tensors in the value are added to the dict `tensors`. Raises ValueError, which names `name`,
    for values that cannot be stored.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [to_plain(name, item, tensors) for item in value]
    if is_sequence(value):
        return {"tuple": [to_plain(name, item, tensors) for item in value]}
    if isinstance(value, Mapping):
        pairs = [[to_plain(name, k), to_plain(name, v, tensors)] for k, v in value.items()]
        return {"dict": pairs}
    if isinstance(value, np.ndarray) and value.ndim == 1:
        items = value.astype(np.int64) if value.dtype.kind in "mM" else value
        return {"array": to_plain(name, items.tolist()), "dtype": value.dtype.str}
    if isinstance(value, type) and getattr(torch.optim, value.__name__, None) is value:
        return {"optimizer": value.__name__}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, torch.Tensor) and tensors is not None:
        key = str(len(tensors))
        tensors[key] = value.detach().cpu()
        return {"tensor": key}
    raise ValueError(
        f"{name} cannot be stored: it must consist of numbers, strings, tuples, lists and dicts, "
        f"or be an optimiser of torch.optim, got {value!r}. Set such an option to None before "
        "saving, or fit with labels and names that are numbers or strings"
    )


def from_plain(value, tensors=None):
    """Return the value that `to_plain` was given."""
    if isinstance(value, list):
        return [from_plain(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"tuple": items}:
            return tuple(from_plain(item, tensors) for item in items)
        case {"dict": pairs}:
            return {from_plain(k): from_plain(v, tensors) for k, v in pairs}
        case {"array": list(items), "dtype": str(dtype)} if DTYPE.fullmatch(dtype):
            return np.array(from_plain(items), dtype=np.dtype(dtype))
        case {"optimizer": name}:
            cls = getattr(torch.optim, name, None)
            if isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer):
                return cls
        case {"tensor": key} if tensors is not None:
            return tensors[key]
    raise ValueError(f"cannot read {value!r}")
