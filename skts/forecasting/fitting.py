"""Training of the networks of forecasters."""

import copy

import numpy as np

from skts.forecasting.baseline import BaselinePlusNetwork, fitted_baseline
from skts.forecasting.layout import training_rows
from skts.training.net import ForecasterNet
from skts.training.train import TrainingData, draw_seed, train


def trained_net(options, series, layout, *, previous=None, as_update=False):
    """Train the network of a forecaster.

    Parameters
    ----------
    options : skts.forecasting.base.SequenceForecaster
    series : collection of skts.forecasting.series.Series
    layout : skts.forecasting.layout.InputLayout
    previous : skts.training.net.ForecasterNet, optional
        Net to continue from.
    as_update : bool
        One epoch at the learning rate `update_lr`, without validation.
    """
    seed = draw_seed(options.random_state)
    if as_update:
        seed = (seed + len(previous.history)) % 2**32  # every update draws other noise
        options = _changed(options, lr=options.update_lr)
    net = _trained(options, series, layout, seed, previous, as_update)
    if options.refit and not as_update:
        best = int(np.argmin(net.history[:, "valid_loss"])) + 1
        anew = {"max_epochs": best, "early_stopping_patience": None, "restore_best": None}
        options = _changed(options, **anew, validation_fraction=None)
        net = _trained(options, series, layout, seed, previous, as_update)
    return net


def _changed(options, **changes):
    twin = copy.copy(options)
    vars(twin).update(changes)
    return twin


def _trained(options, series, layout, seed, previous, as_update):
    fraction = None if as_update else options.validation_fraction
    rows, validation = [], []
    for one in series:
        parts = one.learnt_parts()
        split, end = _validation_start(parts, fraction), parts[-1][1]
        before = [(start, min(stop, split)) for start, stop in parts if start < split]
        if before:
            rows += training_rows(one, layout, options.window_length, before)
        if fraction is not None:
            after = [(split, end)]
            validation += training_rows(one, layout, options.window_length, after)
    _check_enough(options, rows, validation, fraction, max(map(len, series)))
    inputs, targets = (np.concatenate(parts, axis=1) for parts in zip(*rows, strict=True))
    if previous is None:
        baseline = fitted_baseline(options.baseline, inputs, targets, layout.n_columns)
    else:
        baseline = previous.module_.baseline()
    return train(
        options,
        lambda: BaselinePlusNetwork(
            options._sequence_network(len(inputs), len(targets)),
            baseline,
            layout,
            input_noise=options.input_noise,
        ),
        _stacked(rows),
        _stacked(validation) if validation else None,
        make_net=ForecasterNet,
        seed=seed,
        previous=previous,
        one_epoch=as_update,
    )


def _validation_start(parts, fraction):
    end = parts[-1][1]
    return end if fraction is None else end - int(np.ceil(fraction * end))


def _check_enough(options, rows, validation, fraction, n_longest):
    if not rows:
        raise ValueError(
            f"{type(options).__name__} needs a series with at least 2 known time points to train "
            f"on, besides the held-out ones, got at most {n_longest} time points in a series with "
            f"validation_fraction={fraction} and calibration_fraction="
            f"{options.calibration_fraction}: pass a longer history, or lower the fractions"
        )
    if fraction is not None and not validation:
        raise ValueError(
            f"validation_fraction={fraction} leaves no known time point to validate on: raise it, "
            "or set it to None"
        )


def _stacked(rows):
    """Return windows as one array, padded at the end, which a causal network does not read."""
    width = max(x.shape[1] for x, _ in rows)
    values = np.zeros((len(rows), len(rows[0][0]), width), dtype=np.float32)
    targets = np.full((len(rows), len(rows[0][1]), width), np.nan, dtype=np.float32)
    for i, (x, target) in enumerate(rows):
        values[i, :, : x.shape[1]] = x
        targets[i, :, : x.shape[1]] = target
    return TrainingData(values, None, targets, np.ones(len(rows)))
