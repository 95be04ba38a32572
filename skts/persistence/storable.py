"""Fitted estimators in one file: weights as safetensors, all else as JSON. Nothing is executed.

The metadata has one entry, ``skts``. It contains the number of the format, the estimator (class,
parameters, fitted attributes, training history, state of the optimiser), the versions that wrote
it, and a digest of all this and of every tensor. Files of format 1 lack the optimiser's state.
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
_REGISTERED: dict[str, type] = {}  # the imported public estimators of skts, by name


class Storable:
    """Base of estimators that `save` and `load` support; public classes of skts are registered.

    Subclasses have a `paper`, ``_stored() -> (plain, tensors)`` and
    ``_restored(plain, tensors, device)``, which returns the fitted estimator.
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        is_public = getattr(cls, "paper", "") and not cls.__name__.startswith("_")
        if is_public and cls.__module__.partition(".")[0] == "skts":
            _REGISTERED[cls.__name__] = cls


def registered(name):
    """Return the imported public estimator of skts with that name, or None."""
    return _REGISTERED.get(name) if isinstance(name, str) else None


class Persistent(Storable):
    """Mixin with `save` and `load`. Forecasters do not use it, because sktime defines `save`."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to a file, as skts.save does.

        Parameters
        ----------
        path : str or path
            An existing file is replaced.

        Raises
        ------
        TypeError, NotFittedError, ValueError, OSError
            As in skts.save.
        """
        write_estimator(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: str | None = None) -> Self:
        """Read an estimator of this class from a file, as skts.load does.

        Parameters
        ----------
        path : str or path
        device : {"auto", "cpu", "cuda", "cuda:N"}, optional
            Replaces the `device` of the estimator.

        Returns
        -------
        estimator

        Raises
        ------
        OSError, ValueError
            As in skts.load. Also if the file has an estimator of another class.
        """
        header, tensors = read_entry(path)
        name = class_in(header)
        if registered(name) is None or not issubclass(registered(name), cls):
            raise ValueError(
                f"{path} must have a {cls.__name__}, but has a {name}: read it with skts.load"
            )
        return estimator_of(path, header, tensors, device)

    # pickle, joblib and copy call __reduce_ex__ and get all attributes as usual. skops calls
    # __getstate__ and gets the form that save writes, so that its files have only known types.

    def __reduce_ex__(self, protocol):
        is_ours = type(self).__getstate__ is Persistent.__getstate__
        state = super().__getstate__() if is_ours else self.__getstate__()  # of a subclass
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
        if "format" not in header:  # written before format 2 was introduced
            header = header_of(header)
        check_format("the skops file", header)
        weights = {name: torch.as_tensor(array) for name, array in state["weights"].items()}
        with later_version_named("the skops file", header):
            plain = header["estimator"]
            try:
                for device in _devices(plain):
                    resolve_device(device)
                device = None
            except ValueError as error:
                message = f"{error} The estimator is loaded to the CPU."
                warnings.warn(message, RuntimeWarning, stacklevel=3)
                device = "cpu"  # skops.io.load has no option for the device
            vars(self).update(vars(self._restored(plain, weights, device)))


def _devices(plain):
    """Return the devices of a stored estimator, or of its members, and of those in `init_from`."""
    held = [options for _, options in plain.get("estimators", ())]
    held += [plain["estimator"]] if "estimator" in plain else []
    devices = [options["device"] for options in held or [plain["parameters"]]]
    return devices + [device for source in sources_in(plain) for device in _devices(source)]


def sources_in(plain):
    """Return the stored estimators in `init_from` of a stored estimator or its members."""
    return [one["init_from"] for one in (plain, *plain.get("members", ())) if "init_from" in one]


@torch_defaults()
def write_estimator(estimator, path):
    """Write a fitted estimator, as skts.save does."""
    if not isinstance(estimator, Storable):
        raise TypeError(
            "save takes a fitted classifier, regressor, ensemble or forecaster of skts, got a "
            f"{type(estimator).__name__}. Of an adapter, save estimator_; of a search, save "
            "best_estimator_. Use skops for a pipeline of scikit-learn"
        )
    if registered(type(estimator).__name__) is not type(estimator):
        raise TypeError(
            f"{type(estimator).__name__} of {type(estimator).__module__} is not a class of skts, "
            "so load would not find it: save takes only estimators of skts"
        )
    plain, tensors = estimator._stored()
    restored_from(plain, tensors, "cpu")  # check that it can be read before it is written
    write_file(path, ENTRY, header_of(plain), tensors)


@torch_defaults()
def read_entry(path):
    """Return the checked header and the tensors of a file that skts.save wrote."""
    header, tensors = read_file(path, ENTRY, "skts.save")
    with read_errors_named(path):
        check_format(path, header)
        check_digest(path, header, tensors)
    return header, tensors


def class_in(header):
    """Return the class name of the estimator in a file, or None if there is none."""
    plain = header.get("estimator")
    return plain.get("class") if isinstance(plain, dict) else None


@torch_defaults()
def estimator_of(path, header, tensors, device):
    """Return the estimator for the result of `read_entry`."""
    with read_errors_named(path), later_version_named(path, header) as is_later:
        estimator = restored_from(header["estimator"], tensors, device)
        if is_later:
            check_attributes(header["estimator"])
        return estimator


@contextlib.contextmanager
def read_errors_named(path):
    """Convert exceptions from an entry that save did not write to a ValueError."""
    try:
        yield
    except READ_ERRORS as error:
        raise ValueError(
            f"{path} was not written by skts.save: reading its entry raised {error!r}"
        ) from error


def check_attributes(plain):
    """Raise ValueError if a stored estimator or one of its members has an unknown attribute.

    This is only for files of later versions. In a file of this version, the user set it.
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
    """Return the estimator of a stored form; raise ValueError if skts does not have its class."""
    try:
        cls = registered(plain["class"])
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"expected a dict with the class name of an estimator, got {plain!r}"
        ) from error
    if cls is None:
        raise ValueError(f"this version of skts has no estimator {plain['class']!r} to load")
    return cls._restored(plain, tensors, device)


def without_frozen(value):
    """Return the estimator inside a FrozenEstimator of scikit-learn, and other values unchanged."""
    return value.estimator if isinstance(value, FrozenEstimator) else value


def plain_parameters(estimator):
    """Return the options of an estimator in plain form, without an estimator in `init_from`."""
    options = estimator.get_params(deep=False)
    if isinstance(without_frozen(options.get("init_from")), Storable):
        del options["init_from"]
    return {name: to_plain(name, value) for name, value in options.items()}


def with_parameters(cls, parameters, **held):
    """Return an unfitted estimator with checked options; `held` are options with estimators."""
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
            raise ValueError(f"{name!r} is not a fitted attribute of {type(estimator).__name__}")
        known = from_plain(value)
        check_as_written(name, to_plain(name, known), value)
        setattr(estimator, name, known)


def check_as_written(name, plain, stored):
    """Raise ValueError unless a stored value has the form in which save writes it."""
    if json.dumps(plain) != json.dumps(stored):
        raise ValueError(f"the stored {name} must have the form that save writes, got {stored!r}")
