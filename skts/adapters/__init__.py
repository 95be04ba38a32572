"""skts estimators as estimators of sktime and aeon, which are imported only on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skts import lazy

if TYPE_CHECKING:
    from aeon.classification import BaseClassifier as AeonClassifier
    from aeon.regression import BaseRegressor as AeonRegressor
    from sktime.classification.base import BaseClassifier as SktimeClassifier
    from sktime.regression.base import BaseRegressor as SktimeRegressor

    from skts.base import SeriesEstimator
    from skts.ensemble import Ensemble

__all__ = ["to_aeon", "to_sktime"]
__getattr__, __dir__ = lazy.submodules_of(__name__)


def to_sktime(estimator: SeriesEstimator | Ensemble) -> SktimeClassifier | SktimeRegressor:
    """Turn an estimator into a classifier or regressor of sktime.

    Parameters
    ----------
    estimator : a skts estimator
        The result has its parameters. It is not fitted, even if `estimator` is.

    Returns
    -------
    sktime.classification.base.BaseClassifier or sktime.regression.base.BaseRegressor
        Unfitted, with the parameters of `estimator`. After `fit`, ``estimator_`` is the trained
        skts estimator. The class has the name of the skts class, in ``skts.adapters.sktime``.

    Raises
    ------
    TypeError
        If `estimator` is not an estimator of skts.

    Examples
    --------
    >>> from skts import FCNClassifier
    >>> from skts.adapters import to_sktime
    >>> from sktime.datasets import load_italy_power_demand
    >>> X, y = load_italy_power_demand(split="train", return_type="numpy3D")
    >>> clf = to_sktime(FCNClassifier(max_epochs=2, random_state=0)).fit(X, y)
    >>> clf.get_tag("capability:multivariate"), clf.estimator_.n_timepoints_in_
    (True, 24)
    """
    from skts.adapters import adapted, sktime

    parameters = adapted.parameters_of(estimator, "to_sktime")
    return sktime.class_for(type(estimator))(**parameters)


def to_aeon(estimator: SeriesEstimator | Ensemble) -> AeonClassifier | AeonRegressor:
    """Turn an estimator into a classifier or regressor of aeon, which must be installed.

    Parameters
    ----------
    estimator : a skts estimator
        The result has its parameters. It is not fitted, even if `estimator` is.

    Returns
    -------
    aeon.classification.BaseClassifier or aeon.regression.BaseRegressor
        Unfitted, with the parameters of `estimator`. After `fit`, ``estimator_`` is the trained
        skts estimator. The class has the name of the skts class, in ``skts.adapters.aeon``. It
        takes unequal lengths if the network takes any length, such as LSTM-FCN with
        ``dimension_shuffle=False``, because aeon allows longer series in `predict` than in `fit`.

    Raises
    ------
    TypeError
        If `estimator` is not an estimator of skts.
    ModuleNotFoundError
        If aeon is not installed; the extra ``aeon`` installs it.

    Examples
    --------
    >>> from skts import FCNClassifier
    >>> from skts.adapters import to_aeon
    >>> from skts.datasets import load_ucr
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = to_aeon(FCNClassifier(max_epochs=2, random_state=0)).fit(X, y)
    >>> clf.get_tag("capability:unequal_length"), clf.estimator_.n_timepoints_in_
    (True, 24)
    """
    from skts.adapters import adapted, aeon

    parameters = adapted.parameters_of(estimator, "to_aeon")
    return aeon.class_for(type(estimator))(**parameters)
