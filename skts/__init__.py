"""Deep networks for time series that behave like any other scikit-learn estimator."""

from skts import datasets, lazy, recipes
from skts.ensemble import (
    EnsembleClassifier,
    EnsembleRegressor,
    MultiViewClassifier,
    MultiViewRegressor,
    SeedEnsembleClassifier,
    SeedEnsembleRegressor,
)
from skts.export import export_onnx
from skts.models.alstm import (
    ALSTMClassifier,
    ALSTMRegressor,
    LSTMALSTMClassifier,
    LSTMALSTMRegressor,
)
from skts.models.cnn_lstm import CNNClassifier, CNNRegressor, LSTMClassifier, LSTMRegressor
from skts.models.convlstm import ConvLSTMClassifier, ConvLSTMRegressor
from skts.models.fcn import FCNClassifier, FCNRegressor
from skts.models.hydra import HydraMiniRocketClassifier, HydraMiniRocketRegressor
from skts.models.inception import InceptionClassifier, InceptionRegressor
from skts.models.lite import LITEClassifier, LITERegressor
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
from skts.models.quant import QuantRidgeClassifier, QuantRidgeRegressor
from skts.models.resnet import ResNetClassifier, ResNetRegressor
from skts.models.selstmfcn import SELSTMFCNClassifier, SELSTMFCNRegressor
from skts.saving import load, save
from skts.version import __version__ as __version__

__getattr__, __dir__ = lazy.submodules_of(__name__)

__all__ = [
    "ALSTMClassifier",
    "ALSTMFCNClassifier",
    "ALSTMFCNRegressor",
    "ALSTMRegressor",
    "CNNClassifier",
    "CNNRegressor",
    "ConvLSTMClassifier",
    "ConvLSTMRegressor",
    "EnsembleClassifier",
    "EnsembleRegressor",
    "FCNClassifier",
    "FCNRegressor",
    "HydraMiniRocketClassifier",
    "HydraMiniRocketRegressor",
    "InceptionClassifier",
    "InceptionRegressor",
    "LITEClassifier",
    "LITERegressor",
    "LSTMALSTMClassifier",
    "LSTMALSTMRegressor",
    "LSTMClassifier",
    "LSTMFCNClassifier",
    "LSTMFCNRegressor",
    "LSTMRegressor",
    "MALSTMFCNClassifier",
    "MALSTMFCNRegressor",
    "MLSTMFCNClassifier",
    "MLSTMFCNRegressor",
    "MultiViewClassifier",
    "MultiViewRegressor",
    "QuantRidgeClassifier",
    "QuantRidgeRegressor",
    "ResNetClassifier",
    "ResNetRegressor",
    "SELSTMFCNClassifier",
    "SELSTMFCNRegressor",
    "SeedEnsembleClassifier",
    "SeedEnsembleRegressor",
    "datasets",
    "export_onnx",
    "load",
    "recipes",
    "save",
]
