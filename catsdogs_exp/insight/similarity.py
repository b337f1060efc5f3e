"""Similarity of two networks: CKA between layers, and a one-to-one matching of channels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.errors import BadInput


def cka_matrix(first: list[NDArray[np.float64]], second: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Computes the centred kernel alignment, with a linear kernel, of each layer of a network with each of another.

    HSIC is estimated without bias (Song et al., 2012; Nguyen, Raghu and Kornblith, 2021): its expectation for unrelated
    features is 0, however many features there are, so it may be slightly negative.

    Args:
        first, second: float [images, features] for each layer; at least four images, the same for all.

    Returns:
        float64 [layers of the first, layers of the second]: 1 for features that differ only by rotation and scale; NaN
        if the features of a layer are constant.

    Raises:
        ValueError: for fewer than four images, or different numbers of them.
    """
    counts = sorted({len(each) for each in (*first, *second)})
    if len(counts) != 1 or counts[0] < 4:
        raise ValueError(f"CKA needs at least 4 images, the same for all layers. Received: {counts}")
    grams = [[_gram(each) for each in side] for side in (first, second)]
    own = [[_hsic(gram, gram) for gram in side] for side in grams]
    found = np.full((len(first), len(second)), np.nan)
    for i, a in enumerate(grams[0]):
        for j, b in enumerate(grams[1]):
            scale = own[0][i] * own[1][j]
            if scale > 0:
                found[i, j] = _hsic(a, b) / np.sqrt(scale)
    return found


def channel_correlation(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """Computes Pearson's correlation of every channel of one layer with every channel of another.

    Args:
        first: [answers, channels of the first]; second: [answers, channels of the second], of the same places or
            images.

    Returns:
        float64 [channels of the first, channels of the second]; 0 for a constant channel.
    """
    standard = []
    for each in (first, second):
        centred = each - each.mean(axis=0, dtype=np.float64)
        length = np.linalg.norm(centred, axis=0)
        standard.append(centred / np.where(length > 1e-9, length, np.inf))
    return np.asarray(np.clip(standard[0].T @ standard[1], -1, 1))


@dataclass(frozen=True)
class Match:
    """Two channels with similar activations.

    Attributes:
        first, second: channel numbers.
        correlation: -1..1, the mean of the pooled and the spatial correlation.
    """

    first: int
    second: int
    correlation: float


def match_channels(correlation: NDArray[np.float64]) -> list[Match]:
    """Finds the one-to-one matching of channels with the largest sum of correlations (Li et al., 2016).

    Args:
        correlation: [channels of the first, channels of the second]. If the numbers differ, some channels stay
            unmatched.

    Returns:
        The pairs, most similar first.

    Raises:
        BadInput: if SciPy, of the extra `insight`, is not installed.
    """
    try:
        from scipy.optimize import linear_sum_assignment  # noqa: PLC0415  (0.2 s, and an extra)
    except ImportError as error:
        raise BadInput("Matching channels needs SciPy: pip install 'catsdogs-exp[insight]'") from error

    rows, columns = linear_sum_assignment(-np.nan_to_num(correlation))
    found = [Match(int(i), int(j), float(correlation[i, j])) for i, j in zip(rows, columns, strict=True)]
    return sorted(found, key=lambda match: -match.correlation)


def _gram(features: NDArray[np.float64]) -> NDArray[np.float64]:
    flat = features.reshape(len(features), -1).astype(np.float64)
    flat = flat - flat.mean(axis=0)
    gram: NDArray[np.float64] = flat @ flat.T
    np.fill_diagonal(gram, 0)
    return gram


def _hsic(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Computes the unbiased estimate from Gram matrices with zero diagonals."""
    n = len(a)
    rows_a, rows_b = a.sum(axis=0), b.sum(axis=0)
    trace = (a * b).sum()
    product: float = rows_a.sum() * rows_b.sum() / ((n - 1) * (n - 2))
    cross = 2 * (rows_a @ rows_b) / (n - 2)
    return float((trace + product - cross) / (n * (n - 3)))
