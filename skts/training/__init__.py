"""Training: from options and checked arrays to a trained skorch net."""

__all__ = []
