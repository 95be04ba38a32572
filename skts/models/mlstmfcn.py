"""MLSTM-FCN and MALSTM-FCN (Karim, Majumdar, Darabi and Harford, 2019)."""

from skts.base import SeriesClassifier, SeriesRegressor
from skts.models.lstmfcn import _ALSTMFCNParams, _LSTMFCNParams

PAPER = (
    "F. Karim, S. Majumdar, H. Darabi, S. Harford (2019). Multivariate LSTM-FCNs for time series "
    "classification. Neural Networks 116, 237-245."
)


class _MLSTMFCNParams(_LSTMFCNParams):
    paper = PAPER
    _squeeze_excite = True


class _MALSTMFCNParams(_ALSTMFCNParams):
    paper = PAPER
    _squeeze_excite = True


class MLSTMFCNClassifier(_MLSTMFCNParams, SeriesClassifier):
    """MLSTM-FCN classifier [1]_: LSTM-FCN with squeeze-excite, for multivariate series."""


class MLSTMFCNRegressor(_MLSTMFCNParams, SeriesRegressor):
    """MLSTM-FCN regressor [1]_: LSTM-FCN with squeeze-excite, for multivariate series."""


class MALSTMFCNClassifier(_MALSTMFCNParams, SeriesClassifier):
    """MALSTM-FCN classifier [1]_: MLSTM-FCN with attention in the recurrent branch."""


class MALSTMFCNRegressor(_MALSTMFCNParams, SeriesRegressor):
    """MALSTM-FCN regressor [1]_: MLSTM-FCN with attention in the recurrent branch."""
