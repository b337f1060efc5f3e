"""Evaluates predictions against labels. Undefined metrics are None."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.metrics.confusion_matrix import confusion_matrix
from catsdogs_exp.metrics.names import TOP_K

_SMALLEST = 2.0**-126  # smallest normal float32: smaller probabilities are lost
BINS = 15  # bins of the calibration error, as in Guo et al.
AVERAGED = ("precision", "recall", "f1", "roc_auc", "average_precision")


@dataclass(frozen=True)
class Evaluation:
    """The metrics of one set of images.

    Attributes:
        accuracy: fraction of images whose most probable class is right. With one sigmoid unit, the second class is
            predicted if p > 0.5; ties go to the first class. NaN is no prediction, so it is never right.
        top_5_accuracy: fraction of images for which fewer than five other classes are at least as probable as the right
            one; None with five classes or fewer.
        loss: mean cross-entropy in nats, the same value that training and validation report for the same network.
        calibration_error: expected difference between confidence and accuracy, 0..1: Guo et al., 2017, with 15 bins of
            equal width over the highest probability.
        classes: one row per class, see `per_class`.
        confusion: int64 [classes, classes], rows are true classes, columns predicted ones.
    """

    accuracy: float
    top_5_accuracy: float | None
    loss: float
    calibration_error: float
    classes: tuple[dict[str, float | None], ...]
    confusion: NDArray[np.int64]

    def per_class(self) -> list[dict[str, float | None]]:
        """Returns precision, recall, F1, ROC-AUC and average precision of each class against the rest, and its image
        count.

        None: precision of a class that was never predicted, recall and average precision of one without images, ROC-AUC
        of one with no or all images, F1 of one that is neither present nor predicted.
        """
        return [dict(row) for row in self.classes]

    def means(self) -> dict[str, dict[str, float | None]]:
        """Returns `macro` (unweighted) and `weighted` (by images) means over the classes for which a metric is
        defined.
        """
        return {
            name: {key: self._mean(key, weighted) for key in AVERAGED}
            for name, weighted in (("macro", False), ("weighted", True))
        }

    def _mean(self, key: str, weighted: bool) -> float | None:
        pairs = [(row[key], (row["images"] or 0.0) if weighted else 1.0) for row in self.classes]
        defined = [(value, weight) for value, weight in pairs if value is not None]
        total = math.fsum(weight for _, weight in defined)
        return math.fsum(value * weight for value, weight in defined) / total if total else None


def evaluate_predictions(
    probabilities: NDArray[np.float32], labels: NDArray[np.int32], logs: NDArray[np.float32] | None = None
) -> Evaluation:
    """Evaluates predictions for n >= 1 images.

    Args:
        probabilities: float32 [n, classes].
        labels: int32 [n].
        logs: float32 [n, classes], natural logarithms of the probabilities from the network's logits. Without them, the
            loss is computed from the probabilities, with a floor of 1.2e-38 (87.3 nats).
    """
    n, classes = probabilities.shape
    predicted = probabilities.argmax(axis=1)
    correct = (predicted == labels) & np.isfinite(probabilities).all(axis=1)
    confusion = confusion_matrix(labels, predicted, classes)
    right = probabilities[np.arange(n), labels]
    of_right = np.log(np.maximum(right.astype(np.float64), _SMALLEST)) if logs is None else logs[np.arange(n), labels]
    top = None
    if classes > TOP_K:
        rank = (probabilities >= right[:, None]).sum(axis=1)  # 0 for NaN probabilities
        top = float(((rank >= 1) & (rank <= TOP_K)).mean())
    return Evaluation(
        accuracy=float(correct.mean()),
        top_5_accuracy=top,
        loss=0.0 - float(of_right.mean(dtype=np.float64)),
        calibration_error=calibration_error(probabilities.max(axis=1), correct),
        classes=tuple(_of_class(probabilities, labels, confusion, label) for label in range(classes)),
        confusion=confusion,
    )


def calibration_error(confidence: NDArray[np.float32], right: NDArray[np.bool_], bins: int = BINS) -> float:
    """Expected calibration error: the mean over images of |accuracy - mean confidence| of their bin.

    Args:
        confidence: probability of the predicted class, 0..1, [n].
        right: whether the prediction is right, [n].
        bins: number of bins of equal width over 0..1, open below and closed above.

    Returns:
        0..1; NaN if a confidence is NaN.
    """
    if np.isnan(confidence).any():
        return math.nan
    places = np.clip(np.ceil(confidence.astype(np.float64) * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(places, right.astype(np.float64) - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def ranking(scores: NDArray[Any], positive: NDArray[np.bool_]) -> tuple[float | None, float | None]:
    """ROC-AUC and average precision.

    ROC-AUC is the probability that a positive example scores higher than a negative one, ties counting half; None
    without both. Average precision is the sum of precision times gain in recall over descending thresholds, equal
    scores taken together; None without a positive example.

    Args:
        scores: [n], higher for positives.
        positive: [n].
    """
    order = np.argsort(scores)
    ordered = scores[order]
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))  # for each distinct score
    hits = np.add.reduceat(positive[order].astype(np.float64), first)
    misses = np.diff(np.append(first, len(scores))) - hits
    positives, negatives = hits.sum(), misses.sum()
    if not positives:
        return None, None
    from_above, said = np.cumsum(hits[::-1]), np.cumsum((hits + misses)[::-1])
    precision = float((hits[::-1] * from_above / said).sum() / positives)
    if not negatives:
        return None, precision
    below = np.cumsum(misses) - misses
    return float((hits * (below + misses / 2)).sum() / (positives * negatives)), precision


def _of_class(
    probabilities: NDArray[np.float32], labels: NDArray[np.int32], confusion: NDArray[np.int64], label: int
) -> dict[str, float | None]:
    hit, said, are = int(confusion[label, label]), int(confusion[:, label].sum()), int(confusion[label].sum())
    # with two classes, use one probability: 1 - p would round small ones to zero
    scores = -probabilities[:, 1] if probabilities.shape[1] == 2 and label == 0 else probabilities[:, label]
    roc_auc, average_precision = ranking(scores, labels == label)
    return {
        "precision": hit / said if said else None,
        "recall": hit / are if are else None,
        "f1": 2 * hit / (said + are) if said + are else None,
        "roc_auc": roc_auc,
        "average_precision": average_precision,
        "images": are,
    }
