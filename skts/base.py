"""What every estimator does: fit, predict and the fitted attributes, written once."""

from abc import ABC, abstractmethod

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import check_is_fitted, column_or_1d

from skts._net import ClassifierNet, RegressorNet
from skts._options import ClassifierTrainingParams, SeriesTrainingParams
from skts._params import unchanged_on_error
from skts._tensors import SeriesDataset, out_of_memory_named
from skts._training import TrainingData, draw_seed, hold_out, oversampled, train
from skts._validation import (
    check_goes_on,
    check_sample_weight,
    check_series,
    check_targets,
)
from skts.persistence import PersistentNetwork


class SeriesEstimator(SeriesTrainingParams, PersistentNetwork, BaseEstimator, ABC):
    """Abstract base: what classifiers and regressors share."""

    _fitted_attributes = (
        (
            "net_ : skorch.NeuralNet",
            "The fitted skorch net; ``net_.module_`` is the torch module.",
        ),
        (
            "history_ : skorch.history.History",
            "Losses, durations and learning rates, epoch by epoch.",
        ),
        ("n_channels_in_ : int", "Channels of the training series."),
        ("n_timepoints_in_ : int", "Time points of the longest training series."),
        ("unequal_length_in_ : bool", "Whether the training series differed in length."),
        ("n_features_in_ : int", "``n_channels_in_ * n_timepoints_in_``: the columns of a 2-D X."),
        ("feature_names_in_ : ndarray of str", "Column names, where X was a frame that has them."),
        (
            "channel_names_in_ : list",
            "Channel names, where X was made of frames with a column for each channel.",
        ),
    )

    @abstractmethod
    def _network(self, n_channels, n_timepoints, n_outputs):
        """The untrained torch module for series of this shape."""

    def _accepted_lengths(self):
        """The lengths that the network takes: "any", "padded" up to one length, or one "equal"."""
        return "any"

    def _min_timepoints(self, n_timepoints):
        """The shortest series that a network made for `n_timepoints` takes."""
        return 1

    @abstractmethod
    def _n_outputs(self):
        """How many numbers the network gives for a series."""

    @abstractmethod
    def _make_net(self, *args, **kwargs):
        """The skorch net around a network."""

    @abstractmethod
    def _learn_targets(self, y, weight, labels):
        """Keep on self what encoding and decoding need; `labels` are all that will ever come."""

    @abstractmethod
    def _encoded(self, y):
        """The targets as the loss takes them."""

    def _balanced(self, data, valid, seed):
        """Both parts of the training data after the options that act on classes."""
        return data, valid

    @property
    def history_(self):
        return self.net_.history

    def _new_network(self):
        return self._network(self.n_channels_in_, self.n_timepoints_in_, self._n_outputs())

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.missing == "interpolate"
        return tags

    def fit(self, X, y, sample_weight=None):
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n, T) or (n, C, T), or list of n arrays (T_i,) or (C, T_i)
            Also pandas and polars frames of numbers, and sktime's panel containers.
        y : array-like of shape (n,)
            Classifiers: labels (strings, booleans or integers) of at least two classes. Regressors:
            numbers, standardised for training, which `predict` undoes.
        sample_weight : array-like of shape (n,), optional
            Weight of each series in the loss; scaled to mean 1 over those trained on, as class
            weights are. A series of weight 0 is left out.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            Where an option, `X`, `y` or `sample_weight` is not as described; the message names the
            remedy. An estimator fitted before stays as it was.
        MemoryError
            Where memory runs out.
        """
        return self._fit(X, y, sample_weight)

    def _fit(self, X, y, sample_weight, *, one_epoch=False, labels=None):
        with unchanged_on_error(self):
            self._check_options()
            previous = vars(self).get("net_") if one_epoch or self.warm_start else None
            if previous is not None:
                check_goes_on(self)
            values, lengths = check_series(self, X, reset=previous is None)
            y = check_targets(self, y, values, numeric=not is_classifier(self))
            weight = check_sample_weight(sample_weight, values)
            if not one_epoch:
                weight = weight / weight.max()  # the mean of the largest numbers would overflow
            if previous is None:
                self._learn_targets(y, weight, labels)
            # a series of weight 0 is one that is not there
            data = TrainingData(values, lengths, y, weight)
            data = data if weight.all() else data.rows(np.flatnonzero(weight))
            data = data._replace(target=self._encoded(data.target))
            self.net_ = self._trained(data, previous, one_epoch)
        return self

    def _trained(self, data, previous, one_epoch):
        seed = draw_seed(self.random_state)
        if one_epoch and previous is not None:
            # another order of the batches in every call
            seed = (seed + len(previous.history)) % 2**32
        data, valid = hold_out(
            data, self.validation_fraction, stratify=is_classifier(self), seed=seed
        )
        data, valid = self._balanced(data, valid, seed)
        return train(
            self,
            self._new_network,
            data,
            valid,
            make_net=self._make_net,
            seed=seed,
            previous=previous,
            one_epoch=one_epoch,
        )

    def _outputs(self, X):
        """What the fitted net predicts, (n, n_outputs)."""
        check_is_fitted(self)
        values, lengths = check_series(self, X, reset=False)
        with out_of_memory_named(self.net_.batch_size):
            place = {"device": self.net_.device, "memory_limit": self.memory_limit}
            outputs = self.net_.predict_proba(SeriesDataset(values, lengths=lengths, **place))
        finite = np.isfinite(outputs).all(axis=1)
        if not finite.all():
            raise ValueError(
                f"the network gives no finite number for {(~finite).sum()} series of X, the first "
                f"of them series {finite.argmin()}, with values up to "
                f"{np.abs(values[finite.argmin()]).max():.3g}. Bring X to the scale of the "
                "training series, or fit with normalize='series'."
            )
        return outputs


class SeriesClassifier(ClassifierMixin, SeriesEstimator, ClassifierTrainingParams):
    """Abstract base of the classifiers."""

    _auto_target_loss = 0.1
    _fitted_attributes = (("classes_ : ndarray of shape (n_classes,)", "The labels, sorted."),)
    _example = """\
>>> from skts import {name}
>>> from skts.datasets import load_ucr
>>> X, y = load_ucr("ItalyPowerDemand", split="train")
>>> clf = {name}(max_epochs=2, random_state=0).fit(X, y)
>>> clf.predict_proba(X).shape
(67, 2)"""

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one more epoch, on these series, at the constant learning rate `lr`.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`; the weights are taken as they come, not scaled.
        classes : array-like of shape (n_classes,), optional
            All labels that will ever come; required in the first call.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As in `fit`, and where an option is set that needs a whole training run:
            `validation_fraction`, `early_stopping_patience`, `restore_best`, `fine_tune_rounds`,
            `checkpoint_dir` or ``class_weight="balanced"``.
        """
        self._check_partial_fit_options()
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight must not be 'balanced' in partial_fit, which never sees all "
                "labels: pass a dict of weights, or sample_weight"
            )
        fitted = "net_" in vars(self)
        if classes is not None:
            classes = column_or_1d(classes)
        if not fitted and classes is None:
            raise ValueError(
                "classes must be passed on the first call to partial_fit: all labels that "
                "will ever come, got None"
            )
        if fitted and classes is not None and set(classes) != set(self.classes_):
            raise ValueError(
                f"classes must be {self.classes_.tolist()}, those of the first call, got "
                f"{classes.tolist()}. Leave classes out, or start with a new estimator."
            )
        return self._fit(X, y, sample_weight, one_epoch=True, labels=classes)

    def predict_proba(self, X):
        """Probability of each class.

        Parameters
        ----------
        X : as in `fit`
            Series with the channels of the training series and, where the network needs it, their
            length.

        Returns
        -------
        ndarray of shape (n, n_classes), float64
            Columns in the order of `classes_`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError, TypeError
            Where `X` is not as described.
        """
        return self._outputs(X)

    def predict(self, X):
        """The most probable label of each series.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n,), dtype of `classes_`

        Raises
        ------
        NotFittedError, ValueError, TypeError
            As in `predict_proba`.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def _n_outputs(self):
        return len(self.classes_)

    def _make_net(self, *args, **kwargs):
        return ClassifierNet(*args, classes=np.arange(len(self.classes_)), **kwargs)

    def _learn_targets(self, y, weight, labels):
        self.classes_ = np.unique(y if labels is None else labels)
        present = y[weight > 0] if labels is None else self.classes_
        if (present == present[0]).all():
            raise ValueError(
                f"{type(self).__name__} needs series of at least 2 classes, got 1 class: "
                f"{present[0]!r}"
            )

    def _encoded(self, y):
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y must hold labels among {self.classes_.tolist()}, got {unknown.tolist()}"
            )
        return np.searchsorted(self.classes_, y)

    def _balanced(self, data, valid, seed):
        if self.oversample:
            data = oversampled(data, seed)
        if self.class_weight is None:
            return data, valid
        if isinstance(self.class_weight, dict):
            if not set(self.class_weight) <= set(self.classes_):
                raise ValueError(
                    "the keys of class_weight must be among the classes "
                    f"{self.classes_.tolist()}, got {list(self.class_weight)}"
                )
            per_class = np.array([self.class_weight.get(c, 1.0) for c in self.classes_.tolist()])
        else:
            per_class, present = np.ones(len(self.classes_)), np.unique(data.target)
            per_class[present] = compute_class_weight(
                "balanced", classes=self.classes_[present], y=self.classes_[data.target]
            )
        return tuple(
            part and part._replace(weight=part.weight * per_class[part.target])
            for part in (data, valid)
        )


class SeriesRegressor(RegressorMixin, SeriesEstimator):
    """Abstract base of the regressors."""

    _auto_target_loss = 0.02
    _fitted_attributes = (
        ("target_mean_, target_scale_ : float", "The network learns ``(y - mean) / scale``."),
    )
    _example = """\
>>> from skts import {name}
>>> from skts.datasets import load_ucr
>>> X, _ = load_ucr("ItalyPowerDemand", split="train")
>>> reg = {name}(max_epochs=2, random_state=0).fit(X[:, :-1], X[:, -1])
>>> reg.predict(X[:, :-1]).shape
(67,)"""

    def partial_fit(self, X, y, sample_weight=None):
        """Train for one more epoch, on these series, at the constant learning rate `lr`.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`; the weights are taken as they come, not scaled. Mean and scale of the
            target are those of the first call.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As in `fit`, and where an option is set that needs a whole training run:
            `validation_fraction`, `early_stopping_patience`, `restore_best`, `fine_tune_rounds` or
            `checkpoint_dir`.
        """
        self._check_partial_fit_options()
        return self._fit(X, y, sample_weight, one_epoch=True)

    def predict(self, X):
        """The number of each series.

        Parameters
        ----------
        X : as in `fit`
            Series with the channels of the training series and, where the network needs it, their
            length.

        Returns
        -------
        ndarray of shape (n,), float64

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError, TypeError
            Where `X` is not as described.
        """
        standardised = self._outputs(X)[:, 0].astype(np.float64)
        return standardised * self.target_scale_ + self.target_mean_

    def _n_outputs(self):
        return 1

    def _make_net(self, *args, **kwargs):
        return RegressorNet(*args, **kwargs)

    def _learn_targets(self, y, weight, labels):
        y, weight = y[weight > 0], weight[weight > 0]
        peak = np.abs(y).max() or 1.0  # squares of the largest numbers would overflow
        mean = np.average(y / peak, weights=weight)
        variance = np.average((y / peak - mean) ** 2, weights=weight)
        self.target_mean_ = float(mean * peak)
        self.target_scale_ = float(np.sqrt(variance) * peak) or 1.0

    def _encoded(self, y):
        standardised = y / self.target_scale_ - self.target_mean_ / self.target_scale_
        return standardised.astype(np.float32)
