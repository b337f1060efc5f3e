"""Means of small samples, such as several seeds: their interval, and whether two of them differ. Does not need
SciPy.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Mean:
    """The mean of n >= 1 numbers.

    Attributes:
        n: sample size.
        mean: the mean of the numbers.
        deviation: sample standard deviation, divided by n - 1; None for one number.
        interval: 95 % confidence interval of the mean, by Student's t; None for one number.
    """

    n: int
    mean: float
    deviation: float | None
    interval: tuple[float, float] | None


def mean_of(numbers: Sequence[float], bounds: tuple[float, float] = (-math.inf, math.inf)) -> Mean:
    """Computes mean, deviation and interval of n >= 1 numbers.

    Args:
        numbers: the sample.
        bounds: possible range of the mean, such as 0..1 for proportions; the interval is clipped to it.
    """
    n = len(numbers)
    mean = math.fsum(numbers) / n
    if n == 1:
        return Mean(n, mean, None, None)
    deviation = math.sqrt(math.fsum((number - mean) ** 2 for number in numbers) / (n - 1))
    reach = t_quantile_95(n - 1) * deviation / math.sqrt(n)
    return Mean(n, mean, deviation, (max(bounds[0], mean - reach), min(bounds[1], mean + reach)))


def welch(first: Mean, second: Mean) -> float | None:
    """Returns the two-sided p-value of Welch's test (1947); degrees of freedom are rounded down, which is conservative.

    Returns:
        The p-value, 0..1; None if either sample is a single number, or neither varies.
    """
    if first.deviation is None or second.deviation is None:
        return None
    a, b = first.deviation**2 / first.n, second.deviation**2 / second.n
    if not a + b:
        return None
    freedom = (a + b) ** 2 / (a**2 / (first.n - 1) + b**2 / (second.n - 1))
    # rounding errors may make a whole number slightly smaller
    return 1 - t_within(abs(first.mean - second.mean) / math.sqrt(a + b), max(1, math.floor(freedom + 1e-9)))


def t_within(t: float, freedom: int) -> float:
    """Returns the probability that Student's t lies within -t..t (Abramowitz and Stegun, 26.7.3 and 26.7.4).

    Args:
        t: >= 0.
        freedom: degrees of freedom, >= 1.
    """
    angle = math.atan(t / math.sqrt(freedom))
    square = math.cos(angle) ** 2
    if freedom % 2:
        total, term = 0.0, math.cos(angle)
        for k in range(3, freedom + 1, 2):
            total += term
            term *= square * (k - 1) / k
        return 2 / math.pi * (angle + math.sin(angle) * total)
    total, term = 0.0, 1.0
    for k in range(2, freedom + 1, 2):
        total += term
        term *= square * (k - 1) / k
    return math.sin(angle) * total


@cache
def t_quantile_95(freedom: int) -> float:
    """Returns the t for which 95 % of the distribution lie within -t..t: 12.706 for one degree of freedom, 1.96 for
    many.
    """
    low, high = 1.0, 13.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if t_within(middle, freedom) < 0.95 else (low, middle)
    return high
