"""What every forecaster does, written once: sktime's interface around a skorch net."""

from abc import ABC, abstractmethod

import numpy as np
import pandas as pd
import torch
from sktime.forecasting.base import BaseForecaster

from skts._params import unchanged_on_error
from skts.forecasting._conformal import error_quantiles
from skts.forecasting._fitting import trained_net
from skts.forecasting._horizon import stacked, steps_ahead, steps_of
from skts.forecasting._options import ForecastingParams
from skts.forecasting._reading import Reading
from skts.forecasting._rollout import Rollout
from skts.forecasting._series import frames_of, series_of
from skts.forecasting._stored import restored, stored
from skts.persistence import Storable

MTYPES = ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"]


class SequenceForecaster(ForecastingParams, BaseForecaster, Storable, ABC):
    """Abstract base: trains a causal network sequence to sequence, on one series or on many."""

    _tags = {
        "authors": "skts developers",
        "maintainers": "skts developers",
        "python_dependencies": ["torch", "skorch"],
        "y_inner_mtype": MTYPES,
        "X_inner_mtype": MTYPES,
        "requires-fh-in-fit": False,
        "capability:multivariate": True,
        "capability:exogenous": True,
        "capability:categorical_in_X": False,
        "capability:non_contiguous_X": False,
        "capability:insample": True,
        "capability:pred_int": True,
        "capability:pred_int:insample": True,
        "capability:missing_values": True,
        "capability:unequal_length": True,
        "capability:update": True,
        "capability:pretrain": True,
        "pretrain:fitted_params": ["pretrained_net_"],
        "capability:random_state": True,
        "property:randomness": "derandomized",
    }
    _config = {"remember_data": False}  # the series are kept below, as predict needs them

    _fitted_attributes = (
        (
            "net_ : skorch.NeuralNet",
            "The fitted skorch net; ``net_.module_`` is the torch module.",
        ),
        (
            "history_ : skorch.history.History",
            "Losses (mean squared errors of the standardised series), durations and learning "
            "rates, epoch by epoch.",
        ),
        ("pretrained_net_ : skorch.NeuralNet", "The net that `pretrain` trained."),
    )
    _example = """\
>>> from skts.forecasting import {name}
>>> from sktime.datasets import load_airline
>>> forecaster = {name}(n_lags=12, max_epochs=5, random_state=0).fit(load_airline())
>>> forecaster.predict(fh=[1, 2, 3]).index.astype(str).tolist()
['1961-01', '1961-02', '1961-03']"""

    @abstractmethod
    def _sequence_network(self, n_channels, n_outputs):
        """The untrained torch module, a skts.models.alstm.SequenceNetwork."""

    def __post_init__(self):
        # the generated constructor, which assigns the options, ends here, and so does sktime's
        if "_fh" not in vars(self):
            BaseForecaster.__init__(self)
            self._y = self._X = None  # where the config remember_data is switched on later
            return
        tags = {
            "requires-fh-in-fit": self.strategy == "direct",
            "capability:pred_int": self.calibration_fraction is not None,
            "capability:missing_values": self.missing == "ffill",
        }
        self.set_tags(**tags)

    @classmethod
    def get_test_params(cls, parameter_set="default"):
        """Parameters for sktime's own checks: trainings of a moment.

        Parameters
        ----------
        parameter_set : str, default="default"
            There is one set of them alone.

        Returns
        -------
        list of dict
        """
        small = {"max_epochs": 2, "n_cells": 4, "random_state": 0}
        return [
            small | {"optimizer": torch.optim.AdamW, "calibration_fraction": 0.4},
            small | {"strategy": "direct", "baseline": "last", "missing": "ffill", "n_lags": 2},
            small | {"exogenous": "lagged", "window_length": 8, "calibration_fraction": 0.4},
        ]

    @property
    def history_(self):
        return self.net_.history

    def _stored(self):
        if self.state == "new":
            self.check_is_fitted()
        return stored(self)

    @classmethod
    def _restored(cls, plain, tensors, device):
        return restored(cls, plain, tensors, device)

    def fit(self, y, X=None, fh=None):
        """Learn to forecast a series, or several.

        Parameters
        ----------
        y : series, frame or panel of sktime
            A column for each variable; of a panel all series share one network.
        X : frame or panel of sktime, optional
            Exogenous series, on the index of `y`.
        fh : int, list of int or ForecastingHorizon, optional
            Steps ahead; needed here with ``strategy="direct"``.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            Where an option, `y`, `X` or `fh` is not as described. A forecaster fitted before stays
            as it was.
        """
        with unchanged_on_error(self):
            return super().fit(y, X=X, fh=fh)

    def update(self, y, X=None, update_params=True):
        """Take in later values, and train one epoch over the history.

        Parameters
        ----------
        y : series, frame or panel of sktime
            Values behind those known; a series that is new is added.
        X : frame or panel of sktime, optional
            As in `fit`.
        update_params : bool, default=True
            False: the values are taken in, the network stays as it is.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            As `fit`.
        """
        with unchanged_on_error(self):
            self._converter_store_y = {}  # sktime writes in it before anything can fail
            return super().update(y, X=X, update_params=update_params)

    def pretrain(self, y, X=None, fh=None):
        """Learn from many series what `fit` then takes for another one.

        Parameters
        ----------
        y : panel of sktime
        X : panel of sktime, optional
            Exogenous series.
        fh : int, list of int or ForecastingHorizon, optional
            As in `fit`.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            As `fit`.
        """
        with unchanged_on_error(self):
            return super().pretrain(y, X=X, fh=fh)

    def _pretrain(self, y, X=None, fh=None):
        self._check_options()
        if self.strategy == "direct" and fh is None and self.state == "new":
            raise ValueError("fh must be passed to pretrain with strategy='direct', got None")
        previous = vars(self).get("pretrained_net_")
        series = self._taken_in(y, X)
        reading = self._reading(series, fh, previous)
        self.pretrained_net_ = trained_net(self, series.values(), reading, previous=previous)
        return self

    def _fit(self, y, X, fh):
        self._check_options()
        pretrained = vars(self).get("pretrained_net_")
        self._level_names = list(y.index.names)
        self._series = self._taken_in(y, X)
        reading = self._reading(self._series, fh, pretrained)
        self.net_ = pretrained
        if pretrained is None or self.warm_start:
            self.net_ = trained_net(self, self._series.values(), reading, previous=pretrained)
        self._rollout = Rollout(self.net_, reading, self.window_length)
        return self

    def _update(self, y, X=None, update_params=True):
        known, reading = dict(self._series), self._rollout.reading
        for name, new in series_of(y, X, fill=self._fills_gaps).items():
            next(iter(known.values())).check_same_columns(new)
            if name in known:
                if known[name].is_revised_by(new):
                    self._rollout.forget(name)
                known[name] = known[name].extended(new, fill=self._fills_gaps)
            else:
                known[name] = new.split_off(self.calibration_fraction or 0.0)
        self._series = dict(sorted(known.items()))  # sktime's frames are sorted
        if update_params:
            of_all = self._series.values()
            self.net_ = trained_net(self, of_all, reading, previous=self.net_, as_update=True)
            self._rollout = Rollout(self.net_, reading, self.window_length)
        return self

    @property
    def _fills_gaps(self):
        return self.missing == "ffill"

    def _taken_in(self, y, X):
        """Series by name, their last parts held out where that is asked for."""
        found = series_of(y, X, fill=self._fills_gaps)
        return {n: one.split_off(self.calibration_fraction or 0.0) for n, one in found.items()}

    def _reading(self, series, fh, pretrained):
        n_direct = None
        if self.strategy == "direct":
            known = [] if fh is None else series.values()
            n_direct = int(max([1, *(steps_of(fh, one.cutoff).max() for one in known)]))
        any_series = next(iter(series.values()))
        reading = Reading(
            n_columns=any_series.y.shape[1],
            X_columns=None if any_series.X is None else tuple(any_series.X.columns),
            n_lags=int(self.n_lags),
            lagged=self.exogenous == "lagged",
            n_direct=n_direct,
        )
        return reading if pretrained is None else reading.taken_from(pretrained)

    def _predict(self, fh, X):
        given = {} if X is None else frames_of(X)
        frames = {}
        for name, series in self._series.items():
            seen = series.seen()
            values = self._forecasts(name, seen, fh, given.get(name))
            index = fh.to_absolute_index(seen.cutoff)
            frames[name] = pd.DataFrame(values, index=index, columns=series.y.columns)
        return stacked(frames, self._level_names)

    def _forecasts(self, name, series, fh, X):
        """Forecasts (len(fh), d) of one series."""
        n, steps = len(series), steps_of(fh, series.cutoff)
        n_steps = max(0, int(steps.max()))
        if n + steps.min() < 1:
            raise ValueError(
                f"fh must not go back beyond the {n} time points known, got a step of "
                f"{steps.min()}, the last of them being 0"
            )
        reading = self._rollout.reading
        n_read = max(n_steps, reading.n_ahead if reading.reads_ahead else 0)
        future = steps_ahead(n_read, series.cutoff, fh.freq)
        y, X = series.with_future(X, future, n_steps, lagged=reading.lagged).standardised()
        forecasts = np.full((n + n_steps, y.shape[1]), np.nan)
        if steps.min() < 1:
            forecasts[:n] = self._rollout.one_step(y, X)
        if n_steps:
            forecasts[n:] = self._rollout.ahead(name, y, X, n_steps)
        return series.y_scale.undone(forecasts[n - 1 + steps])

    def _predict_quantiles(self, fh, X, alpha):
        columns = self._get_columns("predict_quantiles", alpha=alpha)
        frames = {}
        for name, frame in frames_of(self._predict(fh, X)).items():
            series = self._series[name].seen()
            steps = np.maximum(1, steps_of(fh, series.cutoff))
            spread = self._error_quantiles(steps, alpha) * series.y_scale.std
            values = frame.to_numpy()[:, None] + spread  # (steps, alpha, d)
            flat = np.moveaxis(values, 2, 1).reshape(len(frame), -1)
            frames[name] = pd.DataFrame(flat, index=frame.index, columns=columns)
        return stacked(frames, self._level_names)

    def _error_quantiles(self, steps, alpha):
        """Quantiles of standardised held-out errors, (len(steps), len(alpha), d)."""
        errors = self._held_out_errors(int(steps.max()))
        known = [of_step[np.isfinite(of_step).all(axis=1)] for of_step in np.moveaxis(errors, 1, 0)]
        return np.array([error_quantiles(known[step - 1], alpha) for step in steps])

    def _held_out_errors(self, n_steps):
        """(time points held out of all series, n_steps, d)."""
        errors = []
        for name, series in self._series.items():
            start, stop = series.held_out_rows()
            y, X = series.standardised()
            is_known = series.y.notna().to_numpy()[:stop]
            errors.append(self._rollout.errors(name, y[:stop], X, is_known, start, n_steps))
        return np.concatenate(errors)
