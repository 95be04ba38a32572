"""Fitted estimators in one file: weights as safetensors, all else as JSON. Nothing is executed.

The metadata holds one entry, ``skts``: the number of the format, the estimator (class, parameters,
fitted attributes, training history, what the optimiser remembers), the versions that wrote it, and
a digest of all that and of every tensor. Files of format 1 know nothing of the optimiser.
"""

import contextlib
import copyreg
import json
import os
import warnings
from typing import Self

import torch
from sklearn.frozen import FrozenEstimator

from skts.device import resolve_device, torch_defaults
from skts.persistence.files import check_digest, from_plain, read_file, to_plain, write_file
from skts.persistence.formats import READ_ERRORS, check_format, header_of, later_version_named

ENTRY = "skts"
_REGISTERED: dict[str, type] = {}  # the public estimators of skts that were imported, by name


class Storable:
    """What `save` takes and `load` gives back; its classes in skts register themselves by name.

    A class has ``_stored() -> (plain, tensors)`` and ``_restored(plain, tensors, device)``, which
    gives the fitted estimator back, and a `paper`.
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        is_public = getattr(cls, "paper", "") and not cls.__name__.startswith("_")
        if is_public and cls.__module__.partition(".")[0] == "skts":
            _REGISTERED[cls.__name__] = cls


def registered(name):
    """The public estimator of skts of that name, None where there is none or it is not imported."""
    return _REGISTERED.get(name) if isinstance(name, str) else None


class Persistent(Storable):
    """Mixin with `save` and `load`; sktime's estimators have a `save` of their own."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to a file; skts.save says more.

        Parameters
        ----------
        path : str or path
            An existing file is replaced.

        Raises
        ------
        TypeError, NotFittedError, ValueError, OSError
            As skts.save.
        """
        write_estimator(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: str | None = None) -> Self:
        """Read an estimator of this class from a file; skts.load says more.

        Parameters
        ----------
        path : str or path
        device : {"auto", "cpu", "cuda", "cuda:N"}, optional
            Takes the place of the estimator's `device`.

        Returns
        -------
        estimator

        Raises
        ------
        OSError, ValueError
            As skts.load, and where the file holds an estimator of another class.
        """
        header, tensors = read_entry(path)
        name = class_in(header)
        if registered(name) is None or not issubclass(registered(name), cls):
            raise ValueError(
                f"{path} must hold a {cls.__name__}, it holds a {name}: read it with skts.load"
            )
        return estimator_of(path, header, tensors, device)

    # pickle, joblib and copy ask for __reduce_ex__ and get everything, as ever; skops asks for
    # __getstate__ and gets what save writes, so that a file of its has no types but known ones

    def __reduce_ex__(self, protocol):
        is_ours = type(self).__getstate__ is Persistent.__getstate__
        state = super().__getstate__() if is_ours else self.__getstate__()  # a subclass's own
        return copyreg.__newobj__, (type(self),), state

    @torch_defaults()
    def __getstate__(self):
        if not any(name.endswith("_") for name in vars(self)):
            return super().__getstate__()  # unfitted
        plain, tensors = self._stored()
        arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
        return {ENTRY: json.dumps(header_of(plain)), "weights": arrays}

    @torch_defaults()
    def __setstate__(self, state):
        if ENTRY not in state:
            super().__setstate__(state)
            return
        header = json.loads(state[ENTRY])
        if "format" not in header:  # as skts wrote it before it had a format 2
            header = header_of(header)
        check_format("what skops read", header)
        weights = {name: torch.as_tensor(array) for name, array in state["weights"].items()}
        with later_version_named("what skops read", header):
            plain = header["estimator"]
            try:
                for device in _devices(plain):
                    resolve_device(device)
                device = None
            except ValueError as error:
                warnings.warn(f"{error} It goes to the CPU.", RuntimeWarning, stacklevel=3)
                device = "cpu"  # skops.io.load cannot be told another
            vars(self).update(vars(self._restored(plain, weights, device)))


def _devices(plain):
    """The option `device` of a stored estimator, or of those that a stored ensemble holds."""
    held = [options for _, options in plain.get("estimators", ())]
    held += [plain["estimator"]] if "estimator" in plain else []
    devices = [options["device"] for options in held or [plain["parameters"]]]
    return devices + [device for source in sources_in(plain) for device in _devices(source)]


def sources_in(plain):
    """The stored estimators that a stored one, or a member of it, starts from."""
    return [one["init_from"] for one in (plain, *plain.get("members", ())) if "init_from" in one]


@torch_defaults()
def write_estimator(estimator, path):
    """What skts.save does."""
    if not isinstance(estimator, Storable):
        raise TypeError(
            "save takes a fitted classifier, regressor, ensemble or forecaster of skts, got a "
            f"{type(estimator).__name__}. Of an adapter save its estimator_; a pipeline of "
            "scikit-learn is for skops, as is a grid search, or save its best_estimator_"
        )
    if registered(type(estimator).__name__) is not type(estimator):
        raise TypeError(
            f"{type(estimator).__name__} of {type(estimator).__module__} is a class of its own, "
            "which load would not find: save takes the estimators of skts themselves"
        )
    plain, tensors = estimator._stored()
    restored_from(plain, tensors, "cpu")  # what is written can be read
    write_file(path, ENTRY, header_of(plain), tensors)


@torch_defaults()
def read_entry(path):
    """The entry of a file of skts.save, which must have the right form, and the tensors."""
    header, tensors = read_file(path, ENTRY, "skts.save")
    with read_errors_named(path):
        check_format(path, header)
        check_digest(path, header, tensors)
    return header, tensors


def class_in(header):
    """The name of the class of the estimator in a file, None where there is none."""
    plain = header.get("estimator")
    return plain.get("class") if isinstance(plain, dict) else None


@torch_defaults()
def estimator_of(path, header, tensors, device):
    """The estimator that read_entry has read from that path."""
    with read_errors_named(path), later_version_named(path, header) as is_later:
        estimator = restored_from(header["estimator"], tensors, device)
        if is_later:
            check_attributes(header["estimator"])
        return estimator


@contextlib.contextmanager
def read_errors_named(path):
    """Turn what may come of an entry that save did not write into a ValueError."""
    try:
        yield
    except READ_ERRORS as error:
        raise ValueError(f"{path} was not written by skts.save: {error!r} in its entry") from error


def check_attributes(plain):
    """Raise ValueError where a stored estimator or a member of it has an attribute not known here.

    In a file of this version it is one that the user set.
    """
    for source in sources_in(plain):
        check_attributes(source)
    for one in (plain, *plain.get("members", ())):
        cls = registered(one["class"])
        known = {
            name
            for base in cls.__mro__
            for head, _ in vars(base).get("_fitted_attributes", ())
            for name in head.partition(" :")[0].split(", ")
        }
        unknown = one.get("fitted", {}).keys() - known
        if unknown:
            raise ValueError(f"{cls.__name__} has no fitted attribute {min(unknown)!r}")


def restored_from(plain, tensors, device):
    """The estimator, of a class that skts has."""
    try:
        cls = registered(plain["class"])
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"expected an estimator by the name of its class, got {plain!r}"
        ) from error
    if cls is None:
        raise ValueError(f"this version of skts has no estimator {plain['class']!r} to load")
    return cls._restored(plain, tensors, device)


def without_frozen(value):
    """The estimator in a FrozenEstimator of scikit-learn; other values as they are."""
    return value.estimator if isinstance(value, FrozenEstimator) else value


def plain_parameters(estimator):
    """The options of an estimator, each as to_plain gives it, but for one to start from."""
    options = estimator.get_params(deep=False)
    if isinstance(without_frozen(options.get("init_from")), Storable):
        del options["init_from"]
    return {name: to_plain(name, value) for name, value in options.items()}


def with_parameters(cls, parameters, **held):
    """An unfitted estimator of the class, its options checked; those `held` are estimators."""
    try:
        plain = {name: from_plain(value) for name, value in parameters.items()}
        estimator = cls(**plain, **held)
    except (AttributeError, TypeError) as error:
        raise ValueError(f"the options of a stored {cls.__name__} do not fit: {error}") from error
    estimator._check_options()
    return estimator


def set_fitted(estimator, attributes):
    """Set fitted attributes, which end with an underscore."""
    for name, value in attributes.items():
        if not name.endswith("_") or name.startswith("_") or hasattr(type(estimator), name):
            raise ValueError(f"{name!r} is no fitted attribute of {type(estimator).__name__}")
        known = from_plain(value)
        check_as_written(name, to_plain(name, known), value)
        setattr(estimator, name, known)


def check_as_written(name, plain, stored):
    """Raise ValueError unless what was read of a file would be written as it stands there."""
    if json.dumps(plain) != json.dumps(stored):
        raise ValueError(f"{name} of what is stored must be as save writes it, got {stored!r}")
