"""`metrics.csv`: a row an epoch."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # they come with TensorFlow
    from catsdogs_exp.training.fit import EpochResult
    from catsdogs_exp.training.steps import Steps

COLUMNS = (
    "epoch",
    "loss",
    "accuracy",
    "val_loss",
    "val_accuracy",
    "learning_rate",
    "seconds",
    "images_per_second",
)


class MetricsCsv:
    """Appends a row after each epoch; the file is closed in between, so that it can be read at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._append(COLUMNS)

    def on_step(self, epoch: int, step: int, steps: int, steps_object: "Steps") -> None:
        """Nothing."""

    def on_epoch(self, result: "EpochResult") -> None:
        """Writes the epoch's row; validation columns stay empty without validation images."""
        self._append(
            (
                result.epoch,
                result.train["loss"],
                result.train["accuracy"],
                result.val.get("loss", ""),
                result.val.get("accuracy", ""),
                f"{result.learning_rate:.9g}",
                f"{result.seconds:.3f}",
                f"{result.images_per_second:.1f}",
            )
        )

    def _append(self, row: tuple[object, ...]) -> None:
        with self._path.open("a", newline="", encoding="utf-8") as handle:
            csv.writer(handle).writerow(row)
