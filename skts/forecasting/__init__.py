"""Deep networks as forecasters of sktime; importing this imports sktime."""

from skts.forecasting.alstm import ALSTMForecaster, LSTMALSTMForecaster, LSTMForecaster

__all__ = ["ALSTMForecaster", "LSTMALSTMForecaster", "LSTMForecaster"]
