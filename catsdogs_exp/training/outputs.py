"""A network's outputs for a split's images, collected during evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Outputs:
    """Probabilities of n images, in evaluation order.

    Attributes:
        rows: their manifest rows, intp [n].
        labels: int32 [n].
        probabilities: float32 [n, classes]; with more than `KEPT_WHOLE` classes, only the largest ones, float32 [n, 5].
        top: int32 [n, 5], the classes of these five, most probable first; None if all classes are kept.
    """

    rows: NDArray[np.intp]
    labels: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    top: NDArray[np.int32] | None = None

    @property
    def predicted(self) -> NDArray[np.int32]:
        """The most probable class of each image, int32 [n]; ties go to the first."""
        places = self.probabilities.argmax(axis=1) if self.top is None else self.top[:, 0]
        return np.asarray(places, np.int32)


def gathered(
    rows: NDArray[np.intp], labels: NDArray[np.int32], batches: Sequence[Sequence[Any]], classes: int
) -> Outputs:
    """Collects the outputs of an evaluation pass.

    Args:
        rows, labels: manifest rows and labels of the evaluated images, [n].
        batches: the results of `Steps.evaluate` per batch: probabilities, and their classes if only the largest are
            kept.
        classes: number of classes.
    """
    if not batches:
        return Outputs(rows, labels, np.empty((0, classes), np.float32))
    probabilities, *top = (np.concatenate([np.asarray(each) for each in part]) for part in zip(*batches, strict=True))
    return Outputs(rows, labels, probabilities, *top)
