"""Data sets of the UCR and UEA archives: find, read, list. Series from long frames, and windows."""

from skts.datasets.load import find_missing, list_ucr, load_ucr, load_ucr_parts
from skts.datasets.long import from_long
from skts.datasets.sliding import windows

__all__ = ["find_missing", "from_long", "list_ucr", "load_ucr", "load_ucr_parts", "windows"]
