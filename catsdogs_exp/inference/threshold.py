"""The decision threshold of a network with two classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.sources.alike import as_known
from catsdogs_exp.errors import BadInput, did_you_mean


@dataclass(frozen=True)
class Threshold:
    """A threshold on the probability of one of two classes.

    Attributes:
        label: the class.
        probability: it is predicted above this probability, 0..1; the other class otherwise.
    """

    label: str
    probability: float

    @classmethod
    def parse(cls, text: str, classes: Sequence[str]) -> "Threshold":
        """Reads `CLASS=P`, or `P` for the second class.

        Raises:
            BadInput: for another text, an unknown class, or a network of more than two classes.
        """
        if len(classes) != 2:
            raise BadInput(
                f"--threshold needs a network of two classes. This one has {len(classes)}: {', '.join(classes[:8])}"
            )
        name, sign, number = text.rpartition("=")
        name = as_known(name, classes) if sign else classes[1]
        if name not in classes:
            raise BadInput(
                f"--threshold must name a class: {' or '.join(classes)}. Received: --threshold {text}."
                f"{did_you_mean(name, classes)}"
            )
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1:
            raise BadInput(
                f"--threshold must be a probability, 0 to 1, or CLASS=PROBABILITY, such as {classes[1]}=0.7. "
                f"Received: --threshold {text}"
            )
        return cls(name, value)

    def labels(self, probabilities: NDArray[np.float32], classes: Sequence[str]) -> NDArray[np.int32]:
        """The predicted classes, int32 [n], of float32 [n, 2]."""
        place = classes.index(self.label)
        return np.where(probabilities[:, place] > self.probability, place, 1 - place).astype(np.int32)
