"""Fewer training images, for learning curves: a smaller choice is always part of a larger one."""

import hashlib
from dataclasses import replace

import numpy as np

from catsdogs_exp.data.listing import TRAIN, UNDECIDED, Listing


def subset(listing: Listing, fraction: float, max_per_class: int | None, seed: int) -> Listing:
    """Keeps a share of each class's files, and at most so many; validation and test files stay whole.

    Files are ranked by a hash of (seed, path), so the choice is the same on any machine, and one that is half as
    large is half of the larger. Where the data has no splits of its own, all files are candidates.

    Args:
        listing: the files.
        fraction: share of each class, > 0 and <= 1; at least one file is kept.
        max_per_class: files, or None for no limit.
        seed: another seed makes another choice.
    """
    if fraction == 1 and max_per_class is None:
        return listing
    kept = ~np.isin(listing.splits, (UNDECIDED, TRAIN))
    paths = listing.paths.tolist()
    for label in range(len(listing.classes)):
        rows = np.flatnonzero(~kept & (listing.labels == label)).tolist()
        count = max(1, round(fraction * len(rows)))
        if max_per_class is not None:
            count = min(count, max_per_class)
        rows.sort(key=lambda row: (_rank(seed, paths[row]), paths[row]))
        kept[rows[:count]] = True
    return replace(listing, paths=listing.paths[kept], labels=listing.labels[kept], splits=listing.splits[kept])


def _rank(seed: int, path: str) -> bytes:
    return hashlib.blake2b(f"{seed}:{path}".encode(), digest_size=8).digest()
