"""Significance tests for two networks evaluated on the same images, and how many images a difference requires.

McNemar's exact test for accuracy, a paired bootstrap for everything else, Holm's correction for multiple comparisons.
Does not need SciPy.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.metrics.student import t_within

LEVEL = 0.05
"""A difference is significant if its corrected p-value is below this."""

POWER = 0.8
"""Probability that a test on the required number of images finds the difference."""

RESAMPLES = 2_000
_FEW = 10  # resamples beyond the difference: with fewer, the p-value is imprecise, and the normal tail is used instead
_FEW_IMAGES = 50  # with fewer, resamples vary too little, and Student's t is used if it is more cautious
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Bootstrap:
    """A paired bootstrap of k differences.

    Attributes:
        difference: float64 [k], on the original images.
        deviation: float64 [k], standard deviation of the difference over resampled sets of images.
        p_value: float64 [k], two-sided: how often a difference at least as large would arise from the choice of images
            alone. If fewer than ten resamples reach it, from a normal distribution with the same deviation. On fewer
            than 50 images, at least that of Student's t and of a sign test.
    """

    difference: NDArray[np.float64]
    deviation: NDArray[np.float64]
    p_value: NDArray[np.float64]


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Returns the two-sided p-value of McNemar's exact test (1947), a sign test on images that only one network got
    right.

    Args:
        only_first: images that only the first network got right.
        only_second: images that only the second network got right.

    Returns:
        The p-value, 0..1; 1 if both were right on the same images.
    """
    n, least = only_first + only_second, min(only_first, only_second)
    if only_first == only_second:
        return 1.0
    # P(X <= least) for X ~ Binomial(n, 1/2), starting from its largest term
    largest = math.exp(math.lgamma(n + 1) - math.lgamma(least + 1) - math.lgamma(n - least + 1) - n * math.log(2))
    total, term, k = 0.0, 1.0, least
    while term > 1e-17 * total:
        total += term
        term *= k / (n - k + 1)
        k -= 1
    return min(1.0, 2 * largest * total)


def bootstrap_means(differences: NDArray[np.floating], resamples: int = RESAMPLES, seed: int = 0) -> Bootstrap:
    """Bootstraps the mean of per-image differences, such as those of the loss, over resampled images.

    Args:
        differences: [n, k], of n images for k pairs of networks; finite.
        resamples: number of sets of n images drawn with replacement, the same ones for all pairs.
        seed: for sampling.
    """
    n = len(differences)
    rng = np.random.default_rng(seed)
    weights = np.stack([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(resamples)]).astype(np.float64)
    return _judged(differences.mean(axis=0, dtype=np.float64), weights @ differences / n, n)


def bootstrap_counts(
    counts: NDArray[np.integer],
    difference: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Bootstrap:
    """Bootstraps the difference of a metric that depends only on counts, such as macro F1, over resampled images.

    Images with the same label and the same two predictions are exchangeable, so counts are sampled instead of images:
    the same distribution, at a fraction of the cost.

    Args:
        counts: int [kinds], images of each kind.
        difference: maps counts, int64 [r, kinds], to the difference of the metric, float64 [r].
        resamples: number of sets.
        seed: for sampling.
    """
    total = int(counts.sum())
    drawn = np.random.default_rng(seed).multinomial(total, counts / total, size=resamples)
    return _judged(difference(counts[None].astype(np.int64)), difference(drawn)[:, None], total)


def holm(p_values: Sequence[float]) -> list[float]:
    """Applies Holm's correction (1979), which keeps the probability of even one false finding at the level.

    Returns:
        Corrected p-values in the given order, each at least as large as before, at most 1.
    """
    count, corrected, largest = len(p_values), [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(count), key=lambda each: p_values[each])):
        largest = max(largest, (count - rank) * p_values[place])
        corrected[place] = min(1.0, largest)
    return corrected


def images_for_mcnemar(only_first: float, only_second: float, comparisons: int = 1) -> int | None:
    """Returns the number of images on which McNemar's test detects a difference in four of five cases (Connor, 1987).

    Args:
        only_first: fraction of the images that only the first network gets right.
        only_second: fraction of the images that only the second network gets right.
        comparisons: number of comparisons that share the level: a difference that is not significant here always
            requires more images than there are.

    Returns:
        None if both fractions are equal: no number of images distinguishes them.
    """
    difference, either = abs(only_first - only_second), only_first + only_second
    if not difference:
        return None
    level, power = _quantiles(comparisons)
    reach = level * math.sqrt(either) + power * math.sqrt(max(0.0, either - difference**2))
    return max(math.ceil((reach / difference) ** 2), math.ceil(_fewest(comparisons) / either))


def images_for_bootstrap(difference: float, deviation: float, images: int, comparisons: int = 1) -> int | None:
    """Returns the number of images on which a metric's difference is detected in four of five cases (normal
    approximation).

    Args:
        difference: difference of the metric.
        deviation: standard deviation of the difference over resamples of the available images.
        images: number of available images.
        comparisons: number of comparisons that share the level.

    Returns:
        None if there is no difference.
    """
    if not difference:
        return None
    estimate = math.ceil(images * (sum(_quantiles(comparisons)) * deviation / difference) ** 2)
    return max(estimate, _fewest(comparisons))


def _quantiles(comparisons: int) -> tuple[float, float]:
    """Returns normal quantiles for the two-sided level of each comparison, and for the power."""
    return -_NORMAL.inv_cdf(LEVEL / comparisons / 2), _NORMAL.inv_cdf(POWER)


def _fewest(comparisons: int) -> int:
    """Returns the number of images on which a sign test can find a difference at all, if all of them show it."""
    return math.floor(1 - math.log2(LEVEL / comparisons)) + 1


def _judged(difference: NDArray[np.float64], resampled: NDArray[np.float64], images: int) -> Bootstrap:
    """Computes p-values from the differences [k] and those of the resamples [resamples, k] of some images."""
    centred = np.abs(resampled - difference)
    beyond = (centred >= np.abs(difference) * (1 - 1e-12)).sum(axis=0)
    deviation = resampled.std(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = np.where(deviation > 0, np.abs(difference) / deviation, np.where(difference == 0, 0.0, np.inf))
    tails = np.array([math.erfc(score / math.sqrt(2)) for score in scores])
    counted = (beyond + 1) / (len(resampled) + 1)
    p_values = np.where(beyond >= _FEW, counted, np.minimum(tails, counted))
    if images < _FEW_IMAGES:
        p_values = np.maximum(p_values, [_p_of_few(score, images) for score in scores])
    return Bootstrap(difference, deviation, p_values)


def _p_of_few(score: float, images: int) -> float:
    """Returns the p-value of Student's test, but at least the smallest one of a sign test, in which the sign of each
    image's difference is chance.

    Args:
        score: difference divided by its deviation over resamples, which is too small by the factor sqrt(1 - 1/n).
        images: their number n, >= 1.
    """
    if images == 1 or not score:
        return 1.0
    student = 1 - t_within(score * math.sqrt(1 - 1 / images), images - 1) if math.isfinite(score) else 0.0
    return max(student, 2.0 ** (1 - images))
