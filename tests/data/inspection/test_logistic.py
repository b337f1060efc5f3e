"""Logistic regression against scikit-learn's."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from catsdogs_exp.data.inspection.logistic import cross_validated, fit


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 3))
    return features, features @ [2.0, -1.0, 0.0] + rng.normal(size=300) > 1.0  # a quarter is positive


def test_weights_are_those_of_scikit_learn(data) -> None:
    features, positive = data
    theirs = LogisticRegression(C=1.0, class_weight="balanced", tol=1e-8, max_iter=500).fit(features, positive)
    ours = fit(features, positive)
    np.testing.assert_allclose(ours[:3], theirs.coef_[0], atol=1e-3)
    assert ours[3] == pytest.approx(theirs.intercept_[0], abs=1e-3)


def test_every_image_is_judged_by_the_others(data) -> None:
    features, positive = data
    said = cross_validated(features, positive.astype(np.intp))
    assert 0.8 < (said == positive).mean() < 1
    rng = np.random.default_rng(1)
    unknown = cross_validated(rng.normal(size=(200, 50)), (np.arange(200) % 2).astype(np.intp))
    assert 0.35 < (unknown == np.arange(200) % 2).mean() < 0.65  # 50 features of noise learn by heart, and tell nothing


def test_perfectly_parted_classes_have_finite_weights() -> None:
    features = np.array([[-1.0], [-2.0], [1.0], [2.0]])
    assert np.isfinite(fit(features, np.array([False, False, True, True]))).all()
