"""Base classes of classifiers."""

from abc import abstractmethod
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import column_or_1d

from skts.base.estimator import SeriesEstimator
from skts.base.gradient import GradientTrained
from skts.training.net import ClassifierNet
from skts.training.series_options import ClassParams
from skts.training.train import (
    oversampled,
    weight_of_each_class,
)


class ProbabilisticClassifier(ClassifierMixin):
    """Mixin of methods that follow from `predict_proba` and `classes_`."""

    classes_: np.ndarray

    @abstractmethod
    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class, (n, n_classes)."""

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the natural logarithm of the probability of each class.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n, n_classes), float64
            Columns in the order of `classes_`; -inf where a probability is 0.

        Raises
        ------
        NotFittedError, ValueError, TypeError
            As in `predict_proba`.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the most probable label of each series.

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


class NetworkClassifier(ProbabilisticClassifier, SeriesEstimator, ClassParams):
    """Abstract base of the classifiers with one network."""

    _fitted_attributes = (("classes_ : ndarray of shape (n_classes,)", "The labels, sorted."),)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : as in `fit`
            Series with the channels of the training series and, if the network needs it, their
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
            If `X` is not as described.
        """
        return self._outputs(X)

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
                f"{present.tolist()[0]!r}"
            )

    def _encoded(self, y):
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"the labels in y must be among {self.classes_.tolist()}, got {unknown.tolist()}"
            )
        return np.searchsorted(self.classes_, y)

    def _balanced(self, data, valid, seed):
        if self.oversample:
            data = oversampled(data, seed)
        if self.class_weight is None:
            return data, valid
        per_class = weight_of_each_class(self.class_weight, self.classes_, data.target)
        return tuple(
            part and part._replace(weight=part.weight * per_class[part.target])
            for part in (data, valid)
        )


class SeriesClassifier(NetworkClassifier, GradientTrained):
    """Abstract base of the classifiers whose network is trained by gradient descent."""

    _auto_target_loss = 0.1
    _example = """\
>>> from skts import {name}
>>> from skts.datasets import load_ucr
>>> X, y = load_ucr("ItalyPowerDemand", split="train")
>>> clf = {name}(max_epochs=2, random_state=0).fit(X, y)
>>> clf.predict_proba(X).shape
(67, 2)"""

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one more epoch on these series, with the constant learning rate `lr`.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`, but the weights are not scaled.
        classes : array-like of shape (n_classes,), optional
            All labels, including those of later calls. Required in the first call.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As in `fit`. Also if an option is set that needs a whole training:
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
            if np.ma.is_masked(classes):
                raise ValueError("classes must not be masked: pass classes.compressed()")
            classes = column_or_1d(classes)
        if not fitted and classes is None:
            raise ValueError(
                "classes must be passed on the first call to partial_fit, with the labels of all "
                "later calls: got None"
            )
        if fitted and classes is not None and set(classes) != set(self.classes_):
            raise ValueError(
                f"classes must be {self.classes_.tolist()}, as in the first call, got "
                f"{classes.tolist()}. Omit classes, or create a new estimator."
            )
        return self._fit(X, y, sample_weight, one_epoch=True, labels=classes)
