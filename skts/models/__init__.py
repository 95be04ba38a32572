"""One paper, one file: its network, public here, and the estimators on it, public in `skts`."""

from skts.models.fcn import FCN
from skts.models.lstmfcn import LSTMFCN

__all__ = ["FCN", "LSTMFCN"]
