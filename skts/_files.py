"""Files of weights and plain data: safetensors and JSON, whole or not there, nothing executed."""

import contextlib
import hashlib
import json
import os
import re
import secrets
import time
from pathlib import Path

import numpy as np
import torch

DTYPE = re.compile(r"[<>|=]?([biufO]\d?|U\d{1,5})")  # of stored arrays


def write_file(path, entry, header, tensors):
    """Write tensors, and a header for JSON under the name `entry`, with a digest of both."""
    from safetensors.torch import save as as_bytes

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    header = header | {"digest": digest_of(header, tensors)}
    _replace(Path(path), as_bytes(tensors, metadata={entry: json.dumps(header)}))


def read_file(path, entry, writer):
    """The header, its digest in it, and the tensors.

    Raises ValueError, with the name of the writer, where there is no such entry.
    """
    from safetensors import SafetensorError, safe_open

    n_bytes = path.stat().st_size
    try:
        with safe_open(path, framework="pt") as file:
            found = (file.metadata() or {}).get(entry)
            names = file.keys()  # it is no dict
            # copies: what it gives lies in the mapped file, unaligned, and would keep it mapped
            tensors = {name: file.get_tensor(name).clone() for name in names}
    except SafetensorError as error:
        raise ValueError(
            f"{path} was not written by {writer}, or is damaged ({n_bytes} bytes): {error}"
        ) from error
    try:
        header = json.loads(found)
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


def _replace(path, content):
    """Write all of it or nothing."""
    path = Path(os.path.realpath(path))
    half = path.with_name(f".{path.name}.{secrets.token_hex(8)}.half")
    try:
        with half.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def remove_file(path):
    """Remove a file, and what killed writers of it left behind: halves that are an hour old."""
    path.unlink(missing_ok=True)
    for half in path.parent.glob(f".{path.name}.*.half"):
        with contextlib.suppress(FileNotFoundError):  # its writer is alive
            if time.time() - half.stat().st_mtime > 3600:
                half.unlink()


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
    if isinstance(value, tuple):
        return {"tuple": [to_plain(name, item, tensors) for item in value]}
    if isinstance(value, dict):
        pairs = [[to_plain(name, k), to_plain(name, v, tensors)] for k, v in value.items()]
        return {"dict": pairs}
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return {"array": to_plain(name, value.tolist()), "dtype": value.dtype.str}
    if isinstance(value, type) and getattr(torch.optim, value.__name__, None) is value:
        return {"optimizer": value.__name__}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, torch.Tensor) and tensors is not None:
        key = str(len(tensors))
        tensors[key] = value
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
