"""Deep networks for time series that behave like any other scikit-learn estimator."""

from skts import datasets, recipes
from skts.models.fcn import FCNClassifier, FCNRegressor
from skts.models.lstmfcn import (
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

__version__ = "0.1.0"

__all__ = [
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
    "datasets",
    "recipes",
]
