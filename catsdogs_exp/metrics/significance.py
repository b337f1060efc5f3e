"""Tests of significance for two networks that judged the same images, and how many images a difference needs.

McNemar's exact test for accuracy, a paired bootstrap for everything else, Holm's correction for many comparisons.
Without SciPy.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.05
"""A difference counts as one when its corrected p-value is below."""

POWER = 0.8
"""How often a test on as many images as are needed would find the difference."""

RESAMPLES = 2_000
_FEW = 10  # resamples beyond the difference: fewer say too little of the p-value, and the normal tail stands for them
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Bootstrap:
    """A paired bootstrap of k differences.

    Attributes:
        difference: float64 [k], on the images themselves.
        deviation: float64 [k], of the difference over resampled sets of images.
        p_value: float64 [k], two-sided: how often a difference at least as large would come about by the choice of
            images if there were none. Where fewer than ten of the resamples reach it, from a normal distribution with
            the same deviation.
    """

    difference: NDArray[np.float64]
    deviation: NDArray[np.float64]
    p_value: NDArray[np.float64]


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """The two-sided p-value of McNemar's exact test (McNemar, 1947): a sign test on the images that only one got right.

    Args:
        only_first: images that the first network alone got right.
        only_second: images that the second network alone got right.

    Returns:
        0..1; 1 where the two were right on the same images.
    """
    n, least = only_first + only_second, min(only_first, only_second)
    if only_first == only_second:
        return 1.0
    # P(X <= least) for X ~ Binomial(n, 1/2), from its largest term down
    largest = math.exp(math.lgamma(n + 1) - math.lgamma(least + 1) - math.lgamma(n - least + 1) - n * math.log(2))
    total, term, k = 0.0, 1.0, least
    while term > 1e-17 * total:
        total += term
        term *= k / (n - k + 1)
        k -= 1
    return min(1.0, 2 * largest * total)


def bootstrap_means(differences: NDArray[np.floating], resamples: int = RESAMPLES, seed: int = 0) -> Bootstrap:
    """The mean of differences per image, such as those of the loss, over resampled images.

    Args:
        differences: [n, k], of n images for k pairs of networks; finite.
        resamples: sets of n images drawn with replacement, the same ones for all pairs.
        seed: of the draws.
    """
    n = len(differences)
    rng = np.random.default_rng(seed)
    weights = np.stack([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(resamples)]).astype(np.float64)
    return _judged(differences.mean(axis=0, dtype=np.float64), weights @ differences / n)


def bootstrap_counts(
    counts: NDArray[np.integer],
    difference: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Bootstrap:
    """The difference of a figure that depends on counts alone, such as macro F1, over resampled images.

    Images that are alike in label and both predictions are exchangeable, so that counts of the kinds are drawn
    instead of the images: the same distribution, at a fraction of the cost.

    Args:
        counts: int [kinds], images of each kind.
        difference: counts, int64 [r, kinds], to the difference of the figure, float64 [r].
        resamples: how many sets are drawn.
        seed: of the draws.
    """
    total = int(counts.sum())
    drawn = np.random.default_rng(seed).multinomial(total, counts / total, size=resamples)
    return _judged(difference(counts[None].astype(np.int64)), difference(drawn)[:, None])


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction (1979): p-values such that the chance of even one false finding among all stays at the level.

    Returns:
        In the order given, each at least as large as before, at most 1.
    """
    count, corrected, largest = len(p_values), [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(count), key=lambda each: p_values[each])):
        largest = max(largest, (count - rank) * p_values[place])
        corrected[place] = min(1.0, largest)
    return corrected


def images_for_mcnemar(only_first: float, only_second: float, comparisons: int = 1) -> int | None:
    """Images on which McNemar's test would find a difference in four of five cases (Connor, 1987).

    Args:
        only_first: share of the images that the first network alone gets right.
        only_second: share of the images that the second network alone gets right.
        comparisons: among which the level is shared: a difference that is not significant here always needs more
            images than there are.

    Returns:
        None where the two shares are equal: no number of images tells them apart.
    """
    difference, either = abs(only_first - only_second), only_first + only_second
    if not difference:
        return None
    level, power = _quantiles(comparisons)
    reach = level * math.sqrt(either) + power * math.sqrt(max(0.0, either - difference**2))
    return math.ceil((reach / difference) ** 2)


def images_for_bootstrap(difference: float, deviation: float, images: int, comparisons: int = 1) -> int | None:
    """Images on which the difference of a figure would be found in four of five cases, by the normal approximation.

    Args:
        difference: of the figure.
        deviation: of the difference over resamples of the images that are there.
        images: how many these are.
        comparisons: among which the level is shared.

    Returns:
        None where there is no difference.
    """
    if not difference:
        return None
    return math.ceil(images * (sum(_quantiles(comparisons)) * deviation / difference) ** 2)


def _quantiles(comparisons: int) -> tuple[float, float]:
    """Of the normal distribution: for the two-sided level that each comparison gets, and for the power."""
    return -_NORMAL.inv_cdf(LEVEL / comparisons / 2), _NORMAL.inv_cdf(POWER)


def _judged(difference: NDArray[np.float64], resampled: NDArray[np.float64]) -> Bootstrap:
    """p-values from what resamples differ by: [k] and [resamples, k]."""
    centred = np.abs(resampled - difference)
    beyond = (centred >= np.abs(difference) * (1 - 1e-12)).sum(axis=0)
    deviation = resampled.std(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = np.where(deviation > 0, np.abs(difference) / deviation, np.where(difference == 0, 0.0, np.inf))
    tails = np.array([math.erfc(score / math.sqrt(2)) for score in scores])
    counted = (beyond + 1) / (len(resampled) + 1)
    return Bootstrap(difference, deviation, np.where(beyond >= _FEW, counted, np.minimum(tails, counted)))
