"""`metrics.csv`: one row per epoch."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from catsdogs_exp.metrics.names import TOP_K

if TYPE_CHECKING:  # they come with TensorFlow
    from catsdogs_exp.training.progress import EpochResult
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
    "stage",
)
MORE = ("top_5_accuracy", "val_top_5_accuracy")


class MetricsCsv:
    """Appends a row after each epoch; the file is closed in between, so that it can be read at any time.

    With more than five classes, `top_5_accuracy` and `val_top_5_accuracy` follow as the last columns.

    Args:
        path: of the file.
        done: epochs already done by a resumed run: the file is rewritten with only these.
        classes: number of classes.
    """

    def __init__(self, path: Path, done: Sequence["EpochResult"] = (), classes: int = 2) -> None:
        self._path = path
        path.unlink(missing_ok=True)
        self._more: tuple[str, ...] = MORE if classes > TOP_K else ()
        self._append((*COLUMNS, *self._more))
        for result in done:
            self.on_epoch(result)

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
                result.stage,
                *([result.train[MORE[0]], result.val.get(MORE[0], "")] if self._more else []),
            )
        )

    def _append(self, row: tuple[object, ...]) -> None:
        with self._path.open("a", newline="", encoding="utf-8") as handle:
            csv.writer(handle).writerow(row)
