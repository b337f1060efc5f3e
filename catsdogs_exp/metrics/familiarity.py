"""Detects images unlike those a network was trained on, by their features.

The similarity of an image is the mean cosine between its features and those of its ten nearest training images (deep
nearest neighbours, Sun et al., 2022), all relative to the mean of the training images: features are rarely negative, so
without centring all of them point in similar directions. docs/results.md compares the alternatives. An image counts as
unlike the training images if it is less similar to them than 99 of 100 validation images, which the network was not
trained on, either.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEAREST = 10
RARE = 0.01
"""The fraction of ordinary images that count as unlike the training images."""
FEWEST = 20
"""The fewest training or validation images that show what is ordinary."""
_TINY = 1e-12
_BATCH = 512


@dataclass(frozen=True)
class Familiarity:
    """The features that are familiar to a network.

    Attributes:
        features: float16 [n, f], features of training images relative to the centre, with unit length.
        centre: float32 [f], the mean of the training images' features.
        limit: -1..1, the similarity below which an image counts as unlike the training images.
        checked: number of validation images that determined the limit.
    """

    features: NDArray[np.float16]
    centre: NDArray[np.float32]
    limit: float
    checked: int

    def similarity(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """Returns how similar images are to the training images.

        Args:
            features: float [b, f].

        Returns:
            float64 [b], -1..1; NaN for features that are not finite.
        """
        return _similarity(features - self.centre, self.features.astype(np.float32))


def familiarity(train: NDArray[np.floating], ordinary: NDArray[np.floating]) -> Familiarity | None:
    """Computes what is familiar to a network; None for too few images, or features that are not finite.

    Args:
        train: float [n, f], features of training images.
        ordinary: float [m, f], features of images of the same kind that it was not trained on.
    """
    if min(len(train), len(ordinary)) < FEWEST or not (np.isfinite(train).all() and np.isfinite(ordinary).all()):
        return None
    centre = train.mean(axis=0, dtype=np.float64).astype(np.float32)
    kept = directions(train - centre).astype(np.float16)
    limit = float(np.quantile(_similarity(ordinary - centre, kept.astype(np.float32)), RARE))
    return Familiarity(kept, centre, limit, len(ordinary))


def _similarity(features: NDArray[np.floating], known: NDArray[np.float32]) -> NDArray[np.float64]:
    nearest = min(NEAREST, len(known))
    found = np.empty(len(features))
    for start in range(0, len(features), _BATCH):
        cosines = directions(features[start : start + _BATCH]) @ known.T
        largest = np.partition(cosines, -nearest, axis=1)[:, -nearest:]
        found[start : start + _BATCH] = largest.mean(axis=1, dtype=np.float64)
    return found


def directions(features: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scales features [b, f] to unit length, float32; zero features stay zero, which is similar to nothing."""
    values = np.asarray(features, np.float64)
    lengths = np.sqrt((values**2).sum(axis=1, keepdims=True))
    found: NDArray[np.float32] = (values / np.maximum(lengths, _TINY)).astype(np.float32)
    return found
