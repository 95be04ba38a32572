"""What regressors do besides."""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin

from skts.base.estimator import GradientTrained, SeriesEstimator
from skts.input.validation import (
    check_not_beyond,
)
from skts.training.net import RegressorNet


class NetworkRegressor(RegressorMixin, SeriesEstimator):
    """Abstract base of the regressors, however their network is trained."""

    _fitted_attributes = (
        ("target_mean_, target_scale_ : float", "The network learns ``(y - mean) / scale``."),
    )

    def predict(self, X: ArrayLike) -> np.ndarray:
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
        with np.errstate(over="ignore"):
            predictions = standardised * self.target_scale_ + self.target_mean_
        return check_not_beyond(predictions, "predictions")

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
        self.target_scale_ = float(np.sqrt(variance) * peak) or min(1.0, float(peak))

    def _encoded(self, y):
        return (y / self.target_scale_ - self.target_mean_ / self.target_scale_).astype(np.float32)


class SeriesRegressor(NetworkRegressor, GradientTrained):
    """Abstract base of the regressors whose network is trained by gradient."""

    _auto_target_loss = 0.02
    _example = """\
>>> from skts import {name}
>>> from skts.datasets import load_ucr
>>> X, _ = load_ucr("ItalyPowerDemand", split="train")
>>> reg = {name}(max_epochs=2, random_state=0).fit(X[:, :-1], X[:, -1])
>>> reg.predict(X[:, :-1]).shape
(67,)"""

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
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
