"""Compares two runs value by value: the metrics of each epoch, and the weights of the best networks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from catsdogs_exp.errors import BadInput
from catsdogs_exp.record.folder.epoch_rows import epoch_rows
from catsdogs_exp.training.checkpoint.model_file import load_model

_TIMES = ("seconds", "images_per_second")


@dataclass(frozen=True)
class Repetition:
    """How much a second run differs from the first.

    Attributes:
        values: largest difference between corresponding values of `metrics.csv`, except times.
        first_epoch: first epoch with a difference, from 1; 0 if there is none.
        weights: largest difference between corresponding weights of the best networks.
        epochs: whether both have the same number of epochs.
    """

    values: float
    first_epoch: int
    weights: float
    epochs: bool

    @property
    def identical(self) -> bool:
        """Whether they are identical, bit for bit."""
        return self.epochs and self.first_epoch == 0 and self.weights == 0

    def __str__(self) -> str:
        if self.identical:
            return "identical: every value of every epoch, and every weight of the best network"
        if not self.epochs:
            return "different: not the same number of epochs"
        where = f"values differ by up to {self.values:.3g}, first in epoch {self.first_epoch}"
        return f"different: {where if self.first_epoch else 'values are the same'}; weights by up to {self.weights:.3g}"


def compare_runs(first: Path, second: Path) -> Repetition:
    """Compares two run folders.

    Raises:
        BadInput: if one has no metrics or no network.
    """
    one, other = _values(first), _values(second)
    differences = [_largest(a, b) for a, b in zip(one, other, strict=False)]
    return Repetition(
        values=max(differences, default=0.0),
        first_epoch=next((epoch for epoch, far in enumerate(differences, 1) if far > 0), 0),
        weights=_between_networks(first, second),
        epochs=len(one) == len(other),
    )


def _values(folder: Path) -> list[dict[str, str]]:
    try:
        return [{k: v for k, v in row.items() if k not in _TIMES} for row in epoch_rows(folder)]
    except OSError as error:
        raise BadInput(f"The run has no metrics.csv: {folder}") from error


def _largest(one: dict[str, str], other: dict[str, str]) -> float:
    far = 0.0
    for name in one.keys() | other.keys():
        a, b = one.get(name, ""), other.get(name, "")
        if a != b:
            far = max(far, abs(float(a) - float(b)) if a and b else float("inf"))
    return far


def _between_networks(first: Path, second: Path) -> float:
    one, other = (load_model(folder / "checkpoints" / "best.keras")[0].get_weights() for folder in (first, second))
    if [a.shape for a in one] != [b.shape for b in other]:
        return float("inf")
    pairs = zip(one, other, strict=True)
    far = [float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max()) for a, b in pairs if a.size]
    return max(far, default=0.0)
