"""One file per paper, with its network (public here) and its estimators (public in `skts`)."""

from skts.models.alstm import ALSTM, LSTMALSTM, SequenceLSTM
from skts.models.cnn_lstm import CNN, LSTM
from skts.models.convlstm import ConvLSTM
from skts.models.fcn import FCN
from skts.models.hydra import HydraMiniRocket
from skts.models.inception import Inception
from skts.models.lite import LITE
from skts.models.lstmfcn import LSTMFCN
from skts.models.quant import QuantRidge
from skts.models.resnet import ResNet
from skts.models.selstmfcn import SELSTMFCN

__all__ = [
    "ALSTM",
    "CNN",
    "FCN",
    "LITE",
    "LSTM",
    "LSTMALSTM",
    "LSTMFCN",
    "SELSTMFCN",
    "ConvLSTM",
    "HydraMiniRocket",
    "Inception",
    "QuantRidge",
    "ResNet",
    "SequenceLSTM",
]
