"""Export of fitted estimators to models that run without skts."""

from skts.export.comparison import compare_onnx
from skts.export.export import export_onnx, exported_program

__all__ = ["compare_onnx", "export_onnx", "exported_program"]
