"""What a network says of a split's images, gathered from the passes that judge it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Outputs:
    """Probabilities of n images, in the order in which a pass saw them.

    Attributes:
        rows: their manifest rows, intp [n].
        labels: int32 [n].
        probabilities: float32 [n, classes]; with more than `KEPT_WHOLE` classes only the largest ones, float32 [n, 5].
        top: int32 [n, 5], the classes of these five, most probable first; None where all classes are kept.
    """

    rows: NDArray[np.intp]
    labels: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    top: NDArray[np.int32] | None = None

    @property
    def predicted(self) -> NDArray[np.int32]:
        """The most probable class of each image, int32 [n]; of equal ones the first."""
        places = self.probabilities.argmax(axis=1) if self.top is None else self.top[:, 0]
        return np.asarray(places, np.int32)


def gathered(
    rows: NDArray[np.intp], labels: NDArray[np.int32], batches: Sequence[Sequence[Any]], classes: int
) -> Outputs:
    """The outputs of a pass.

    Args:
        rows, labels: of the images that the pass saw, [n].
        batches: what `Steps.evaluate` gave for each batch: probabilities, and the classes they belong to where only
            the largest are kept.
        classes: how many there are.
    """
    if not batches:
        return Outputs(rows, labels, np.empty((0, classes), np.float32))
    probabilities, *top = (np.concatenate([np.asarray(each) for each in part]) for part in zip(*batches, strict=True))
    return Outputs(rows, labels, probabilities, *top)
