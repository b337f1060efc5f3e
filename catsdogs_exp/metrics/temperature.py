"""Temperature scaling: one number that makes a network's confidence match its accuracy (Guo et al., 2017)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.metrics.evaluation import calibration_error

_LOWEST, _HIGHEST = 0.05, 20.0
_STEPS = 60  # of the search; each shortens the interval to 0.62 of its length
_GOLDEN = (5**0.5 - 1) / 2
_SMALLEST = 2.0**-126  # smallest normal float32
FEWEST = 20
"""The fewest images that determine a temperature."""


@dataclass(frozen=True)
class Calibration:
    """A correction of confidence.

    Attributes:
        temperature: logits are divided by it; above 1 for an overconfident network.
        images: number of validation images it was fitted on.
        error_before: calibration error of the network's own probabilities, 0..1.
        error_after: calibration error after the correction, cross-fitted: each half of the images with the other half's
            temperature.
    """

    temperature: float
    images: int
    error_before: float
    error_after: float


def calibrate(probabilities: NDArray[np.floating], labels: NDArray[np.integer], seed: int = 0) -> Calibration | None:
    """Fits the temperature with the smallest cross-entropy; None for fewer than `FEWEST` images.

    Args:
        probabilities: float [n, classes].
        labels: int [n].
        seed: seed of the split into halves.
    """
    images = len(labels)
    if images < FEWEST:
        return None
    logs = np.log(np.maximum(np.asarray(probabilities, np.float64), _SMALLEST))
    after = np.empty_like(logs)
    order = np.random.default_rng(seed).permutation(images)
    halves = order[: images // 2], order[images // 2 :]
    for mine, other in (halves, halves[::-1]):
        after[mine] = softened(logs[mine], best_temperature(logs[other], labels[other]))
    return Calibration(
        round(best_temperature(logs, labels), 4),
        images,
        error_of(np.exp(logs), labels),
        error_of(after, labels),
    )


def softened(logs: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Returns probabilities at a temperature, float64 [n, classes].

    Args:
        logs: natural logarithms of the network's probabilities, [n, classes].
        temperature: > 0; 1 changes nothing.
    """
    scaled = np.asarray(logs, np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    found: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return found


def best_temperature(logs: NDArray[np.float64], labels: NDArray[np.integer]) -> float:
    """Returns the temperature from 0.05 to 20 with the smallest cross-entropy, by golden-section search over its
    logarithm.

    The cross-entropy is convex in 1/temperature, so it has one minimum. A network without mistakes gets the lowest
    temperature.
    """
    rows = np.arange(len(labels))

    def loss(position: float) -> float:
        return -float(np.log(np.maximum(softened(logs, np.exp(position))[rows, labels], _SMALLEST)).mean())

    low, high = np.log(_LOWEST), np.log(_HIGHEST)
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = loss(left), loss(right)
    for _ in range(_STEPS):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = loss(right)
    return float(np.exp((low + high) / 2))


def error_of(probabilities: NDArray[np.float64], labels: NDArray[np.integer]) -> float:
    """Returns the calibration error, 0..1, of probabilities [n, classes]."""
    right = probabilities.argmax(axis=1) == labels
    return calibration_error(probabilities.max(axis=1).astype(np.float32), right)
