"""Base classes of the estimators: fit, predict and fitted attributes."""

from skts.base.classifier import NetworkClassifier, ProbabilisticClassifier, SeriesClassifier
from skts.base.estimator import SeriesEstimator
from skts.base.gradient import GradientTrained
from skts.base.regressor import NetworkRegressor, SeriesRegressor
from skts.base.ridge import RidgeHeadClassifier, RidgeHeadRegressor
