"""Orders images so that every prefix is a fair sample."""

import numpy as np
from numpy.typing import NDArray


def taking_turns(labels: NDArray[np.int32], seed: int = 0) -> NDArray[np.intp]:
    """Returns an order of all rows in which classes alternate in proportion to their size, random within each class.

    Args:
        labels: int32 [n].
        seed: seed of the order within a class.

    Returns:
        intp [n], indices into `labels`.
    """
    rng = np.random.default_rng(seed)
    turn = np.empty(len(labels))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        turn[rng.permutation(rows)] = (np.arange(len(rows)) + 0.5) / len(rows)
    return np.argsort(turn, kind="stable")
