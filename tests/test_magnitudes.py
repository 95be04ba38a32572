"""Regressors and targets of any magnitude."""

import numpy as np
import pytest

from skts import LSTMFCNRegressor, SeedEnsembleRegressor
from tests.recording import TARGET, X
from tests.settings import small


def predictions(y, fit="fit", wrap=lambda reg: reg):
    return getattr(wrap(small(LSTMFCNRegressor, max_epochs=2)), fit)(X, y).predict(X)


@pytest.mark.parametrize("power", [1000, 1015, -995, -1020])
@pytest.mark.parametrize("fit", ["fit", "partial_fit"])
def test_magnitudes_do_not_matter(fit, power):
    size = 2.0**power
    found = predictions(TARGET * size, fit) / size
    np.testing.assert_allclose(found, predictions(TARGET, fit), rtol=1e-5)


def test_nor_for_ensembles():
    def wrap(reg):
        return SeedEnsembleRegressor(reg, n_estimators=2)

    found = predictions(TARGET * 2.0**1000, wrap=wrap) / 2.0**1000
    np.testing.assert_allclose(found, predictions(TARGET, wrap=wrap), rtol=1e-5)


@pytest.mark.parametrize("constant", [1e302, 1e-8, -1e-300])
def test_constant_targets(constant):
    unit = abs(predictions(np.full(len(X), np.sign(constant)))).max()
    assert abs(predictions(np.full(len(X), constant)) / constant).max() <= unit + 1e-6


def test_beyond_the_largest_number():
    y = np.linspace(0.1, 0.9, len(X)) * np.finfo(float).max
    reg = small(LSTMFCNRegressor, max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match=r"predictions exceed the largest number, 1.8e\+308"):
        reg.predict(1e6 * X)
