"""Confidence intervals of proportions."""

import math

_NORMAL_95 = 1.959963984540054  # quantile 0.975 of the normal distribution


def wilson_interval(hits: float, count: int) -> tuple[float, float]:
    """The 95 % confidence interval of a proportion (Wilson, 1927): stays within 0..1, even for few images.

    Args:
        hits: images that are right, 0..count.
        count: images, >= 1.

    Returns:
        The lower and the upper end.
    """
    share, z2 = hits / count, _NORMAL_95**2
    centre = share + z2 / (2 * count)
    reach = _NORMAL_95 * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return max(0.0, (centre - reach) / (1 + z2 / count)), min(1.0, (centre + reach) / (1 + z2 / count))
