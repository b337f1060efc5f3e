"""Occlusion: how a prediction changes when part of an image is hidden (Zeiler and Fergus, 2014). Arrays in, arrays
out.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BATCH = 64

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Maps uint8 [b, height, width, channels] to probabilities, float32 [b, classes]."""


@dataclass(frozen=True)
class Patch:
    """The patch that hides part of an image.

    Attributes:
        side: side of the square, as a fraction of the image's shorter side, > 0 and <= 1.
        step: distance between positions, as a fraction of the patch's side, > 0 and <= 1.
        level: grey level of the patch, 0..255; None: the image's mean colour.
    """

    side: float = 0.25
    step: float = 0.5
    level: float | None = None


def occlusion_map(
    predict: Predict, image: NDArray[np.uint8], label: int, patch: Patch | None = None
) -> NDArray[np.float32]:
    """Computes the drop in a class's probability when a place is hidden: the mean over the patches that cover it.

    Args:
        predict: returns probabilities.
        image: uint8 [height, width, 3 or 1].
        label: the class.
        patch: the patch; None: a quarter of the shorter side, moved by half of that.

    Returns:
        float32 [height, width], -1..1: positive where the place supports the class, negative where it opposes the
        class.

    Raises:
        ValueError: if `patch.side` or `patch.step` is not within 0..1.
    """
    patch = patch or Patch()
    if not (0 < patch.side <= 1 and 0 < patch.step <= 1):
        raise ValueError(f"side and step must be > 0 and <= 1. Received: side={patch.side} step={patch.step}")
    height, width = image.shape[:2]
    side = max(1, round(patch.side * min(height, width)))
    step = max(1, round(patch.step * side))
    fill = image.mean(axis=(0, 1)).round() if patch.level is None else patch.level
    places = [(top, left) for top in _starts(height, side, step) for left in _starts(width, side, step)]
    before = float(predict(image[None])[0, label])
    lost, covered = np.zeros((2, height, width))
    for start in range(0, len(places), _BATCH):
        part = places[start : start + _BATCH]
        hidden = np.repeat(image[None], len(part), axis=0)
        for picture, (top, left) in zip(hidden, part, strict=True):
            picture[top : top + side, left : left + side] = fill
        for after, (top, left) in zip(predict(hidden)[:, label].tolist(), part, strict=True):
            lost[top : top + side, left : left + side] += before - after
            covered[top : top + side, left : left + side] += 1
    return np.asarray(lost / covered, np.float32)


def _starts(length: int, side: int, step: int) -> list[int]:
    """Returns the start positions of patches along a side: every place is covered, and the last patch ends at the
    edge.
    """
    return sorted({*range(0, length - side, step), length - side})
