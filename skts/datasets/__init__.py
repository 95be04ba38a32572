"""Data sets of the UCR and UEA archives: find, read, list."""

from skts.datasets.load import find_missing, list_ucr, load_ucr, load_ucr_parts

__all__ = ["find_missing", "list_ucr", "load_ucr", "load_ucr_parts"]
