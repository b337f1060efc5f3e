"""Receiver operating characteristic, precision-recall curve, and the best threshold for two classes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.metrics.evaluation import ranking


@dataclass(frozen=True)
class Curve:
    """A curve over thresholds from high to low.

    Attributes:
        x, y: float64 [k]: false and true positive rate, or recall and precision.
        thresholds: float64 [k], the lowest score that counts as positive; infinity for none.
        area: ROC-AUC or average precision, 0..1.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    area: float


@dataclass(frozen=True)
class Threshold:
    """The lowest probability at which the second class is predicted.

    Attributes:
        value: 0..1: the second class is predicted if p >= value; infinity for never.
        accuracy: accuracy at this threshold, 0..1.
        at_half: accuracy at 0.5, 0..1.
    """

    value: float
    accuracy: float
    at_half: float


def roc_curve(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> Curve | None:
    """Returns the true over the false positive rate; None unless there are positive and negative images.

    Args:
        scores: [n], higher for positives.
        positive: [n].
    """
    area, _ = ranking(scores, positive)
    if area is None:
        return None
    hits, said, thresholds = _cumulated(scores, positive)
    misses = said - hits
    return Curve(
        np.concatenate([[0.0], misses / misses[-1]]),
        np.concatenate([[0.0], hits / hits[-1]]),
        np.concatenate([[np.inf], thresholds]),
        area,
    )


def precision_recall_curve(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> Curve | None:
    """Returns precision over recall; None without positive images. Its area is the average precision."""
    _, area = ranking(scores, positive)
    if area is None:
        return None
    hits, said, thresholds = _cumulated(scores, positive)
    return Curve(
        np.concatenate([[0.0], hits / hits[-1]]),
        np.concatenate([[1.0], hits / said]),
        np.concatenate([[np.inf], thresholds]),
        area,
    )


def best_threshold(probabilities: NDArray[np.floating], labels: NDArray[np.int32]) -> Threshold:
    """Returns the threshold with the highest accuracy on these images: halfway between two probabilities.

    Of several equally good ones, the one closest to 0.5. It is chosen on the images it is evaluated on, so its accuracy
    is optimistic for others.

    Args:
        probabilities: probability of the second of two classes, [n], n >= 1.
        labels: 0 or 1, [n].
    """
    positive = labels == 1
    hits, said, scores = _cumulated(probabilities, positive)
    negatives = len(labels) - int(positive.sum())
    right = np.concatenate([[negatives], hits + negatives - (said - hits)])  # at n + 1 cuts, starting with "never"
    never = (1 + scores[0]) / 2 if scores[0] < 1 else np.inf
    cuts = np.concatenate([[never], (scores[:-1] + scores[1:]) / 2, [0.0]])
    best = np.flatnonzero(right == right.max())
    chosen = best[np.abs(cuts[best] - 0.5).argmin()]
    half = float(((probabilities > 0.5) == positive).mean())
    if half * len(labels) >= right[chosen] - 1e-9:  # the network's own rule, p > 0.5, is as good
        return Threshold(0.5, half, half)
    return Threshold(float(cuts[chosen]), float(right[chosen] / len(labels)), half)


def _cumulated(
    scores: NDArray[np.floating], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Counts positives and images at or above each distinct score, from the highest score down; returns the scores,
    too.
    """
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order].astype(np.float64)
    last = np.flatnonzero(np.concatenate([ordered[1:] != ordered[:-1], [True]]))
    hits = np.cumsum(positive[order]).astype(np.float64)[last]
    return hits, (last + 1).astype(np.float64), ordered[last]
