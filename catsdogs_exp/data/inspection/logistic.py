"""Logistic regression by Newton's method, and its cross-validated predictions. Needs NumPy only."""

import numpy as np
from numpy.typing import NDArray

_FOLDS = 5
_STEPS = 12
_RIDGE = 1.0
_FURTHEST = 30.0  # beyond this logit, a probability is practically 0 or 1


def cross_validated(features: NDArray[np.float64], labels: NDArray[np.intp]) -> NDArray[np.intp]:
    """Returns the class of each image as predicted by a regression on the other folds: intp [n].

    The five folds are random and stratified. All classes have the same weight, whatever their size.

    Args:
        features: float64 [n, d], with about unit variance.
        labels: intp [n], 0..classes - 1, each present.
    """
    rng = np.random.default_rng(0)
    part = np.zeros(len(labels), np.intp)
    for label in range(int(labels.max()) + 1):
        rows = rng.permutation(np.flatnonzero(labels == label))
        part[rows] = np.arange(len(rows)) % _FOLDS
    said = np.zeros(len(labels), np.intp)
    for number in range(_FOLDS):
        held = part == number
        if held.any():
            said[held] = _scores(features[~held], labels[~held], features[held]).argmax(axis=1)
    return said


def _scores(train: NDArray[np.float64], labels: NDArray[np.intp], test: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns logits of each class against the rest, float64 [test, classes]."""
    classes = int(labels.max()) + 1
    if classes == 2:
        logit = _with_one(test) @ fit(train, labels == 1)
        return np.stack([-logit, logit], axis=1)
    return np.stack([_with_one(test) @ fit(train, labels == label) for label in range(classes)], axis=1)


def fit(features: NDArray[np.float64], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Returns the weights of an L2-regularized logistic regression with balanced classes: float64 [d + 1], the
    intercept last.

    Args:
        features: float64 [n, d].
        positive: bool [n], with both values.
    """
    x, target = _with_one(features), positive.astype(np.float64)
    weight = np.where(positive, 0.5 / positive.mean(), 0.5 / (~positive).mean())
    penalty = np.full(x.shape[1], _RIDGE)
    penalty[-1] = 1e-6  # the intercept is practically not regularized
    beta = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        share = 1 / (1 + np.exp(-np.clip(x @ beta, -_FURTHEST, _FURTHEST)))
        slope = x.T @ (weight * (share - target)) + penalty * beta
        curve = (x * (weight * share * (1 - share))[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(curve, slope)
        beta -= step
        if np.abs(step).max() < 1e-6:
            break
    return beta


def _with_one(features: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.hstack([features, np.ones((len(features), 1))])
