"""Conversion of forecasters to plain data and tensors and back, for skts.save and skts.load."""

import dataclasses
import operator

import numpy as np
import pandas as pd
import torch
from sktime.datatypes import convert_to, mtype
from sktime.forecasting.base import ForecastingHorizon

from skts.forecasting.baseline import Baseline, BaselinePlusNetwork
from skts.forecasting.layout import InputLayout
from skts.forecasting.series import Scale, Series
from skts.forecasting.time_points import stacked
from skts.persistence.files import from_plain, to_plain
from skts.persistence.storable import check_as_written, plain_parameters, with_parameters
from skts.training.net import ForecasterNet
from skts.training.stored import plain_training, restored_net


def stored(forecaster):
    """Return a fitted or pretrained forecaster as plain data and tensors."""
    nets = _nets(forecaster)
    state, tensors = _state(forecaster, nets)
    plain = {
        "class": type(forecaster).__name__,
        "parameters": plain_parameters(forecaster),
        "state": state,
        "trainings": {
            name: plain_training(net, tensors) for name, net in nets.items() if net is not None
        },
    }
    return plain, tensors


def _check_container(y, kind, converter):
    """Raise ValueError or TypeError unless sktime converts `y` to `kind` with this converter."""
    given = convert_to(y, kind, store=converter, store_behaviour="freeze")
    found = {}
    convert_to(given, mtype(y, as_scitype=["Series", "Panel", "Hierarchical"]), store=found)
    if found != converter:
        raise ValueError(f"the names of the series must be {found}, got {converter}")


def _nets(forecaster):
    nets = {name: vars(forecaster).get(name) for name in ("net_", "pretrained_net_")}
    if nets["net_"] is nets["pretrained_net_"]:
        nets["net_"] = None  # stored once, as pretrained_net_
    return nets


def _state(forecaster, nets):
    """Return the fitted state of the forecaster as plain data and tensors."""
    tensors = {}
    state = {name: net and _net_state(net) for name, net in nets.items()}
    if forecaster.state == "fitted":
        fh = forecaster._fh
        state |= {
            "series": [(name, _series_state(one)) for name, one in forecaster._series.items()],
            "level_names": forecaster._level_names,
            "fh": fh and (_index_state(fh.to_pandas()), bool(fh.is_relative)),
            "came_as": forecaster._y_mtype_last_seen,
            "converter": forecaster._converter_store_y,
        }
    return to_plain("what the forecaster knows", state, tensors), tensors


def restored(cls, plain, tensors, device):
    """Return the forecaster; `fit` takes its stored network as pretrained, without training."""
    forecaster = with_parameters(cls, plain["parameters"])
    if device is not None:
        forecaster.set_params(device=device)._check_options()
    state = from_plain(plain["state"], tensors)
    nets = {
        name: _net(forecaster, state[name], training, tensors)
        for name, training in plain["trainings"].items()
    }
    pretrained = nets.get("pretrained_net_")
    if "series" in state:
        _fit_with(forecaster, nets.get("net_", pretrained), state)
        forecaster.pretrained_net_ = pretrained
    else:
        forecaster.pretrained_net_, forecaster._state = pretrained, "pretrained"
    if pretrained is None:
        del forecaster.pretrained_net_
    else:
        forecaster._pretrained_attrs = ["pretrained_net_"]
    check_as_written("the state", _state(forecaster, _nets(forecaster))[0], plain["state"])
    return forecaster


def _fit_with(forecaster, net, state):
    series = {name: _series(name, of_one) for name, of_one in state["series"]}
    n_levels = len(state["level_names"]) - 1  # without the time points
    if not all(isinstance(name, tuple) and len(name) == n_levels for name in series):
        raise ValueError(f"names of series must be tuples of {n_levels}, got {list(series)}")
    seen = {name: one.seen() for name, one in series.items()}
    y = stacked({name: one.y for name, one in seen.items()}, state["level_names"])
    X = None
    if all(one.X is not None for one in seen.values()):
        X = stacked({name: one.X for name, one in seen.items()}, state["level_names"])
    fh = None
    if state["fh"] is not None:
        of_index, is_relative = state["fh"]
        fh = ForecastingHorizon(_index(of_index), is_relative=is_relative)
    _check_container(y, state["came_as"], state["converter"])
    options = {"warm_start": forecaster.warm_start}
    options["calibration_fraction"] = forecaster.calibration_fraction
    vars(forecaster).update(warm_start=False, calibration_fraction=None)
    forecaster.pretrained_net_, forecaster._state = net, "pretrained"
    forecaster.fit(y, X=X, fh=fh)
    vars(forecaster).update(options)
    forecaster._series = series  # with the stored scales
    forecaster._y_mtype_last_seen = forecaster._y_metadata["mtype"] = state["came_as"]
    forecaster._converter_store_y = state["converter"]


def _net_state(net):
    module = net.module_
    return {"reading": dataclasses.asdict(module.layout), "weights": dict(module.state_dict())}


def _net(forecaster, state, training, tensors):
    layout = InputLayout(**state["reading"])
    n_inputs, n_outputs = layout.n_inputs, layout.n_ahead * layout.n_columns
    nothing = Baseline(np.zeros((n_outputs, n_inputs)), np.zeros(n_outputs), np.ones(n_outputs))

    def network():
        correction = forecaster._sequence_network(n_inputs, n_outputs)
        return BaselinePlusNetwork(correction, nothing, layout, input_noise=forecaster.input_noise)

    return restored_net(training, forecaster, ForecasterNet, network, state["weights"], tensors)


def _series_state(series):
    labels = series.y.index
    return {
        "index": _index_state(labels),
        "y": _frame_state(series.y),
        "X": None if series.X is None else _frame_state(series.X),
        "end": labels.get_loc(series.end),
        "held_out": series.held_out and tuple(map(labels.get_loc, series.held_out)),
        "y_scale": _scale_state(series.y_scale),
        "X_scale": series.X_scale and _scale_state(series.X_scale),
    }


def _series(name, state):
    index = _index(state["index"])
    return Series(
        _frame(state["y"], index),
        state["X"] and _frame(state["X"], index),
        end=index[operator.index(state["end"])],
        held_out=_held_out(state["held_out"], index),
        y_scale=_scale(state["y_scale"]),
        X_scale=state["X_scale"] and _scale(state["X_scale"]),
        name=name,
    )


def _held_out(places, index):
    if places is None:
        return None
    start, last = places
    return index[operator.index(start)], index[operator.index(last)]


def _frame_state(frame):
    columns = {"columns": list(frame.columns), "name": frame.columns.name}
    return columns | {"values": torch.tensor(frame.to_numpy(float))}


def _frame(state, index):
    columns = pd.Index(state["columns"], name=state["name"])
    return pd.DataFrame(state["values"].numpy(), index, columns=columns)


def _scale_state(scale):
    return tuple(map(torch.as_tensor, scale))


def _scale(state):
    return Scale(*(values.numpy() for values in state))


def _index_state(index):
    """Return an index of time points as plain data; ValueError if its type is not supported."""
    state = {"kind": type(index).__name__, "name": index.name}
    if isinstance(index, pd.PeriodIndex | pd.DatetimeIndex):
        state |= {"freq": index.freqstr, "numbers": torch.tensor(index.asi8)}
        if isinstance(index, pd.DatetimeIndex):
            state |= {"unit": index.unit, "tz": None if index.tz is None else str(index.tz)}
    elif pd.api.types.is_integer_dtype(index.dtype):
        state["numbers"] = torch.tensor(index.to_numpy(np.int64))
    else:
        raise ValueError(
            "only integers, periods and dates can be stored as time points, got a "
            f"{type(index).__name__} of {index.dtype}"
        )
    if not _is_described_by(state, index):
        freq = f" and the frequency {index.freq}" if "freq" in state else ""
        raise ValueError(f"time points of the type {index.dtype}{freq} cannot be stored")
    return state


def _is_described_by(state, index):
    try:
        again = _index(state)
    except ValueError:  # pandas cannot parse the name of the frequency
        return False
    return again.equals(index) and getattr(again, "freq", None) == getattr(index, "freq", None)


def _index(state):
    kind, name, numbers = state["kind"], state["name"], state["numbers"].numpy()
    match kind:
        case "PeriodIndex":
            return pd.PeriodIndex.from_ordinals(numbers, freq=state["freq"], name=name)
        case "DatetimeIndex":
            dates = pd.DatetimeIndex(numbers.view(f"M8[{state['unit']}]"), name=name)
            if state["tz"] is not None:
                dates = dates.tz_localize("UTC").tz_convert(state["tz"])
            dates.freq = state["freq"]
            return dates
        case "RangeIndex" if len(numbers) > 0:
            step = int(numbers[1] - numbers[0]) if len(numbers) > 1 else 1
            return pd.RangeIndex(int(numbers[0]), int(numbers[-1]) + step, step, name=name)
    return pd.Index(numbers, name=name)
