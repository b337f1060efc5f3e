"""Sizes, shapes and colours of the usable images, and brightness outliers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.inspection.verdicts import Verdicts

_FAR = 3.5  # robust standard deviations (Iglewicz and Hoaglin, 1993)
_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def spread(values: NDArray[Any], digits: int = 0) -> dict[str, float]:
    """Minimum, 5th percentile, median, 95th percentile and maximum, rounded; `{}` if empty."""
    if not len(values):
        return {}
    points = np.percentile(values, [0, 5, 50, 95, 100]).tolist()
    names = ("min", "p5", "median", "p95", "max")
    return {name: round(point, digits) if digits else int(point) for name, point in zip(names, points, strict=True)}


def colour_statistics(verdicts: Verdicts, rows: NDArray[np.intp]) -> dict[str, list[float]]:
    """Mean and standard deviation of red, green and blue, 0..255, over all pixels of all 32 x 32 thumbnails.

    Returns:
        `{"mean": [r, g, b], "std": [r, g, b]}`, with equal weight per image; `{}` if empty.
    """
    if not len(rows):
        return {}
    mean, std = verdicts.mean[rows].astype(np.float64), verdicts.std[rows].astype(np.float64)
    total = np.sqrt((std**2).mean(axis=0) + mean.var(axis=0))
    return {"mean": np.round(mean.mean(axis=0), 2).tolist(), "std": np.round(total, 2).tolist()}


def brightness(verdicts: Verdicts) -> NDArray[np.float32]:
    """The mean grey level of each image, float32 [n], 0..255."""
    return verdicts.mean @ _GREY


def brightness_outliers(verdicts: Verdicts, rows: NDArray[np.intp]) -> list[int]:
    """Rows whose brightness is far from the median, in units of the median absolute deviation; farthest first."""
    if not len(rows):
        return []
    values = brightness(verdicts)[rows]
    distance = np.abs(values - np.median(values))
    typical = float(np.median(distance)) / 0.6745  # equals a standard deviation for normally distributed values
    if typical == 0:
        return []
    far = np.flatnonzero(distance / typical > _FAR)
    return [int(rows[i]) for i in far[np.argsort(-distance[far], kind="stable")]]


def blank_images(verdicts: Verdicts, rows: NDArray[np.intp]) -> list[int]:
    """Rows whose images have a single colour, within a few levels: nothing to learn from, and often a fault."""
    return [int(row) for row in rows[verdicts.blank[rows]]]
