"""QUANT's features: quantiles over dyadic intervals."""

import numpy as np
import pytest
import torch

import skts
from skts.models import QuantRidge
from skts.models.quant import intervals
from tests.recording import X, Y

SERIES = np.random.default_rng(0).standard_normal((3, 2, 37))


def features(network, x, lengths=None):
    lengths = None if lengths is None else torch.tensor(lengths)
    return network.features(torch.tensor(x, dtype=torch.float32), lengths).numpy()


def test_intervals_are_dyadic_and_half_shifted():
    first, behind = intervals(8, 1, torch.device("cpu"))
    assert (first.tolist(), behind.tolist()) == ([[0, 4, 2]], [[4, 8, 6]])
    first, behind = intervals(torch.tensor([[8], [3]]), 2, torch.device("cpu"))
    assert first.tolist() == [[0, 2, 4, 6, 1, 3, 5], [0, 0, 1, 2, 0, 1, 1]]
    assert (behind > first).all()


def test_the_first_features_are_quantiles_of_the_series():
    network = QuantRidge(2, 37, 2)
    n = 1 + 36 // 4
    found = features(network, SERIES)[:, : 2 * n].reshape(3, 2, n)
    expected = np.quantile(SERIES, np.linspace(0, 1, n), axis=2).transpose(1, 2, 0)
    expected[..., 1::2] -= SERIES.mean(axis=2, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("n_timepoints", [1, 2, 3, 24, 37])
def test_there_are_as_many_as_the_head_reads(n_timepoints):
    network = QuantRidge(2, n_timepoints, 2)
    assert features(network, SERIES[:, :, :n_timepoints]).shape[1] == network.head.in_features


@pytest.mark.parametrize("length", [1, 2, 3, 20, 36])
def test_padding_changes_nothing(length):
    network, padded = QuantRidge(2, 37, 2), SERIES.copy()
    padded[1, :, length:] = 99.0
    found = features(network, padded, [37, length, 37])
    alone = features(network, SERIES[1:2, :, :length], [length])
    np.testing.assert_allclose(found[1:2], alone, atol=1e-5)
    np.testing.assert_allclose(alone, features(network, SERIES[1:2, :, :length]), atol=1e-5)


def test_learns_and_takes_series_longer_than_those_of_training():
    clf = skts.QuantRidgeClassifier(random_state=0).fit(X, Y)
    assert clf.score(X, Y) > 0.9
    assert clf.predict([np.tile(x, 2) for x in X[:3]]).shape == (3,)
