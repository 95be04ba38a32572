"""Files of estimators: weights and plain data, nothing executed."""

__all__ = []
