"""Storage of estimators in files of weights and plain data, which execute nothing."""

__all__ = []
