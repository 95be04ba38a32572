"""Data sets of the UCR and UEA archives, series from long frames, and windows of series."""

from skts.datasets.load import find_missing, list_ucr, load_ucr, load_ucr_parts
from skts.datasets.long import from_long
from skts.datasets.sliding import windows

__all__ = ["find_missing", "from_long", "list_ucr", "load_ucr", "load_ucr_parts", "windows"]
