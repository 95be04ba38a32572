"""What every forecaster does, written once: sktime's interface around a skorch net."""

from abc import ABC, abstractmethod

import numpy as np
import pandas as pd
import torch
from sktime.datatypes import get_cutoff
from sktime.forecasting.base import BaseForecaster

from skts._params import unchanged_on_error
from skts.forecasting._conformal import error_quantiles
from skts.forecasting._fitting import trained_net
from skts.forecasting._horizon import stacked, steps_ahead, steps_of
from skts.forecasting._options import ForecastingParams
from skts.forecasting._rollout import Rollout
from skts.forecasting._series import Reading, frames_of, series_of

MTYPES = ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"]


class SequenceForecaster(ForecastingParams, BaseForecaster, ABC):
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
            small | {"optimizer": torch.optim.AdamW, "calibration_fraction": 0.3},
            small | {"strategy": "direct", "baseline": "linear", "missing": "ffill", "n_lags": 2},
            small | {"exogenous": "lagged", "window_length": 8, "calibration_fraction": 0.4},
        ]

    @property
    def history_(self):
        return self.net_.history

    def fit(self, y, X=None, fh=None):
        with unchanged_on_error(self):
            return super().fit(y, X=X, fh=fh)

    def update(self, y, X=None, update_params=True):
        with unchanged_on_error(self):
            self._converter_store_y = {}  # sktime writes in it before anything can fail
            return super().update(y, X=X, update_params=update_params)

    def pretrain(self, y, X=None, fh=None):
        with unchanged_on_error(self):
            return super().pretrain(y, X=X, fh=fh)

    def _pretrain(self, y, X=None, fh=None):
        self._check_options()
        previous = vars(self).get("pretrained_net_")
        series = {n: s.scaled_over(len(s)) for n, s in series_of(y, X).items()}
        if self.strategy == "direct" and fh is None and previous is None:
            raise ValueError("fh must be passed to pretrain with strategy='direct', got None")
        reading = self._reading(series, fh, previous)
        learnt = [(s, [(0, len(s))]) for s in series.values()]
        self.pretrained_net_ = trained_net(self, learnt, reading, previous=previous)
        return self

    def _fit(self, y, X, fh):
        self._check_options()
        pretrained = vars(self).get("pretrained_net_")
        self._series, self._held_out = {}, {}
        self._level_names = list(y.index.names)
        self._learn_scales(series_of(y, X))
        reading = self._reading(self._series, fh, pretrained)
        if pretrained is None or self.warm_start:
            self.net_ = trained_net(self, self._learnt(), reading, previous=pretrained)
        else:
            self.net_ = pretrained
        self._rollout = Rollout(self.net_, reading, self.window_length)
        return self

    def _update(self, y, X=None, update_params=True):
        new = series_of(y, X)
        for name, series in new.items():
            next(iter(self._series.values())).check_same_columns(series)
            if name in self._series:
                if self._series[name].is_revised_by(series):
                    self._rollout.forget(name)
                self._series = self._series | {name: self._series[name].extended(series)}
        self._learn_scales({n: s for n, s in new.items() if n not in self._series})
        if update_params:
            reading = self._rollout.reading
            self.net_ = trained_net(
                self, self._learnt(), reading, previous=self.net_, as_update=True
            )
            self._rollout = Rollout(self.net_, reading, self.window_length)
        return self

    def _learn_scales(self, series):
        """Take series in, on the scale of what is trained on; the rest is held out."""
        for name, one in series.items():
            n, fraction = len(one), self.calibration_fraction or 0.0
            n_learnt = n - int(np.ceil(fraction * n))
            if n_learnt < 1:
                raise ValueError(
                    f"calibration_fraction={fraction} leaves none of {n} time points to learn "
                    "from: lower it"
                )
            self._series = self._series | {name: one.scaled_over(n_learnt)}
            self._held_out = self._held_out | {name: (n_learnt, n)}

    def _learnt(self):
        """The series with the parts that are to be trained on: all but those held out."""
        learnt = []
        for name, series in self._series.items():
            start, stop = self._held_out[name]
            parts = [(0, start), (stop, len(series))]
            learnt.append((series, [part for part in parts if part[0] < part[1]]))
        return learnt

    def _reading(self, series, fh, pretrained):
        n_ahead = 1
        if self.strategy == "direct" and fh is not None:
            cutoffs = [get_cutoff(one.y, return_index=True) for one in series.values()]
            n_ahead = max(1, *(steps_of(fh, cutoff).max() for cutoff in cutoffs))
        reading = Reading(
            n_lags=int(self.n_lags), lagged=self.exogenous == "lagged", n_ahead=int(n_ahead)
        )
        if pretrained is not None:
            reading = reading.of_net(pretrained, next(iter(series.values())))
        return reading

    def _cutoff_of(self, series):
        # sktime knows the frequency of a single series better than its last rows do
        return self.cutoff if len(self._series) == 1 else get_cutoff(series.y, return_index=True)

    def _predict(self, fh, X):
        given = {} if X is None else frames_of(X)
        frames = {}
        for name, series in self._series.items():
            index = fh.to_absolute_index(self._cutoff_of(series))
            values = self._forecasts(name, series, fh, given.get(name))
            frames[name] = pd.DataFrame(values, index=index, columns=series.y.columns)
        return stacked(frames, self._level_names)

    def _forecasts(self, name, series, fh, X):
        """Forecasts (len(fh), d) of one series."""
        cutoff, n = self._cutoff_of(series), len(series)
        steps = steps_of(fh, cutoff)
        n_steps = max(0, int(steps.max()))
        if n + steps.min() < 1:
            raise ValueError(
                f"fh must not go back beyond the {n} time points known, got a step of "
                f"{steps.min()}, the last of them being 0"
            )
        past = fh.to_absolute_index(cutoff)[steps < 1]
        if not past.equals(series.y.index[n - 1 + steps[steps < 1]]):
            raise ValueError(
                f"the index of y must have no gaps for forecasts of time points in it, got {n} "
                f"from {series.y.index[0]} to {series.y.index[-1]}: y.asfreq(...) makes the gaps "
                "NaN, which missing='ffill' takes"
            )
        future = steps_ahead(n_steps, cutoff, fh.freq)
        y, X = series.with_exogenous(X, future, lagged=self.exogenous == "lagged").standardised()
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
            series = self._series[name]
            steps = np.maximum(1, steps_of(fh, self._cutoff_of(series)))
            spread = self._error_quantiles(steps, alpha) * series.y_scale.std
            values = frame.to_numpy()[:, None] + spread  # (steps, alpha, d)
            flat = np.moveaxis(values, 2, 1).reshape(len(frame), -1)
            frames[name] = pd.DataFrame(flat, index=frame.index, columns=columns)
        return stacked(frames, self._level_names)

    def _error_quantiles(self, steps, alpha):
        """Quantiles of standardised held-out errors, (len(steps), len(alpha), d)."""
        errors = self._held_out_errors(int(steps.max()))
        quantiles = []
        for step in steps:
            of_step = errors[:, step - 1]
            of_step = of_step[np.isfinite(of_step).all(axis=1)]
            if not len(of_step):
                raise ValueError(
                    f"an interval {step} steps ahead needs at least {step} time points held out: "
                    f"raise calibration_fraction, now {self.calibration_fraction}, or give a "
                    "longer history"
                )
            quantiles.append(error_quantiles(of_step, alpha))
        return np.array(quantiles)

    def _held_out_errors(self, n_steps):
        """(time points held out of all series, n_steps, d)."""
        errors = []
        for name, series in self._series.items():
            start, stop = self._held_out[name]
            y, X = series.standardised()
            is_known = series.y.notna().to_numpy()[:stop]
            errors.append(self._rollout.errors(name, y[:stop], X, is_known, start, n_steps))
        return np.concatenate(errors)
