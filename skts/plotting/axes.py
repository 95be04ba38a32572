"""The Axes of figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skts.extras import needs

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def axes_of(ax: Axes | None) -> Axes:
    """Return the given Axes, or new ones."""
    if ax is not None:
        return ax
    with needs("plot", "skts.plotting"):
        from matplotlib import pyplot as plt
    return plt.subplots(layout="constrained")[1]
