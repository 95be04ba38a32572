"""What every estimator does: fit, predict and the fitted attributes, written once."""

from skts.base.classifier import ProbabilisticClassifier, SeriesClassifier
from skts.base.estimator import SeriesEstimator
from skts.base.regressor import SeriesRegressor
