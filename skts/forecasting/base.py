"""Base class of the forecasters: sktime's interface around a skorch net."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import pandas as pd
import torch
from sktime.forecasting.base import BaseForecaster, ForecastingHorizon

from skts.forecasting.fitting import trained_net
from skts.forecasting.horizon import steps_of, time_points_ahead, time_points_of
from skts.forecasting.intervals import quantiles_of_steps
from skts.forecasting.layout import InputLayout
from skts.forecasting.options import ForecastingParams
from skts.forecasting.rollout import Rollout
from skts.forecasting.series import check_known, check_levels, following, series_of
from skts.forecasting.stored import restored, stored
from skts.forecasting.summary import Summarised
from skts.forecasting.time_points import (
    check_containers,
    check_given,
    check_time_points,
    in_zone_of,
    named_as,
    of_series,
    stacked,
    unmasked,
)
from skts.input.frames import frames_of
from skts.input.validation import check_not_beyond
from skts.persistence.storable import Storable
from skts.training.history import HasHistory
from skts.training.interrupts import unchanged_on_error

ARRAYS = ["np.ndarray", "numpy3D"]  # sktime's containers without an index
MTYPES = ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"]

#: Series, frames and panels of sktime, and its horizons.
Table = pd.Series | pd.DataFrame | np.ndarray | Sequence[pd.DataFrame]
SameTable = TypeVar("SameTable", bound=Table)
Horizon = int | Sequence[int] | np.ndarray | pd.Index | ForecastingHorizon


class SequenceForecaster(HasHistory, ForecastingParams, Summarised, BaseForecaster, Storable, ABC):
    """Abstract base of forecasters that train a causal network sequence to sequence."""

    _tags: ClassVar[dict[str, Any]] = {  # type: ignore[misc]  # sktime has no ClassVar here
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
    _config = {"remember_data": False}  # `_series` holds the data that predict needs

    _fitted_attributes = (
        (
            "net_ : skorch.NeuralNet",
            "The fitted skorch net; ``net_.module_`` is the torch module.",
        ),
        (
            "history_ : skorch.history.History",
            "Loss (mean squared error of the standardised series), duration and learning rate "
            "of each epoch; `history_frame` returns a table.",
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
        """Return the untrained torch module, a skts.models.alstm.SequenceNetwork."""

    def __post_init__(self):
        # called at the end of the generated constructor, which assigns the options, and of sktime's
        if "_fh" not in vars(self):
            BaseForecaster.__init__(self)
            self._y = self._X = None  # sktime reads them if remember_data is switched on later
            return
        tags = {
            "requires-fh-in-fit": self.strategy == "direct",
            "capability:pred_int": self.calibration_fraction is not None,
            "capability:missing_values": self.missing == "ffill",
        }
        self.set_tags(**tags)

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Return parameters for sktime's checks, with short trainings.

        Parameters
        ----------
        parameter_set : str, default="default"
            There is only one set.

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

    def _stored(self):
        if self.state == "new":
            self.check_is_fitted()
        return stored(self)

    @classmethod
    def _restored(cls, plain, tensors, device):
        return restored(cls, plain, tensors, device)

    def fit(self, y: Table, X: Table | None = None, fh: Horizon | None = None) -> Self:
        """Learn to forecast one or several series.

        Parameters
        ----------
        y : series, frame or panel of sktime
            One column per variable. All series of a panel share one network. Time points must be
            sorted and unique, and without gaps unless ``missing="ffill"``.
        X : frame or panel of sktime, optional
            Exogenous series with the index of `y`.
        fh : int, list of int or ForecastingHorizon, optional
            Steps ahead. Required with ``strategy="direct"``.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If an option, `y`, `X` or `fh` is not as described. A fitted forecaster does not
            change.
        """
        check_given(y)
        with unchanged_on_error(self):
            return super().fit(y, X=X, fh=fh)

    def fit_predict(
        self,
        y: SameTable,
        X: Table | None = None,
        fh: Horizon | None = None,
        X_pred: Table | None = None,
    ) -> SameTable:
        """Fit, and forecast the steps in `fh`.

        Parameters
        ----------
        y, X, fh
            As in `fit`. `X` also covers the steps ahead, unless `X_pred` does.
        X_pred : frame or panel of sktime, optional
            Exogenous series of the steps ahead.

        Returns
        -------
        series, frame or panel of sktime
            As in `predict`, with the type of `y`.

        Raises
        ------
        ValueError, TypeError
            As in `fit` and `predict`. A fitted forecaster does not change.
        """
        check_given(y)
        with unchanged_on_error(self):
            return super().fit_predict(y, X=X, fh=fh, X_pred=X_pred)

    def update(self, y: Table, X: Table | None = None, update_params: bool = True) -> Self:
        """Add later values, and train one epoch over the history.

        Parameters
        ----------
        y : series, frame or panel of sktime
            Values after the known ones. New series are added. Columns are those of `fit`; a Series
            can have another name. The values of an array follow the known values.
        X : frame or panel of sktime, optional
            As in `fit`.
        update_params : bool, default=True
            False: the values are added, and the network does not change.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            As in `fit`.
        """
        with unchanged_on_error(self):
            self._converter_store_y = {}  # a new one, because sktime writes to it before its checks
            return super().update(y, X=X, update_params=update_params)

    def pretrain(self, y: Table, X: Table | None = None, fh: Horizon | None = None) -> Self:
        """Learn from many series. `fit` then starts from these weights for another series.

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
            As in `fit`.
        """
        check_given(y)
        with unchanged_on_error(self):
            return super().pretrain(y, X=X, fh=fh)

    def _check_X_y(self, X=None, y=None, **options):  # noqa: N802
        # every public method of sktime passes its y and X to this method
        X, y = unmasked(X), unmasked(y)
        check_containers(X, y)
        X_inner, y_inner = super()._check_X_y(X=X, y=y, **options)
        for label, frame in (("y", y_inner), ("X", X_inner)):
            if frame is not None:
                check_time_points(label, frame)
        if self.state == "pretrained":
            X_inner = named_as(self.pretrained_net_.module_.layout.X_columns, X, X_inner)
        if self.state == "fitted":
            layout = self._rollout.layout
            known = next(iter(self._series.values())).y
            y_inner = named_as(known.columns, y, y_inner)
            X_inner = named_as(layout.X_columns, X, X_inner)
            X_inner, y_inner = (in_zone_of(known.index, one) for one in (X_inner, y_inner))
            if y is None and isinstance(X, np.ndarray):
                X_inner = following(self._series, X_inner)
        return X_inner, y_inner

    def _pretrain(self, y, X=None, fh=None):
        self._check_options()
        if self.strategy == "direct" and fh is None and self.state == "new":
            raise ValueError("fh must be passed to pretrain with strategy='direct', got None")
        previous = vars(self).get("pretrained_net_")
        series = self._split_series(y, X)
        layout = self._input_layout(series, fh, previous)
        self.pretrained_net_ = trained_net(self, series.values(), layout, previous=previous)
        return self

    def _fit(self, y, X, fh):
        self._check_options()
        pretrained = vars(self).get("pretrained_net_")
        self._level_names = list(y.index.names)
        self._series = self._split_series(y, X)
        layout = self._input_layout(self._series, fh, pretrained)
        self.net_ = pretrained
        if pretrained is None or self.warm_start:
            self.net_ = trained_net(self, self._series.values(), layout, previous=pretrained)
        self._rollout = Rollout(self.net_, layout, self.window_length)
        return self

    def _update(self, y, X=None, update_params=True):
        known, layout = dict(self._series), self._rollout.layout
        if self._y_mtype_last_seen in ARRAYS:
            X = following(known, X) if X is not None and X.index.equals(y.index) else X
            y = following(known, y)
            self._set_cutoff_from_y(y)
        found = series_of(y, X, fill=self._fills_gaps, known=known)
        check_levels("y", found, known)
        for name, new in found.items():
            next(iter(known.values())).check_goes_on(new)
            if name in known:
                before, known[name] = known[name], known[name].extended(new, fill=self._fills_gaps)
                if before.is_revised_by(new) or before.y_scale is not known[name].y_scale:
                    self._rollout.forget(name)
            else:
                known[name] = new.split_off(self.calibration_fraction)
        self._series = dict(sorted(known.items()))  # sktime's frames are sorted
        if update_params:
            series = self._series.values()
            self.net_ = trained_net(self, series, layout, previous=self.net_, as_update=True)
            self._rollout = Rollout(self.net_, layout, self.window_length)
        return self

    @property
    def _fills_gaps(self):
        return self.missing == "ffill"

    def _split_series(self, y, X):
        """Return series by name, with their last parts held out if the options ask for it."""
        found = series_of(y, X, fill=self._fills_gaps)
        fraction = self.calibration_fraction
        series = {name: one.split_off(fraction) for name, one in found.items()}
        if fraction is not None and all(one.held_out is None for one in series.values()):
            longest = max(found.values(), key=len)
            n = longest.n_left(fraction)
            raise ValueError(
                f"calibration_fraction={fraction} leaves {n or 'none'} of {len(longest)} time "
                f"points to train on{' in the longest series' if len(found) > 1 else ''}, but at "
                "least 2 must have a value: lower it, or pass a longer history"
            )
        return series

    def _input_layout(self, series, fh, pretrained):
        n_direct = None
        if self.strategy == "direct":
            known = [] if fh is None else series.values()
            n_direct = int(max([1, *(steps_of(fh, one.y.index).max() for one in known)]))
        any_series = next(iter(series.values()))
        layout = InputLayout(
            n_columns=any_series.y.shape[1],
            X_columns=None if any_series.X is None else tuple(any_series.X.columns),
            n_lags=int(self.n_lags),
            lagged=self.exogenous == "lagged",
            n_direct=n_direct,
        )
        return layout if pretrained is None else layout.checked_against(pretrained)

    def _predict(self, fh, X):
        given = {} if X is None else frames_of(X)
        check_levels("X", given, self._series)
        check_known("y in fit", self._series, given)
        frames = {}
        for name, series in self._series.items():
            seen = series.seen()
            values = self._forecasts(name, seen, fh, given.get(name))
            index = time_points_of(fh, seen.y.index)
            frames[name] = pd.DataFrame(values, index=index, columns=series.y.columns)
        return stacked(frames, self._level_names)

    def _forecasts(self, name, series, fh, X):
        """Return the forecasts (len(fh), d) of one series."""
        n, steps = len(series), steps_of(fh, series.y.index)
        n_steps = max(0, int(steps.max()))
        if n + steps.min() < 1:
            raise ValueError(
                f"fh must have steps of at least {1 - n}, because {n} time points are known and "
                f"the last of them is step 0, got {steps.min()}{of_series(name)}"
            )
        layout = self._rollout.layout
        n_read = max(n_steps, layout.n_ahead if layout.reads_ahead else 0)
        future = time_points_ahead(series.y.index, n_read)
        options = {"lagged": layout.lagged, "fill": self._fills_gaps}
        y, X = series.with_future(X, future, n_steps, **options).standardised()
        forecasts = np.full((n + n_steps, y.shape[1]), np.nan)
        if steps.min() < 1:
            forecasts[:n] = self._rollout.one_step(y, X)
        if n_steps:
            forecasts[n:] = self._rollout.ahead(name, y, X, n_steps)
        forecasts = series.y_scale.unstandardised(forecasts[n - 1 + steps])
        return check_not_beyond(forecasts, f"forecasts{of_series(name)}")

    def _predict_quantiles(self, fh, X, alpha):
        columns = self._get_columns("predict_quantiles", alpha=alpha)
        frames = {}
        for name, frame in frames_of(self._predict(fh, X)).items():
            series = self._series[name].seen()
            steps = np.maximum(1, steps_of(fh, series.y.index))
            with np.errstate(over="ignore"):  # limits beyond the largest float are infinite
                quantiles = quantiles_of_steps(self._series, self._rollout, steps, alpha)
                spread = quantiles * series.y_scale.std
                values = frame.to_numpy()[:, None] + spread  # (steps, alpha, d)
            flat = np.moveaxis(values, 2, 1).reshape(len(frame), -1)
            frames[name] = pd.DataFrame(flat, index=frame.index, columns=columns)
        return stacked(frames, self._level_names)
