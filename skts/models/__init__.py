"""One paper, one file: its network and the estimators on it."""

from skts.models.fcn import FCN, FCNClassifier, FCNRegressor
from skts.models.lstmfcn import (
    LSTMFCN,
    ALSTMFCNClassifier,
    ALSTMFCNRegressor,
    LSTMFCNClassifier,
    LSTMFCNRegressor,
)
from skts.models.mlstmfcn import (
    MALSTMFCNClassifier,
    MALSTMFCNRegressor,
    MLSTMFCNClassifier,
    MLSTMFCNRegressor,
)

__all__ = [
    "FCN",
    "LSTMFCN",
    "ALSTMFCNClassifier",
    "ALSTMFCNRegressor",
    "FCNClassifier",
    "FCNRegressor",
    "LSTMFCNClassifier",
    "LSTMFCNRegressor",
    "MALSTMFCNClassifier",
    "MALSTMFCNRegressor",
    "MLSTMFCNClassifier",
    "MLSTMFCNRegressor",
]
