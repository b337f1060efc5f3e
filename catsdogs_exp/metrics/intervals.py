"""Confidence intervals of proportions and other metrics."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_NORMAL_95 = 1.959963984540054  # 0.975 quantile of the normal distribution


def wilson_interval(hits: float, count: int) -> tuple[float, float]:
    """Returns the 95 % confidence interval of a proportion (Wilson, 1927), which stays within 0..1 even for few images.

    Args:
        hits: number of correct images, 0..count.
        count: number of images, >= 1.

    Returns:
        The lower and upper ends.
    """
    share, z2 = hits / count, _NORMAL_95**2
    centre = share + z2 / (2 * count)
    reach = _NORMAL_95 * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return max(0.0, (centre - reach) / (1 + z2 / count)), min(1.0, (centre + reach) / (1 + z2 / count))


def bootstrap_interval(
    figure: Callable[[NDArray[np.intp]], float | None], images: int, draws: int = 500, seed: int = 0
) -> tuple[float, float]:
    """Returns the 95 % percentile interval of a metric over resampled sets of images (Efron, 1979).

    Args:
        figure: maps the rows drawn, intp [images], to a value; None if it is undefined for them.
        images: number of images, >= 1.
        draws: number of sets of images drawn with replacement.
        seed: seed of the draws.

    Returns:
        The lower and upper ends; NaN if the metric was never defined.
    """
    rng = np.random.default_rng(seed)
    found = [figure(rng.integers(0, images, images)) for _ in range(draws)]
    values = [value for value in found if value is not None]
    if not values:
        return math.nan, math.nan
    low, high = np.quantile(values, [0.025, 0.975]).tolist()
    return low, high
