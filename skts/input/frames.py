"""Frames of pandas whose index has the series ahead of the time points."""

import pandas as pd


def frames_of(frame):
    """The frames of each series, by name: a tuple, of length 0 for a single series."""
    if not isinstance(frame.index, pd.MultiIndex):
        return {(): frame}
    levels = list(range(frame.index.nlevels - 1))
    return {
        # before pandas 3 the names of one level are no tuples
        name if isinstance(name, tuple) else (name,): part.droplevel(levels)
        for name, part in frame.groupby(level=levels, sort=False)
    }
