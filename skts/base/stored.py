"""Storage of estimators with one network."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skts.input.validation import InputOptions, input_options
from skts.persistence.files import to_plain, with_prefix, without_prefix
from skts.persistence.storable import (
    Persistent,
    plain_parameters,
    registered,
    restored_from,
    set_fitted,
    with_parameters,
    without_frozen,
)
from skts.training.net import SeriesNet
from skts.training.stored import plain_training, restored_net

#: Prefix of the names of the optimiser's tensors.
OF_OPTIMIZER = "optimizer/"
#: Prefix of the names of the tensors of the estimator in `init_from`.
OF_SOURCE = "init_from/"


class PersistentNetwork(Persistent):
    """Mixin of estimators with one network.

    Subclasses have ``net_``, `_make_net` and `_new_network`, which returns the untrained network.
    """

    net_: SeriesNet
    n_channels_in_: int
    n_timepoints_in_: int
    unequal_length_in_: bool
    n_features_in_: int
    feature_names_in_: np.ndarray
    channel_names_in_: list
    _input_options: InputOptions

    def _stored(self):
        check_is_fitted(self)
        if input_options(self) != self._input_options:
            raise ValueError(
                f"the options of the input were {self._input_options._asdict()} in fit, now they "
                f"are {input_options(self)._asdict()}: set them back before saving"
            )
        if self.net_.architecture_ != self._architecture():
            raise ValueError(
                f"the options of the network were {self.net_.architecture_} in fit, now they are "
                f"{self._architecture()}: set them back before saving"
            )
        parameters = plain_parameters(self)
        options = self.get_params(deep=False).keys()
        fitted = [name for name in vars(self).keys() - options if name[0] != "_"]
        plain = {
            "class": type(self).__name__,
            "parameters": parameters,
            "fitted": {
                name: to_plain(name, getattr(self, name))
                for name in sorted(fitted)
                if name != "net_"
            },
        }
        remembered = {}
        plain |= plain_training(self.net_, remembered)
        tensors = dict(self.net_.module_.state_dict()) | with_prefix(OF_OPTIMIZER, remembered)
        if options - parameters.keys():
            plain["init_from"], of_source = _stored_source(without_frozen(self.init_from))
            # members of an ensemble share these tensors; safetensors cannot store shared memory
            of_source = {name: tensor.clone() for name, tensor in of_source.items()}
            tensors |= with_prefix(OF_SOURCE, of_source)
        return plain, tensors

    @classmethod
    def _restored(cls, plain, tensors, device):
        held = {}
        if "init_from" in plain:
            of_source = without_prefix(OF_SOURCE, tensors)
            held = {"init_from": restored_from(plain["init_from"], of_source, device)}
        estimator = with_parameters(cls, plain["parameters"], **held)
        set_fitted(estimator, plain["fitted"])
        estimator._input_options = input_options(estimator)
        if device is not None:
            estimator.set_params(device=device)._check_options()
        check_shape(estimator.n_channels_in_, estimator.n_timepoints_in_)
        if "classes_" in plain["fitted"]:
            check_classes(estimator.classes_)
        if "target_scale_" in plain["fitted"]:
            check_target_scale(estimator.target_mean_, estimator.target_scale_)
        remembered = without_prefix(OF_OPTIMIZER, tensors)
        others = OF_OPTIMIZER, OF_SOURCE
        weights = {name: of for name, of in tensors.items() if not name.startswith(others)}
        estimator.net_ = restored_net(
            plain, estimator, estimator._make_net, estimator._new_network, weights, remembered
        )
        return estimator


def _stored_source(source):
    """Return the stored form of the estimator in `init_from`."""
    is_known = registered(type(source).__name__) is type(source)
    if not is_known or "net_" not in vars(source):
        raise ValueError(
            f"init_from must be a fitted estimator of skts to be saved, got {source!r}. To leave "
            "it out, call set_params(init_from=None, freeze=None) before saving"
        )
    return source._stored()


def check_shape(n_channels, n_timepoints):
    """Raise ValueError unless both are integers above 0."""
    for name, number in (("n_channels_in_", n_channels), ("n_timepoints_in_", n_timepoints)):
        if type(number) is not int or number < 1:
            raise ValueError(f"{name} must be an integer above 0, got {number!r}")


def check_classes(classes):
    """Raise ValueError unless `classes` are sorted labels of at least two classes."""
    if np.ndim(classes) != 1 or len(classes) < 2 or not np.array_equal(np.unique(classes), classes):
        raise ValueError(f"classes_ must be two or more sorted labels, got {classes!r}")


def check_target_scale(mean, scale):
    """Raise ValueError unless `mean` is a float and `scale` a float above 0."""
    if not (isinstance(mean, float) and isinstance(scale, float) and scale > 0):
        raise ValueError(
            f"target_mean_ must be a float and target_scale_ a float above 0, got {mean!r} and "
            f"{scale!r}"
        )
