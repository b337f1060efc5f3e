"""Calibration: whether 0.8 of the predictions made with confidence 0.8 are right (Guo et al., 2017)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.metrics.evaluation import BINS


@dataclass(frozen=True)
class ReliabilityBin:
    """The images whose confidence lies in one interval.

    Attributes:
        low, high: ends of the interval, 0..1; open below, closed above.
        images: number of images, >= 1.
        confidence: their mean confidence, 0..1.
        accuracy: fraction that is right, 0..1.
    """

    low: float
    high: float
    images: int
    confidence: float
    accuracy: float


def reliability(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Returns the nonempty bins of a reliability diagram, the same as those of the calibration error.

    Args:
        confidence: probability of the predicted class, 0..1, [n].
        right: whether the prediction is right, bool [n].
        bins: number of bins of equal width over 0..1.
    """
    places = np.clip(np.ceil(confidence.astype(np.float64) * bins).astype(int) - 1, 0, bins - 1)
    found = []
    for place in np.unique(places).tolist():
        mine = places == place
        found.append(
            ReliabilityBin(
                place / bins,
                (place + 1) / bins,
                int(mine.sum()),
                float(confidence[mine].mean(dtype=np.float64)),
                float(right[mine].mean()),
            )
        )
    return tuple(found)
