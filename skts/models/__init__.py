"""One paper, one file: its network, public here, and the estimators on it, public in `skts`."""

from skts.models.alstm import ALSTM, LSTMALSTM, SequenceLSTM
from skts.models.cnn_lstm import CNN, LSTM
from skts.models.convlstm import ConvLSTM
from skts.models.fcn import FCN
from skts.models.lstmfcn import LSTMFCN
from skts.models.selstmfcn import SELSTMFCN

__all__ = [
    "ALSTM",
    "CNN",
    "FCN",
    "LSTM",
    "LSTMALSTM",
    "LSTMFCN",
    "SELSTMFCN",
    "ConvLSTM",
    "SequenceLSTM",
]
