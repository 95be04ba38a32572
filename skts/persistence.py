"""Fitted estimators in one file: weights as safetensors, all else as JSON. Nothing is executed.

The metadata holds one entry, ``skts``: the number of the format, the estimator (class, parameters,
fitted attributes, training history), the versions that wrote it, and a digest of all that and of
every weight.
"""

import copyreg
import importlib
import json
import platform
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from skts._checkpoint import epochs_of
from skts._files import check_digest, from_plain, read_file, to_plain, write_file
from skts._tensors import resolve_device
from skts._training import net_with_weights
from skts._validation import input_options

__all__ = ["load", "save"]

FORMAT = 1
ENTRY = "skts"
#: What may come of an entry that save did not write.
UNFIT = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,  # also of recursion
    SyntaxError,
    TypeError,
)


class Storable:
    """Mark of what `save` takes.

    A class has ``_stored() -> (plain, tensors)`` and ``_restored(plain, tensors, device)``, which
    gives the fitted estimator back.
    """


class Persistent(Storable):
    """Mixin with `save` and `load`; sktime's estimators have a `save` of their own."""

    def save(self, path):
        """Write the fitted estimator to a file; skts.save says more.

        Parameters
        ----------
        path : str or path
            An existing file is replaced.

        Raises
        ------
        TypeError, NotFittedError, ValueError
            As skts.save.
        """
        save(self, path)

    @classmethod
    def load(cls, path, *, device=None):
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
        estimator = load(path, device=device)
        if not isinstance(estimator, cls):
            raise ValueError(
                f"{path} must hold a {cls.__name__}, it holds a {type(estimator).__name__}: read "
                "it with skts.load"
            )
        return estimator

    # pickle, joblib and copy ask for __reduce_ex__ and get everything, as ever; skops asks for
    # __getstate__ and gets what save writes, so that a file of its has no types but known ones

    def __reduce_ex__(self, protocol):
        is_ours = type(self).__getstate__ is Persistent.__getstate__
        state = super().__getstate__() if is_ours else self.__getstate__()  # a subclass's own
        return copyreg.__newobj__, (type(self),), state

    def __getstate__(self):
        if not any(name.endswith("_") for name in vars(self)):
            return super().__getstate__()  # unfitted
        plain, tensors = self._stored()
        arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
        return {ENTRY: json.dumps(plain), "weights": arrays}

    def __setstate__(self, state):
        if ENTRY not in state:
            super().__setstate__(state)
            return
        plain, device = json.loads(state[ENTRY]), None
        try:
            resolve_device(plain.get("estimator", plain["parameters"])["device"])
        except ValueError as error:
            warnings.warn(f"{error} It goes to the CPU.", RuntimeWarning, stacklevel=2)
            device = "cpu"  # skops.io.load cannot be told another
        weights = {name: torch.as_tensor(array) for name, array in state["weights"].items()}
        vars(self).update(vars(self._restored(plain, weights, device)))


class PersistentNetwork(Persistent):
    """Mixin of estimators with one network.

    They have ``net_``, `_make_net` and `_new_network`, which gives the untrained network.
    """

    def _stored(self):
        check_is_fitted(self)
        if input_options(self) != self._input_options:
            raise ValueError(
                f"in fit the options gave {self._input_options._asdict()}, now they give "
                f"{input_options(self)._asdict()}: set them back before saving"
            )
        if self.net_.architecture_ != self._architecture():
            raise ValueError(
                f"the network was made with the options {self.net_.architecture_}, now they are "
                f"{self._architecture()}: set them back before saving"
            )
        parameters = plain_parameters(self)
        fitted = [name for name in vars(self).keys() - parameters.keys() if name[0] != "_"]
        plain = {
            "class": type(self).__name__,
            "parameters": parameters,
            "fitted": {
                name: to_plain(name, getattr(self, name))
                for name in sorted(fitted)
                if name != "net_"
            },
        }
        return plain | plain_training(self.net_), self.net_.module_.state_dict()

    @classmethod
    def _restored(cls, plain, tensors, device):
        estimator = with_parameters(cls, plain["parameters"])
        set_fitted(estimator, plain["fitted"])
        estimator._input_options = input_options(estimator)
        if device is not None:
            estimator.set_params(device=device)._check_options()
        if "classes_" in plain["fitted"]:
            check_classes(estimator.classes_)
        estimator.net_ = restored_net(
            plain, estimator, estimator._make_net, estimator._new_network, tensors
        )
        return estimator


def save(estimator, path):
    """Write a fitted estimator of skts to a file.

    Parameters
    ----------
    estimator : classifier, regressor, seed ensemble or forecaster of skts
        Fitted; a forecaster may also be pretrained alone. Of an adapter for sktime or aeon save its
        ``estimator_``.
    path : str or path
        An existing file is replaced, once all is written.

    Raises
    ------
    TypeError
        Where it is no such estimator, or of a class of one's own.
    NotFittedError
        Where it is not fitted.
    ValueError
        Where an option cannot be written: a RandomState, callbacks, an optimiser that is not of
        torch.optim; or where options were changed since `fit`, so that the weights do not fit.

    Examples
    --------
    >>> import tempfile, pathlib, skts
    >>> from skts.datasets import load_ucr
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = skts.FCNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "fcn.skts"
    >>> skts.save(clf, path)
    >>> bool((skts.load(path).predict(X) == clf.predict(X)).all())
    True
    """
    import skts

    if not isinstance(estimator, Storable):
        raise TypeError(
            "save takes a fitted classifier, regressor, ensemble or forecaster of skts, got a "
            f"{type(estimator).__name__}. Of an adapter save its estimator_; a pipeline of "
            "scikit-learn is for skops"
        )
    if _public(type(estimator).__name__) is not type(estimator):
        raise TypeError(
            f"{type(estimator).__name__} of {type(estimator).__module__} is a class of its own, "
            "which load would not find: save takes the estimators of skts themselves"
        )
    plain, tensors = estimator._stored()
    restored_from(plain, tensors, "cpu")  # what is written can be read
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    versions["skts"] = skts.__version__
    header = {"format": FORMAT, "estimator": plain, "versions": versions}
    write_file(path, ENTRY, header, tensors)


def load(path, *, device=None):
    """Read an estimator that skts.save wrote. Nothing in the file is executed.

    Parameters
    ----------
    path : str or path
    device : {"auto", "cpu", "cuda", "cuda:N"}, optional
        Takes the place of the estimator's `device`; needed where that is not there.

    Returns
    -------
    estimator
        Predicts as the saved one does. `history_` has no single batches, and `partial_fit` starts
        with a new state of the optimiser.

    Raises
    ------
    OSError
        Where there is no such file.
    ValueError
        Where it is no file of skts, is damaged or was changed, or needs another version; or where
        the device is not there.

    Examples
    --------
    >>> import tempfile, pathlib, skts
    >>> from skts.datasets import load_ucr
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "fcn.skts"
    >>> skts.FCNClassifier(max_epochs=2, random_state=0).fit(X, y).save(path)
    >>> skts.load(path, device="cpu").classes_.tolist()
    ['1', '2']
    """
    header, tensors = read_file(Path(path), ENTRY, "skts.save")
    try:
        if header["format"] != FORMAT:
            raise ValueError(
                f"{path} has format {header['format']!r}, this version of skts reads {FORMAT}: "
                f"load it with skts {header['versions']['skts']}"
            )
        check_digest(path, header, tensors)
        return restored_from(header["estimator"], tensors, device)
    except UNFIT as error:
        raise ValueError(f"{path} was not written by skts.save: {error!r} in its entry") from error


def restored_from(plain, tensors, device):
    """The estimator, of a class that skts has."""
    try:
        cls = _public(plain["class"])
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"expected an estimator by the name of its class, got {plain!r}"
        ) from error
    if not (isinstance(cls, type) and issubclass(cls, Storable)):
        raise ValueError(f"this version of skts has no estimator {plain['class']!r} to load")
    return cls._restored(plain, tensors, device)


def _public(name):
    """What skts or skts.forecasting exports by that name, or None."""
    import skts

    if name in skts.__all__:
        return getattr(skts, name)
    if isinstance(name, str) and name.endswith("Forecaster"):
        forecasting = importlib.import_module("skts.forecasting")  # imports sktime
        return getattr(forecasting, name) if name in forecasting.__all__ else None
    return None


def plain_parameters(estimator):
    """The options of an estimator, each as to_plain gives it."""
    options = estimator.get_params(deep=False)
    return {name: to_plain(name, value) for name, value in options.items()}


def with_parameters(cls, parameters):
    """An unfitted estimator of the class, its options checked."""
    try:
        estimator = cls(**{name: from_plain(value) for name, value in parameters.items()})
    except (AttributeError, TypeError) as error:
        raise ValueError(f"the options of a stored {cls.__name__} do not fit: {error}") from error
    estimator._check_options()
    return estimator


def plain_training(net):
    """What is kept of a training besides weights, each as to_plain gives it."""
    history = [
        {name: to_plain(name, value) for name, value in epoch.items()}
        for epoch in epochs_of(net.history)
    ]
    return {"history": history, "bfloat16": net.autocast is not None}


def restored_net(plain, options, make_net, network, weights):
    """The net of a training as plain_training gave it; the rest as of net_with_weights."""
    epochs = [
        {name: from_plain(value) for name, value in epoch.items()} for epoch in plain["history"]
    ]
    net = net_with_weights(options, make_net, network, weights, epochs)
    net.autocast = torch.bfloat16 if plain["bfloat16"] else None
    return net


def set_fitted(estimator, attributes):
    """Set fitted attributes, which end with an underscore."""
    for name, value in attributes.items():
        if not name.endswith("_") or name.startswith("_") or hasattr(type(estimator), name):
            raise ValueError(f"{name!r} is no fitted attribute of {type(estimator).__name__}")
        setattr(estimator, name, from_plain(value))


def check_classes(classes):
    """Raise ValueError unless these are sorted labels of at least two classes."""
    if np.ndim(classes) != 1 or len(classes) < 2 or not np.array_equal(np.unique(classes), classes):
        raise ValueError(f"classes_ must be two or more sorted labels, got {classes!r}")
