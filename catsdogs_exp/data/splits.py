"""Who is in train, validation and test, where the data itself does not say."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.config.schema import Split
from catsdogs_exp.data.listing import TEST, TRAIN, UNDECIDED, VALIDATION


def assign(
    split: Split, labels: NDArray[np.int32], splits: NDArray[np.int8], sha256: NDArray[np.str_]
) -> NDArray[np.int8]:
    """Completes `splits` for usable images.

    Each class is ranked by a hash of (seed, content) and the lowest shares go to test and validation: exact
    shares of each class, the same on any machine and in any file order; copies of a picture stay together,
    and a new file moves at most the few next to a boundary.

    Args:
        split: shares and seed.
        labels: int32 [n].
        splits: int8 [n], `UNDECIDED` or given by the data. Where the data gives a validation or test set, no
            further share is taken for it.
        sha256: strings [n], the content.

    Returns:
        int8 [n] without `UNDECIDED`.
    """
    decided = splits.copy()
    given = set(np.unique(splits).tolist())
    shares = {
        TEST: 0.0 if TEST in given else split.test,
        VALIDATION: 0.0 if VALIDATION in given else split.validation,
    }
    free = np.isin(splits, (UNDECIDED, TRAIN))
    rank = {digest: _rank(split.seed, digest) for digest in sha256[free].tolist()}
    for label in np.unique(labels[free]):
        rows = np.flatnonzero(free & (labels == label))
        digests = sha256[rows].tolist()
        order = rows[sorted(range(len(rows)), key=lambda i: (rank[digests[i]], digests[i]))]
        start = 0
        for which, share in shares.items():
            end = _past_copies(sha256, order, start + round(share * len(rows)))
            decided[order[start:end]] = which
            start = end
        decided[order[start:]] = TRAIN
    return decided


def _past_copies(sha256: NDArray[np.str_], order: NDArray[np.intp], end: int) -> int:
    """Moves a boundary so that it does not part copies of one picture."""
    while 0 < end < len(order) and sha256[order[end]] == sha256[order[end - 1]]:
        end += 1
    return end


def _rank(seed: int, digest: str) -> bytes:
    return hashlib.blake2b(f"{seed}:{digest}".encode(), digest_size=8).digest()
