"""Base class of classifiers and regressors."""

import copy
import functools
from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    is_classifier,
)
from sklearn.utils.validation import check_is_fitted

from skts.base.stored import PersistentNetwork
from skts.device import CPU, out_of_memory_named, seeded, torch_defaults
from skts.input.validation import (
    check_finite,
    check_goes_on,
    check_sample_weight,
    check_series,
    check_targets,
)
from skts.layers import REPRESENTATIONS, Reading, output_layer, steps_of
from skts.summary import Summary, summary_of
from skts.training.batches import SeriesDataset
from skts.training.interrupts import unchanged_on_error
from skts.training.options import NetworkParams
from skts.training.series_options import InputParams, RepresentationParams
from skts.training.train import (
    TrainingData,
    channel_scaling,
    made_net,
)
from skts.training.weights import AFRESH, start_from

#: Largest number of values in a series for which a notebook shows the network. More take seconds.
MOST_SHOWN = 4096


class SeriesEstimator(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    RepresentationParams,
    InputParams,
    NetworkParams,
    PersistentNetwork,
    BaseEstimator,
    ABC,
):
    """Abstract base of the classifiers and regressors with one network."""

    #: Reason why the network's output has no gradient with respect to the series; empty if it has.
    _no_gradient = ""
    _fitted_attributes: ClassVar[tuple] = (
        (
            "net_ : skorch.NeuralNet",
            "The fitted skorch net; ``net_.module_`` is the torch module.",
        ),
        ("n_channels_in_ : int", "Channels of the training series."),
        ("n_timepoints_in_ : int", "Time points of the longest training series."),
        ("unequal_length_in_ : bool", "Whether the training series differed in length."),
        ("n_features_in_ : int", "``n_channels_in_ * n_timepoints_in_``: the columns of a 2-D X."),
        ("feature_names_in_ : ndarray of str", "Column names, if X was a frame with such names."),
        (
            "channel_names_in_ : list",
            "Channel names, if X was made of frames with one column per channel.",
        ),
    )

    @abstractmethod
    def _network(self, n_channels, n_timepoints, n_outputs):
        """Return the untrained torch module for series of this shape."""

    def _accepted_lengths(self):
        """Return the lengths that the network takes: "any", "padded" (to one length) or "equal"."""
        return "any"

    def _min_timepoints(self, n_timepoints):
        """Return the length of the shortest series that a network for `n_timepoints` takes."""
        return 1

    @abstractmethod
    def _n_outputs(self):
        """Return how many numbers the network returns per series."""

    @abstractmethod
    def _make_net(self, *args, **kwargs):
        """Return the skorch net around a network."""

    @abstractmethod
    def _learn_targets(self, y, weight, labels):
        """Set the attributes for encoding and decoding; `labels` are all possible labels."""

    @abstractmethod
    def _encoded(self, y):
        """Encode the targets for the loss."""

    def _balanced(self, data, valid, seed):
        """Apply the options that act on classes to both parts of the training data."""
        return data, valid

    @abstractmethod
    def _trained(self, data, previous, one_epoch):
        """Return the skorch net trained on checked data; `previous` is the net to continue from."""

    def _start(self, network, previous):
        """Return the initial weights for training `network`, and the frozen ones."""
        return AFRESH

    def _net_to_go_on_from(self):
        """Return the net that `fit` continues from according to the options, or None."""

    def _lengths_read(self):
        """Return `_accepted_lengths` for the current options."""
        return "any" if self.representation == "spectrum" else self._accepted_lengths()

    def _least_timepoints(self):
        """Return `_min_timepoints` of the fitted shape. All spectra have the same length."""
        return (
            1 if self.representation == "spectrum" else self._min_timepoints(self.n_timepoints_in_)
        )

    def _new_network(self, scaling=None):
        """Return the untrained network, with the input layers that the options add.

        `scaling` is the mean and the standard deviation of each channel, for
        ``normalize="channel"``. It is not needed if weights are loaded later.
        """
        n_steps = steps_of(self.representation, self.n_timepoints_in_)
        network = self._network(self.n_channels_in_, n_steps, self._n_outputs())
        if self.normalize == "channel" and scaling is None:
            scaling = np.zeros(self.n_channels_in_), np.ones(self.n_channels_in_)
        if self.representation is None and scaling is None:
            return network
        read = self.representation and REPRESENTATIONS[self.representation](self.n_timepoints_in_)
        return Reading(network, read, scaling)

    def _network_for(self, data):
        """Return the untrained network for this training data."""
        scaling = channel_scaling(data) if self.normalize == "channel" else None
        return functools.partial(self._new_network, scaling)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.missing == "interpolate"
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n, T) or (n, C, T), or list of n arrays (T_i,) or (C, T_i)
            Pandas and polars frames of numbers, and panels of sktime, are also accepted.
        y : array-like of shape (n,)
            Classifiers: labels (strings, booleans or integers) of at least two classes. Regressors:
            numbers. They are standardised for training, and `predict` reverses this.
        sample_weight : array-like of shape (n,), optional
            Weight of each series in the loss. Weights are scaled to mean 1 over the training
            series, like class weights. Series with weight 0 are left out.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If an option, `X`, `y` or `sample_weight` is not as described. The message names the
            remedy. A fitted estimator does not change.
        MemoryError
            If memory runs out.
        """
        return self._fit(X, y, sample_weight)

    def _fit(self, X, y, sample_weight, *, one_epoch=False, labels=None):
        with unchanged_on_error(self):
            self._check_options()
            previous = vars(self).get("net_") if one_epoch else self._net_to_go_on_from()
            if previous is not None:
                check_goes_on(self)
            values, lengths = check_series(self, X, reset=previous is None)
            y = check_targets(self, y, values, numeric=not is_classifier(self))
            weight = check_sample_weight(sample_weight, values)
            if not one_epoch:
                weight = weight / weight.max()  # prevents overflow in the mean of large weights
            if previous is None:
                self._learn_targets(y, weight, labels)
            # leave out series of weight 0
            data = TrainingData(values, lengths, y, weight)
            data = data if weight.all() else data.rows(np.flatnonzero(weight))
            data = data._replace(target=self._encoded(data.target))
            self.net_ = self._trained(data, previous, one_epoch)
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the features of each series: the input of the network's last linear layer.

        With it, a network can be a step before another estimator in a pipeline. `fit_transform`
        first trains the network with its own output layer.

        Parameters
        ----------
        X : as in `fit`
            Series with the channels of the training series and, if the network needs it, their
            length.

        Returns
        -------
        ndarray of shape (n, n_features), float64
            `get_feature_names_out` names the columns.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError, TypeError
            If `X` is not as described.
        """
        check_is_fitted(self)
        features = self._given_by(self.net_.without_head(), X)
        if features.ndim != 2 or features.shape[1] != self._n_features_out:
            raise TypeError(
                "the last linear layer of the network must be its output layer, but without it the "
                f"output has the shape {features.shape}, not (n, {self._n_features_out})"
            )
        return features.astype(np.float64)

    @property
    def _n_features_out(self):
        """Return the number of features; raise AttributeError if the network has no head."""
        return output_layer(self.net_.module_)[1].in_features

    def summary(self, X: ArrayLike | None = None, y: ArrayLike | None = None) -> Summary:
        """Summarise the network: layers, shapes, parameters, multiply-adds and memory.

        This does not train and does not change the estimator. Batches of at most three series of
        zeros pass through a copy of the network. The memory is that of training on the CPU.

        Parameters
        ----------
        X, y : as in `fit`, optional
            Summarise the network that `fit` would train on them. Without them, summarise the
            fitted network.

        Returns
        -------
        skts.summary.Summary
            Prints as a table.

        Raises
        ------
        NotFittedError
            Before `fit`, without `X` and `y`.
        ValueError, TypeError
            If an option, `X` or `y` is not as described in `fit`.

        Examples
        --------
        >>> from skts import FCNClassifier
        >>> from skts.datasets import load_ucr
        >>> X, y = load_ucr("ItalyPowerDemand", split="train")
        >>> summary = FCNClassifier(filters=(8, 8, 8)).summary(X, y)
        >>> summary.n_parameters, summary.multiply_adds
        (666, 13840)
        """
        if X is None and y is None:
            check_is_fitted(self)
            shaped, net = self, self.net_
            if "transferred_" in vars(self):  # a copy, because start_from freezes weights
                net = net.copied_for_hooks()
                start_from(net, self._start(self._new_network, self.net_))
        else:
            shaped = copy.copy(self)  # shallow, because some callbacks cannot be copied
            shaped._check_options()
            values, _ = check_series(shaped, X, reset=True)
            y = check_targets(shaped, y, values, numeric=not is_classifier(self))
            shaped._learn_targets(y, np.ones(len(y)), None)
            with torch_defaults(), seeded(0, CPU):
                net = made_net(shaped, shaped._make_net, shaped._new_network, CPU)
                start_from(net, shaped._start(shaped._new_network, None))
        return summary_of(
            net,
            type(self).__name__,
            shaped.n_channels_in_,
            shaped.n_timepoints_in_,
            unequal_length=shaped.unequal_length_in_,
        )

    def _html_repr(self):
        """Return the HTML of scikit-learn and, for a fitted estimator, the network's summary."""
        shown = super()._html_repr()
        if "net_" not in vars(self) or self.n_features_in_ > MOST_SHOWN:
            return shown
        return f"{shown}<details><summary>Network</summary>{self.summary()._repr_html_()}</details>"

    def _outputs(self, X):
        """Return the outputs of the fitted net, (n, n_outputs)."""
        check_is_fitted(self)
        return self._given_by(self.net_, X)

    def _given_by(self, net, X):
        """Return the outputs of a trained net for each series, (n, ...)."""
        values, lengths = check_series(self, X, reset=False)
        with torch_defaults(), out_of_memory_named(self._batch_size()):
            place = {"device": net.device, "memory_limit": self.memory_limit}
            outputs = net.predict_proba(SeriesDataset(values, lengths=lengths, **place))
        return check_finite(outputs, values.__getitem__, "the output of the network is not finite")
