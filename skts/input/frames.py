"""Pandas frames whose index has the series before the time points."""

import pandas as pd


def frames_of(frame):
    """Return the frame of each series by its name, a tuple; () names a single series."""
    if not isinstance(frame.index, pd.MultiIndex):
        return {(): frame}
    levels = list(range(frame.index.nlevels - 1))
    return {
        # before pandas 3, names of one level are not tuples
        name if isinstance(name, tuple) else (name,): part.droplevel(levels)
        for name, part in frame.groupby(level=levels, sort=False)
    }
