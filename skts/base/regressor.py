"""Base classes of regressors."""

import copy
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin, clone

from skts.base.estimator import SeriesEstimator
from skts.base.gradient import GradientTrained
from skts.device import out_of_memory_named, torch_defaults
from skts.input.validation import (
    check_not_beyond,
)
from skts.training.calibration import held_out_folds, range_with_margin, shrinkage_of
from skts.training.callbacks import NoGain, target_loss_of
from skts.training.net import RegressorNet
from skts.training.series_options import TargetParams, normalize_param
from skts.training.train import draw_seed


class NetworkRegressor(RegressorMixin, SeriesEstimator):
    """Abstract base of the regressors with one network."""

    _fitted_attributes: ClassVar[tuple] = (
        ("target_mean_, target_scale_ : float", "The network predicts ``(y - mean) / scale``."),
    )

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the target of each series.

        Parameters
        ----------
        X : as in `fit`
            Series with the channels of the training series and, if the network needs it, their
            length.

        Returns
        -------
        ndarray of shape (n,), float64

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError, TypeError
            If `X` is not as described.
        """
        standardised = self._outputs(X)[:, 0].astype(np.float64)
        with np.errstate(over="ignore"):
            predictions = standardised * self._output_scale() + self.target_mean_
        return check_not_beyond(np.clip(predictions, *self._output_range()), "predictions")

    def _output_scale(self):
        """Return the factor that the network's output is multiplied by."""
        return self.target_scale_

    def _output_range(self):
        """Return the smallest and the largest prediction."""
        return -np.inf, np.inf

    def _n_outputs(self):
        return 1

    def _make_net(self, *args, **kwargs):
        return RegressorNet(*args, **kwargs)

    def _learn_targets(self, y, weight, labels):
        y, weight = y[weight > 0], weight[weight > 0]
        peak = np.abs(y).max() or 1.0  # prevents overflow in the squares of large targets
        mean = np.average(y / peak, weights=weight)
        variance = np.average((y / peak - mean) ** 2, weights=weight)
        self.target_mean_ = float(mean * peak)
        self.target_scale_ = float(np.sqrt(variance) * peak) or min(1.0, float(peak))

    def _encoded(self, y):
        return (y / self.target_scale_ - self.target_mean_ / self.target_scale_).astype(np.float32)


class SeriesRegressor(NetworkRegressor, GradientTrained, TargetParams):
    """Abstract base of the regressors whose network is trained by gradient descent."""

    _fitted_attributes = (
        (
            "shrinkage_ : float or None",
            "Factor, 0 to 1, applied to the deviation of predictions from `target_mean_`; None "
            "without calibration.",
        ),
        ("target_range_ : tuple of two floats or None", "Bounds to which predictions are clipped."),
    )
    _auto_target_loss = 0.02
    normalize: Literal["series", "channel"] | None = normalize_param(default="channel")

    _example = """\
>>> from skts import {name}
>>> from skts.datasets import load_ucr
>>> X, _ = load_ucr("ItalyPowerDemand", split="train")
>>> reg = {name}(max_epochs=2, random_state=0).fit(X[:, :-1], X[:, -1])
>>> reg.predict(X[:, :-1]).shape
(67,)"""

    def _output_scale(self):
        shrinkage = vars(self).get("shrinkage_")  # pickles of earlier versions lack it
        return self.target_scale_ if shrinkage is None else self.target_scale_ * shrinkage

    def _output_range(self):
        target_range = vars(self).get("target_range_")
        return super()._output_range() if target_range is None else target_range

    @classmethod
    def _restored(cls, plain, tensors, device):
        estimator = super()._restored(plain, tensors, device)
        for name in ("shrinkage_", "target_range_"):  # files of earlier versions lack them
            vars(estimator).setdefault(name, None)
        check_calibration(estimator.shrinkage_, estimator.target_range_)
        return estimator

    def _trained(self, data, previous, one_epoch):
        self.shrinkage_ = self.target_range_ = n_epochs = None
        if self.calibration_folds is not None and previous is None and not one_epoch:
            self.shrinkage_, n_epochs = self._cross_validated(data)
            standardised = np.array(range_with_margin(data.target), dtype=np.float64)
            low, high = standardised * self.target_scale_ + self.target_mean_
            self.target_range_ = float(low), float(high)
        return super()._trained(data, previous, one_epoch, n_epochs=n_epochs)

    def _cross_validated(self, data):
        """Return the shrinkage, and the number of epochs to train or None for `max_epochs`."""
        folds = held_out_folds(
            len(data.target), self.calibration_folds, draw_seed(self.random_state)
        )
        answers, n_epochs = [], None
        for i, (train, test) in enumerate(folds):
            label = f"{type(self).__name__}, fold {i + 1}"
            held_out, stop, valid = data.rows(test), None, None
            if i == 0 and self._has_cycles():
                weight = held_out.weight / data.weight[train].mean()  # as in the loss
                valid, stop = held_out, NoGain(float((weight * held_out.target**2).mean()))
            of_fold = self._unfitted_copy(callbacks=stop and [stop], label=label)
            net = GradientTrained._trained(
                of_fold, data.rows(train), None, False, valid=valid, n_epochs=n_epochs
            )
            if stop is not None:
                n_epochs = stop.ended_after_
            with torch_defaults(), out_of_memory_named(self._batch_size()):
                series = held_out.dataset(net.device, self.memory_limit)
                answers.append((test, net.predict_proba(series)[:, 0]))
        if not answers:
            return 1.0, None
        rows = np.concatenate([test for test, _ in answers])
        predictions = np.concatenate([found for _, found in answers]).astype(np.float64)
        low, high = range_with_margin(data.target)
        shrinkage = shrinkage_of(
            predictions.clip(low, high), data.target[rows].astype(np.float64), data.weight[rows]
        )
        return shrinkage, n_epochs

    def _has_cycles(self):
        chooses = self.early_stopping_patience, self.restore_best, self.fine_tune_rounds or None
        is_one_cycle = self.lr_schedule == "one_cycle" and target_loss_of(self) is not None
        return is_one_cycle and chooses == (None, None, None)

    def _unfitted_copy(self, *, callbacks, label):
        """Return an unfitted copy with the same options and input shapes."""
        copied = copy.copy(self)  # without callbacks, because some cannot be cloned
        copied = clone(copied.set_params(callbacks=None)).set_params(callbacks=callbacks)
        options = self.get_params(deep=False)
        learnt = {k: v for k, v in vars(self).items() if k not in options and k != "net_"}
        vars(copied).update(learnt, _progress_label=label)
        return copied

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train for one more epoch on these series, with the constant learning rate `lr`.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`, but the weights are not scaled. The first call sets the mean and the scale
            of the target.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As in `fit`. Also if an option is set that needs a whole training:
            `validation_fraction`, `early_stopping_patience`, `restore_best`, `fine_tune_rounds` or
            `checkpoint_dir`.

        Notes
        -----
        Predictions are not calibrated: `calibration_folds` acts only in `fit`.
        """
        self._check_partial_fit_options()
        return self._fit(X, y, sample_weight, one_epoch=True)


def check_calibration(shrinkage, target_range):
    """Raise ValueError unless both are None, or a factor from 0 to 1 and a range."""
    if (shrinkage is None) != (target_range is None):
        raise ValueError(
            "shrinkage_ and target_range_ must both be set or both be None, got "
            f"{shrinkage!r} and {target_range!r}"
        )
    if shrinkage is not None and not (isinstance(shrinkage, float) and 0 <= shrinkage <= 1):
        raise ValueError(f"shrinkage_ must be a float from 0 to 1, or None, got {shrinkage!r}")
    if target_range is not None and not is_range(target_range):
        raise ValueError(
            f"target_range_ must be two floats, the lower first, or None, got {target_range!r}"
        )


def is_range(value):
    """Return whether a value is a tuple of two floats, the lower first."""
    are_floats = isinstance(value, tuple) and [type(v) for v in value] == [float, float]
    return are_floats and value[0] <= value[1]
