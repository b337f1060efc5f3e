"""Judging predictions against labels: accuracy, loss, per-class figures, confusion matrix."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_EPSILON = 1e-7  # as Keras clips probabilities before the logarithm


@dataclass(frozen=True)
class Evaluation:
    """Figures of one set of images.

    Attributes:
        accuracy: share of images whose most probable class is right.
        loss: mean cross-entropy in nats.
        confusion: int64 [classes, classes], rows are true classes, columns predicted ones.
    """

    accuracy: float
    loss: float
    confusion: NDArray[np.int64]

    def per_class(self) -> list[dict[str, float]]:
        """Precision, recall, F1 and number of images of each class; 0 where undefined."""
        hits = np.diag(self.confusion).astype(float)
        said, are = self.confusion.sum(axis=0), self.confusion.sum(axis=1)
        rows = []
        for hit, predicted, true in zip(hits, said, are, strict=True):
            precision = hit / predicted if predicted else 0.0
            recall = hit / true if true else 0.0
            both = precision + recall
            rows.append(
                {
                    "precision": precision,
                    "recall": recall,
                    "f1": 2 * precision * recall / both if both else 0.0,
                    "images": int(true),
                }
            )
        return rows


def judge(probabilities: NDArray[np.float32], labels: NDArray[np.int32]) -> Evaluation:
    """Judges probabilities, float32 [n, classes], against labels, int32 [n]; n >= 1."""
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    confusion = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    right = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    loss = -np.log(np.clip(right, _EPSILON, 1 - _EPSILON)).mean()
    return Evaluation(float((predicted == labels).mean()), float(loss), confusion)
