"""Groups of images on which a network is significantly worse than on the others."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.metrics.intervals import wilson_interval
from catsdogs_exp.metrics.significance import LEVEL, holm

FEWEST = 10
"""The fewest images that must be inside and outside a group."""

_MOST_GROUPS = 2000  # the largest ones are tested


Key = tuple[tuple[str, str], ...]
"""Kind and name of the one or two groups that form a slice."""


@dataclass(frozen=True)
class Slice:
    """A group of images.

    Attributes:
        key: what the images have in common.
        images: number of images.
        wrong: number of wrong predictions.
        interval: 95 % Wilson interval of the error rate.
        others: error rate of all other images, 0..1.
        p_value: one-sided p-value of Fisher's exact test for more mistakes than elsewhere, after Holm's correction.
    """

    key: Key
    images: int
    wrong: int
    interval: tuple[float, float]
    others: float
    p_value: float

    @property
    def words(self) -> tuple[str, ...]:
        """Returns the names of the groups: `("dark", "narrow")`."""
        return tuple(name for _, name in self.key)

    def sentence(self) -> str:
        """Returns `wrong on 0.39 of 34 images: dark, narrow (0.25 to 0.56; 0.12 of the others)`."""
        low, high = self.interval
        return (
            f"wrong on {self.wrong / self.images:.2f} of {self.images} images: {', '.join(self.words)} "
            f"({low:.2f} to {high:.2f}; {self.others:.2f} of the others)"
        )


def find_slices(groups: Mapping[str, Sequence[str]], right: NDArray[np.bool_]) -> tuple[Slice, ...]:
    """Tests each group, and each pair of groups of two kinds, against all other images.

    Of a pair and its two groups, only those that add information are reported: a pair if it is worse than the rest of a
    group that is itself worse, a group if it is worse than the others even without such a pair.

    Args:
        groups: kind (`brightness`) -> the group of each image (`dark`), [n]; `""` for none.
        right: whether each image is right, [n].

    Returns:
        The significantly worse groups, those with most mistakes in excess of the others' rate first.
    """
    alone = {
        (kind, name): np.array([each == name for each in members])
        for kind, members in groups.items()
        for name in sorted(set(members) - {""})
    }
    masks: dict[Key, NDArray[np.bool_]] = {(key,): mask for key, mask in alone.items()}
    for first, second in combinations(alone, 2):
        if first[0] != second[0]:
            masks[first, second] = alone[first] & alone[second]
    sizes = {key: int(mask.sum()) for key, mask in masks.items()}
    kept = [key for key, size in sizes.items() if FEWEST <= size <= len(right) - FEWEST]
    kept = sorted(kept, key=lambda key: -sizes[key])[:_MOST_GROUPS]
    wrong, total = ~right, int((~right).sum())
    counts = {key: int((masks[key] & wrong).sum()) for key in kept}
    raw = [fisher_more(counts[key], sizes[key], total, len(right)) for key in kept]
    found: dict[Key, Slice] = {}
    for key, p_value in zip(kept, holm(raw), strict=True):
        size, bad = sizes[key], counts[key]
        others = (total - bad) / (len(right) - size)
        if p_value < LEVEL and bad / size > others:
            found[key] = Slice(key, size, bad, wilson_interval(bad, size), others, p_value)
    pairs = {key for key in found if len(key) == 2 and not _explained_by_group(key, found, masks, wrong)}
    shown = [
        each
        for key, each in found.items()
        if key in pairs or (len(key) == 1 and not _explained_by_pair(key, pairs, masks, wrong))
    ]
    return tuple(sorted(shown, key=lambda each: each.images * each.others - each.wrong))


def _explained_by_group(
    key: Key, found: Mapping[Key, Slice], masks: Mapping[Key, NDArray[np.bool_]], wrong: NDArray[np.bool_]
) -> bool:
    """Returns whether a pair is no worse than one of its groups, which is itself worse."""
    pair = masks[key]
    return any((part,) in found and _luck(pair, masks[part,] & ~pair, wrong) >= LEVEL for part in key)


def _explained_by_pair(
    key: Key, pairs: Iterable[Key], masks: Mapping[Key, NDArray[np.bool_]], wrong: NDArray[np.bool_]
) -> bool:
    """Returns whether a group without the images of a pair is no worse than the others."""
    group = masks[key]
    return any(key[0] in pair and _luck(group & ~masks[pair], ~group, wrong) >= LEVEL for pair in pairs)


def _luck(group: NDArray[np.bool_], others: NDArray[np.bool_], wrong: NDArray[np.bool_]) -> float:
    """Returns the p-value of a group's mistakes against those of the others."""
    both = group | others
    return fisher_more(int((group & wrong).sum()), int(group.sum()), int((both & wrong).sum()), int(both.sum()))


def fisher_more(wrong: int, size: int, all_wrong: int, images: int) -> float:
    """Returns the one-sided p-value of Fisher's exact test: of at least as many mistakes in a random group of this
    size.

    Args:
        wrong: number of mistakes in the group.
        size: number of images in the group.
        all_wrong: total number of mistakes.
        images: total number of images.
    """
    most = min(size, all_wrong)
    logs = [
        _choose(all_wrong, k) + _choose(images - all_wrong, size - k)
        for k in range(max(wrong, size - (images - all_wrong)), most + 1)
    ]
    if not logs:
        return 0.0 if wrong > most else 1.0
    total = _choose(images, size)
    return min(1.0, math.fsum(math.exp(each - total) for each in logs))


def _choose(n: int, k: int) -> float:
    """Returns the logarithm of the binomial coefficient."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
