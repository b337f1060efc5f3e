"""Groups of images on which a network is significantly worse than on the others."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.metrics.intervals import wilson_interval
from catsdogs_exp.metrics.significance import LEVEL, holm

FEWEST = 10
"""Images that a group must have, in it and outside of it."""

_MOST_GROUPS = 2000  # tested; the largest


@dataclass(frozen=True)
class Slice:
    """A group of images.

    Attributes:
        words: what they have in common: `("dark", "narrow")`.
        images: how many they are.
        wrong: how many of them are wrong.
        interval: 95 % Wilson interval of the share that is wrong.
        others: the share that is wrong of all other images, 0..1.
        p_value: of so many mistakes by luck, Fisher's exact test, one-sided, after Holm's correction.
    """

    words: tuple[str, ...]
    images: int
    wrong: int
    interval: tuple[float, float]
    others: float
    p_value: float

    def sentence(self) -> str:
        """`wrong on 0.39 of 34 images: dark, narrow (0.25 to 0.56; 0.12 of the others)`."""
        low, high = self.interval
        return (
            f"wrong on {self.wrong / self.images:.2f} of {self.images} images: {', '.join(self.words)} "
            f"({low:.2f} to {high:.2f}; {self.others:.2f} of the others)"
        )


def find_slices(groups: Mapping[str, Sequence[str]], right: NDArray[np.bool_]) -> tuple[Slice, ...]:
    """Tests each group, and each pair of groups of two kinds, against all other images.

    A pair is reported beside a group of its own only where it is worse than that group by itself.

    Args:
        groups: by kind (`brightness`), the group of each image (`dark`), [n]; `""` for one that is in none.
        right: whether each image is right, [n].

    Returns:
        Those that are significantly worse, the largest number of mistakes beyond the others' share first.
    """
    alone = {
        (kind, name): np.array([each == name for each in members])
        for kind, members in groups.items()
        for name in sorted(set(members) - {""})
    }
    masks: dict[tuple[tuple[str, str], ...], NDArray[np.bool_]] = {(key,): mask for key, mask in alone.items()}
    for first, second in combinations(alone, 2):
        if first[0] != second[0]:
            masks[first, second] = alone[first] & alone[second]
    sizes = {key: int(mask.sum()) for key, mask in masks.items()}
    kept = [key for key, size in sizes.items() if FEWEST <= size <= len(right) - FEWEST]
    kept = sorted(kept, key=lambda key: -sizes[key])[:_MOST_GROUPS]
    wrong, total = ~right, int((~right).sum())
    counts = {key: int((masks[key] & wrong).sum()) for key in kept}
    raw = [fisher_more(counts[key], sizes[key], total, len(right)) for key in kept]
    found: dict[tuple[tuple[str, str], ...], Slice] = {}
    for key, p_value in zip(kept, holm(raw), strict=True):
        size, bad = sizes[key], counts[key]
        others = (total - bad) / (len(right) - size)
        if p_value < LEVEL and bad / size > others:
            words = tuple(name for _, name in key)
            found[key] = Slice(words, size, bad, wilson_interval(bad, size), others, p_value)
    shown = [each for key, each in found.items() if not _explained(key, each, found, masks, wrong)]
    return tuple(sorted(shown, key=lambda each: each.images * each.others - each.wrong))


def _explained(
    key: tuple[tuple[str, str], ...],
    pair: Slice,
    found: Mapping[tuple[tuple[str, str], ...], Slice],
    masks: Mapping[tuple[tuple[str, str], ...], NDArray[np.bool_]],
    wrong: NDArray[np.bool_],
) -> bool:
    """Whether one of the two groups of a pair is worse by itself, and the pair no worse than the rest of that group."""
    if len(key) == 1:
        return False
    for part in key:
        whole = found.get((part,))
        if whole is not None:
            inside = masks[(part,)]
            p_value = fisher_more(pair.wrong, pair.images, int((inside & wrong).sum()), int(inside.sum()))
            if p_value >= LEVEL:
                return True
    return False


def fisher_more(wrong: int, size: int, all_wrong: int, images: int) -> float:
    """Fisher's exact test, one-sided: how often a group of `size` images has at least so many of the mistakes by luck.

    Args:
        wrong: mistakes in the group.
        size: images in the group.
        all_wrong: mistakes in all.
        images: images in all.
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
    """The logarithm of the binomial coefficient."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
