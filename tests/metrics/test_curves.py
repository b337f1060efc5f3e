"""Curves against scikit-learn's, and thresholds against trying them all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from catsdogs_exp.metrics.curves import best_threshold, precision_recall_curve, roc_curve

cases = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=2, max_size=40)


@given(cases)
def test_roc_is_that_of_scikit_learn(rows) -> None:
    scores, positive = np.array([each[0] / 8 for each in rows]), np.array([each[1] for each in rows])
    found = roc_curve(scores, positive)
    if positive.all() or not positive.any():
        assert found is None
        return
    x, y, thresholds = metrics.roc_curve(positive, scores, drop_intermediate=False)
    np.testing.assert_allclose(found.x, x)
    np.testing.assert_allclose(found.y, y)
    np.testing.assert_allclose(found.thresholds, thresholds)
    assert found.area == pytest.approx(metrics.auc(x, y))


@given(cases)
def test_precision_and_recall_are_those_of_scikit_learn(rows) -> None:
    scores, positive = np.array([each[0] / 8 for each in rows]), np.array([each[1] for each in rows])
    found = precision_recall_curve(scores, positive)
    if not positive.any():
        assert found is None
        return
    precision, recall, thresholds = metrics.precision_recall_curve(positive, scores)
    np.testing.assert_allclose(found.x[1:], recall[::-1][1:])
    np.testing.assert_allclose(found.y[1:], precision[::-1][1:])
    np.testing.assert_allclose(found.thresholds[1:], thresholds[::-1])
    assert found.area == pytest.approx(metrics.average_precision_score(positive, scores))


@given(cases)
def test_no_threshold_is_better(rows) -> None:
    scores = np.array([each[0] / 8 for each in rows])
    labels = np.array([each[1] for each in rows]).astype(np.int32)
    found = best_threshold(scores, labels)
    tried = [float(((scores > cut) == (labels == 1)).mean()) for cut in (-0.1, *np.arange(-0.5, 9) / 8, 0.5, 1.1)]
    assert found.accuracy == pytest.approx(max(tried))
    said = scores > 0.5 if found.value == 0.5 and found.accuracy == found.at_half else scores >= found.value
    assert float((said == (labels == 1)).mean()) == pytest.approx(found.accuracy)
    assert found.at_half == pytest.approx(float(((scores > 0.5) == (labels == 1)).mean()))


def test_half_stays_where_nothing_is_better() -> None:
    found = best_threshold(np.array([0.1, 0.2, 0.9]), np.array([0, 0, 1], np.int32))
    assert (found.value, found.accuracy) == (0.5, 1.0)
