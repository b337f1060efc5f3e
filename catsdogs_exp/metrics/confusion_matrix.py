"""The confusion matrix: how many images of each class were predicted as each class."""

import numpy as np
from numpy.typing import NDArray


def confusion_matrix(labels: NDArray[np.int32], predicted: NDArray[np.intp], classes: int) -> NDArray[np.int64]:
    """Counts images by (true class, predicted class).

    Args:
        labels: true classes, [n], 0..classes - 1.
        predicted: predicted classes, [n].
        classes: number of classes.

    Returns:
        int64 [classes, classes]; true classes in rows.
    """
    pairs = labels.astype(np.int64) * classes + predicted
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def row_shares(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divides each count by the size of its true class: 0..1; 0 for a class without images."""
    shares: NDArray[np.float64] = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    return shares


def f1_scores(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns the F1 score of each class, 0..1, float64 [classes]; NaN for a class without images that is never
    predicted.
    """
    total = confusion.sum(axis=0) + confusion.sum(axis=1)
    scores: NDArray[np.float64] = np.where(total > 0, 2 * np.diag(confusion) / np.maximum(total, 1), np.nan)
    return scores


def most_confused(confusion: NDArray[np.int64], most: int) -> list[tuple[int, int, int]]:
    """Returns the most frequent mistakes: (true class, predicted class, images), most frequent first."""
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    rows, columns = np.unravel_index(order, wrong.shape)
    found = zip(rows.tolist(), columns.tolist(), wrong[rows, columns].tolist(), strict=True)
    return [(true, predicted, count) for true, predicted, count in found if count]
