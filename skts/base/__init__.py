"""What every estimator does: fit, predict and the fitted attributes, written once."""

from skts.base.classifier import NetworkClassifier, ProbabilisticClassifier, SeriesClassifier
from skts.base.estimator import SeriesEstimator
from skts.base.gradient import GradientTrained
from skts.base.regressor import NetworkRegressor, SeriesRegressor
from skts.base.ridge import RidgeHeadClassifier, RidgeHeadRegressor
