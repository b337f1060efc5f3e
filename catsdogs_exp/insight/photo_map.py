"""Lays out images so that those the network sees alike are neighbours."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Layout:
    """Places of n images on a grid.

    Attributes:
        columns: int32 [n], from the left, 0 the first.
        rows: int32 [n], from the top, 0 the first.
    """

    columns: NDArray[np.int32]
    rows: NDArray[np.int32]


def lay_out(features: NDArray[np.float32], labels: NDArray[np.int32]) -> Layout | None:
    """Returns a place for each image on a grid twice as wide as it is high; None if all features are equal.

    Columns follow the first principal component of the features, and the images of a column the second one. A grid
    shows every image, which a scatter plot of thumbnails does not, at the price of distances: empty space is not shown.

    Args:
        features: float32 [n, f], finite.
        labels: int32 [n]; later classes lie further right, if classes differ in this direction.
    """
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    scale = np.abs(centred).max(initial=0.0)
    if not scale > 0:
        return None
    centred /= scale
    _, vectors = np.linalg.eigh(centred @ centred.T)  # of images: there are fewer of them than features
    across, down = vectors[:, -1], vectors[:, -2]
    if across @ (labels - labels.mean()) < 0:  # the sign of a component is arbitrary
        across = -across
    down = down * np.sign(down[np.abs(down).argmax()])
    count = len(features)
    columns, rows = np.empty(count, np.int32), np.empty(count, np.int32)
    parts = np.array_split(np.argsort(across, kind="stable"), round((2 * count) ** 0.5))
    for column, part in enumerate(parts):
        columns[part] = column
        rows[part[np.argsort(down[part], kind="stable")]] = np.arange(len(part))
    return Layout(columns, rows)
