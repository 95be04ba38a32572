"""Every estimator that discovery finds keeps scikit-learn's contract."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from skts.discovery import all_estimators
from tests.settings import EXPECTED_FAILED_CHECKS, small

ESTIMATORS = [small(cls) for _, cls in all_estimators()]


@parametrize_with_checks(
    ESTIMATORS, expected_failed_checks=lambda estimator: EXPECTED_FAILED_CHECKS
)
def test_sklearn_check(estimator, check):
    check(estimator)
