"""Duplicates: images with the same bytes, or nearly the same content."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.inspection.verdicts import NO_HASH

BITS = 64
_COLOUR = 24.0  # grey levels: near duplicates differ by at most this in the mean of any channel
_BLOCK = 1 << 16  # rows compared at a time


def exact_groups(sha256: NDArray[np.str_]) -> NDArray[np.int64]:
    """Assigns equal numbers to equal contents.

    Args:
        sha256: strings [n]; `""` stands for an unreadable file, which equals no other.

    Returns:
        int64 [n].
    """
    numbers: dict[str, int] = {}
    return np.array(
        [numbers.setdefault(digest or f"row {row}", row) for row, digest in enumerate(sha256.tolist())], dtype=np.int64
    )


def near_pairs(
    perceptual: NDArray[np.int64], mean: NDArray[np.float32], distance: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of images whose hashes differ in at most `distance` bits and whose colours agree.

    Two hashes that differ in at most d bits agree in at least one of d + 1 pieces (Norouzi et al., "Fast Exact Search
    in Hamming Space with Multi-Index Hashing", 2014). Sorting by a piece puts candidates next to each other, so memory
    is proportional to n. Images with identical hash and colours yield a chain of pairs, not all pairs.

    Args:
        perceptual: int64 [n]; `NO_HASH` is near nothing.
        mean: float32 [n, 3], 0..255.
        distance: bits.

    Returns:
        int64 [m] and int64 [m], the smaller row first; a pair may occur more than once.
    """
    rows = np.flatnonzero(perceptual != NO_HASH)
    first, second = _chains(perceptual, mean, rows)
    # One row represents each chain of equals: the rest have different hashes, or different colours.
    alone = np.ones(len(perceptual), dtype=bool)
    alone[second] = False
    rows = rows[alone[rows]]
    found = [(first, second)]
    for piece in range(distance + 1):
        bits = range(piece * BITS // (distance + 1), (piece + 1) * BITS // (distance + 1))
        found += list(_pairs_of_piece(perceptual, mean, rows, distance, bits))
    one = np.concatenate([pair[0] for pair in found])
    other = np.concatenate([pair[1] for pair in found])
    return np.minimum(one, other), np.maximum(one, other)


def _chains(
    perceptual: NDArray[np.int64], mean: NDArray[np.float32], rows: NDArray[np.intp]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Neighbours in the order of (hash, colours) that are equal in both."""
    order = rows[np.lexsort((*mean[rows].T, perceptual[rows]))]
    same = (perceptual[order[:-1]] == perceptual[order[1:]]) & (mean[order[:-1]] == mean[order[1:]]).all(axis=1)
    return order[:-1][same], order[1:][same]


def _pairs_of_piece(
    perceptual: NDArray[np.int64], mean: NDArray[np.float32], rows: NDArray[np.intp], distance: int, bits: range
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs that agree in these bits and are near overall."""
    hashes = perceptual.view(np.uint64)
    mask = np.uint64((1 << len(bits)) - 1)
    pieces = (hashes[rows] >> np.uint64(bits.start)) & mask
    sorting = np.argsort(pieces, kind="stable")
    order, pieces = rows[sorting], pieces[sorting]
    left = np.arange(len(order) - 1)
    step = 1
    while len(left):  # compares each row with the `step`-th after it, as long as any has the same piece
        left = left[left + step < len(order)]
        left = left[pieces[left] == pieces[left + step]]
        for start in range(0, len(left), _BLOCK):
            part = left[start : start + _BLOCK]
            one, other = order[part], order[part + step]
            near = np.bitwise_count(hashes[one] ^ hashes[other]) <= distance
            one, other = one[near], other[near]
            near = (np.abs(mean[one] - mean[other]) <= _COLOUR).all(axis=1)
            yield one[near], other[near]
        step += 1


def joined(groups: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Joins groups of rows connected by pairs; each row gets the smallest row number of its connected component.

    Args:
        groups: int64 [n], each a row number: rows with equal numbers belong together.
        first, second: int64 [m], rows.

    Returns:
        int64 [n].
    """
    parent = np.arange(len(groups))
    first, second = np.concatenate([first, np.arange(len(groups))]), np.concatenate([second, groups])
    while True:
        a, b = parent[first], parent[second]
        smaller = np.minimum(a, b)
        np.minimum.at(parent, a, smaller)
        np.minimum.at(parent, b, smaller)
        while not np.array_equal(parent, parent[parent]):  # every row points at the head of its group
            parent = parent[parent]
        if np.array_equal(parent[first], parent[second]):
            return parent


def stable_numbers(groups: NDArray[np.int64], sha256: NDArray[np.str_]) -> NDArray[np.int64]:
    """Numbers groups by their contents, independent of the order of files and of other files.

    Args:
        groups: int64 [n].
        sha256: strings [n], each a hexadecimal digest.

    Returns:
        int64 [n]: the smallest digest of each group, its first 60 bits.
    """
    own = np.array([int(digest[:15], 16) for digest in sha256.tolist()], dtype=np.int64)
    _, number = np.unique(groups, return_inverse=True)
    smallest = np.full(int(number.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(smallest, number, own)
    return smallest[number]


def clusters(groups: NDArray[np.int64], rows: NDArray[np.intp]) -> list[list[int]]:
    """The groups with at least two rows among `rows`, largest first, then in order of their first row."""
    _, number, size = np.unique(groups[rows], return_inverse=True, return_counts=True)
    several = size[number] > 1
    members: dict[int, list[int]] = {}
    for row, group in zip(rows[several].tolist(), number[several].tolist(), strict=True):
        members.setdefault(group, []).append(row)
    found = list(members.values())
    return sorted(found, key=lambda cluster: (-len(cluster), cluster[0]))
