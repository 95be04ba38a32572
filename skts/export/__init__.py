"""Fitted estimators as models that run without skts."""

from skts.export.export import export_onnx, exported_program

__all__ = ["export_onnx", "exported_program"]
