"""Reliability bins against scikit-learn's, and against the calibration error."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from catsdogs_exp.metrics.calibration import reliability
from catsdogs_exp.metrics.evaluation import calibration_error


@pytest.fixture
def judged() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 400).astype(np.float32)
    return confidence, rng.uniform(size=400) < confidence - 0.1


def test_bins_are_those_of_scikit_learn(judged) -> None:
    confidence, right = judged
    found = reliability(confidence, right, 10)
    accuracy, mean = calibration_curve(right, confidence, n_bins=10)
    np.testing.assert_allclose([each.accuracy for each in found], accuracy)
    np.testing.assert_allclose([each.confidence for each in found], mean, rtol=1e-6)
    assert sum(each.images for each in found) == 400
    assert [each.low for each in found] == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9])


def test_their_mean_gap_is_the_calibration_error(judged) -> None:
    found = reliability(*judged)
    gap = sum(abs(each.confidence - each.accuracy) * each.images for each in found) / 400
    assert gap == pytest.approx(calibration_error(*judged), rel=1e-6)


def test_certain_and_unsure_have_a_bin() -> None:
    found = reliability(np.array([0.0, 1.0]), np.array([False, True]), 15)
    assert [(each.low, each.high, each.images) for each in found] == [(0, 1 / 15, 1), (14 / 15, 1, 1)]
