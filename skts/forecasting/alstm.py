"""Forecasters on LSTM, ALSTM and their combinations (van Diepen)."""

from skts.forecasting.base import SequenceForecaster
from skts.models.alstm import _ALSTMParams, _LSTMALSTMParams, _SequenceLSTMParams


class LSTMForecaster(_SequenceLSTMParams, SequenceForecaster):
    """LSTM forecaster [1]_: LSTM layers, a linear layer at every step."""


class ALSTMForecaster(_ALSTMParams, SequenceForecaster):
    """ALSTM forecaster [1]_: causal attention, a linear layer at every step."""


class LSTMALSTMForecaster(_LSTMALSTMParams, SequenceForecaster):
    """Forecaster that combines LSTM and ALSTM [1]_."""
