"""sktime's horizons in steps, and frames of several series."""

import numpy as np
import pandas as pd
from sktime.forecasting.base import ForecastingHorizon


def steps_of(fh, cutoff):
    """A horizon in whole steps after the last time point known, an int array."""
    return fh.to_absolute(cutoff).to_relative(cutoff).to_numpy().astype(np.int64)


def steps_ahead(n_steps, cutoff, freq):
    """The index of so many time points after the last one known."""
    if n_steps == 0:
        return pd.Index([])
    fh = ForecastingHorizon(np.arange(1, n_steps + 1), freq=freq)
    return fh.to_absolute_index(cutoff)


def stacked(frames, level_names):
    """One frame of those of the series, by name; a single series is named by an empty tuple."""
    if () in frames:
        return frames[()]
    return pd.concat(frames, names=level_names)
