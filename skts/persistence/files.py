"""Files of weights and plain data: safetensors and JSON, whole or not there, nothing executed."""

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

#: Of stored arrays.
DTYPE = re.compile(r"[<>|=]?([biufO]\d?|U\d{1,5}|[mM]8(\[\d{0,9}[a-zA-Z]{1,2}\])?)")


def write_file(path, entry, header, tensors):
    """Write tensors, and a header for JSON under the name `entry`, with a digest of both."""
    from safetensors.torch import save as as_bytes

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    header = header | {"digest": digest_of(header, tensors)}
    replace_file(path, as_bytes(tensors, metadata={entry: json.dumps(header)}))


def read_file(path, entry, writer):
    """The header, its digest in it, and the tensors.

    Raises ValueError, with the name of the writer, where there is no such entry.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = Path(path)
    check_regular(path)
    content = path.read_bytes()  # safetensors would open it twice, and find two files
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise ValueError(
            f"{path} was not written by {writer}, or is damaged ({len(content)} bytes): {error}"
        ) from error
    try:
        start = 8  # the first bytes are the size of the JSON that follows
        size = int.from_bytes(content[:start], "little")
        metadata = json.loads(content[start : start + size]).get("__metadata__", {})
        header = json.loads(metadata.get(entry))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} was not written by {writer}: it has no such entry") from error
    if not isinstance(header, dict):
        raise ValueError(f"{path} was not written by {writer}: its entry is no dict")
    return header, tensors


def check_digest(path, header, tensors):
    """Raise ValueError where header and tensors are not those that were written."""
    rest = {name: value for name, value in header.items() if name != "digest"}
    if header["digest"] != digest_of(rest, tensors):
        raise ValueError(f"{path} is damaged or was changed: its digest is another")


def digest_of(header, tensors):
    """SHA-256 of a header without digest, and of tensors on the CPU by name."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(tensors):
        array = tensors[name].numpy()
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def check_regular(path):
    """What os.stat tells of a file; OSError where it is a folder, a device, a FIFO or a socket."""
    found = os.stat(path)
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(
            errno.EISDIR, "this is a folder, the path of a file is needed", os.fspath(path)
        )
    if not stat.S_ISREG(found.st_mode):
        raise FileExistsError(
            errno.EEXIST,
            "this is a device, FIFO or socket, the path of a file is needed",
            os.fspath(path),
        )
    return found


def check_writable(path):
    """The path of the file to write, behind symbolic links, and its mode, None where it is new.

    Raises OSError where no file can be written there.
    """
    if os.fspath(path).endswith((os.sep, os.altsep or os.sep)):
        raise IsADirectoryError(
            errno.EISDIR, "this names a folder, the path of a file is needed", os.fspath(path)
        )
    path = Path(path)
    try:
        mode = stat.S_IMODE(check_regular(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        mode = None
    target = Path(os.path.realpath(path))
    folder = os.fspath(target.parent)
    if not os.path.exists(folder):
        raise FileNotFoundError(errno.ENOENT, "there is no such folder, make it first", folder)
    if not os.path.isdir(folder):
        raise NotADirectoryError(errno.ENOTDIR, "this is a file, a folder is needed", folder)
    return target, mode


def replace_file(path, content):
    """Write bytes to a file, all of them or nothing.

    A file that is there keeps its mode, a new one gets that of the umask. What stands behind a
    symbolic link is written. OSError where there is anything but a file, or no folder.
    """
    path, mode = check_writable(path)
    half = path.with_name(f"{_half_name(path)}{secrets.token_hex(8)}.half")
    first = 0o666 if mode is None else 0o600  # open to nobody else before it has its own
    try:
        with open(half, "xb", opener=lambda name, flags: os.open(name, flags, first)) as file:
            if mode is not None:
                half.chmod(mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except OSError as error:  # whose words are of the half
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    finally:
        with contextlib.suppress(OSError):  # a folder that allows no file, or has none
            half.unlink()


def _half_name(path):
    return f".{path.name[-50:]}."  # names have at most 255 bytes


def remove_file(path):
    """Remove a file, and what killed writers of it left behind: halves that are an hour old."""
    path.unlink(missing_ok=True)
    for half in path.parent.glob(f"{glob.escape(_half_name(path))}*.half"):
        with contextlib.suppress(FileNotFoundError):  # its writer is alive
            if time.time() - half.stat().st_mtime > 3600:
                half.unlink()


def with_prefix(prefix, tensors):
    """The tensors, their names behind a prefix."""
    return {prefix + name: tensor for name, tensor in tensors.items()}


def without_prefix(prefix, tensors):
    """Those of the tensors whose names have the prefix, without it."""
    found = (name for name in tensors if name.startswith(prefix))
    return {name.removeprefix(prefix): tensors[name] for name in found}


def to_plain(name, value, tensors=None):
    """`value` as JSON has it; what is not a number, word or list becomes a dict with its kind.

    A dict `tensors` takes the tensors of it. Raises ValueError, with `name`, for what cannot be
    stored.
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
        f"{name} cannot be stored: it must be of numbers, words, tuples, lists and dicts, or an "
        f"optimiser of torch.optim, got {value!r}. Set an option to None before saving, or fit "
        "with labels and names that are numbers or words"
    )


def from_plain(value, tensors=None):
    """What to_plain was given."""
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
