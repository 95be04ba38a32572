"""Input: anything array-like to checked series."""

__all__ = []
