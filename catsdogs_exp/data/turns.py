"""Orders images so that every prefix is a fair sample."""

import numpy as np
from numpy.typing import NDArray


def taking_turns(labels: NDArray[np.int32], seed: int = 0) -> NDArray[np.intp]:
    """Returns an order of all rows in which classes alternate in proportion to their size, random within each class.

    Which of several equally large classes come first is random, too: a prefix shorter than the number of classes must
    not always consist of the first ones.

    Args:
        labels: int32 [n].
        seed: seed of the order of classes and within a class.

    Returns:
        intp [n], indices into `labels`.
    """
    rng = np.random.default_rng(seed)
    turn = np.empty(len(labels))
    classes, of_class = np.unique(labels, return_inverse=True)
    for place in range(len(classes)):
        rows = np.flatnonzero(of_class == place)
        turn[rng.permutation(rows)] = (np.arange(len(rows)) + 0.5) / len(rows)
    return np.lexsort((rng.permutation(len(classes))[of_class], turn))
