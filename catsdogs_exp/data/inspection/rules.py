"""The cleaning rules behind published numbers, so that results can be compared.

On the 25,000 photos of cats and dogs, `zero_length` is the course's rule (24,998 images) and `jfif` is keras.io's
(23,410).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.inspection.verdicts import Verdicts

_HEADER = 10  # bytes of a JPEG in which JFIF belongs


def _jfif(verdicts: Verdicts) -> NDArray[np.bool_]:
    return verdicts.jfif >= 0


def _strict(verdicts: Verdicts) -> NDArray[np.bool_]:
    """What the strictest reader would accept."""
    in_place = (verdicts.jfif >= 0) & (verdicts.jfif + 4 <= _HEADER)
    plain: NDArray[np.bool_] = (
        (verdicts.reason == "")
        & in_place
        & (verdicts.kind == "JPEG")
        & (verdicts.mode == "RGB")
        & (verdicts.note == "")
    )
    return plain


RULES: dict[str, Callable[[Verdicts], NDArray[np.bool_]]] = {
    "none": lambda verdicts: np.ones(len(verdicts), dtype=bool),
    "zero_length": lambda verdicts: verdicts.size > 0,
    "decode": lambda verdicts: verdicts.reason == "",
    "jfif": _jfif,
    "strict": _strict,
}
"""By name: which files a rule keeps, bool [n], whether or not they decode."""

LEFT_OUT = {"jfif": "rule jfif: no JFIF in its header", "strict": "rule strict: not a plain JPEG"}
"""Why an image that decodes is left out anyway."""


def counts_by_rule(verdicts: Verdicts) -> dict[str, int]:
    """The number of files that each rule would keep."""
    return {name: int(rule(verdicts).sum()) for name, rule in RULES.items()}
