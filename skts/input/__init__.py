"""Reading and validation of input."""

__all__ = []
