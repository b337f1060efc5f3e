"""The curves of a run: the values of `metrics.csv` by epoch."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from catsdogs_exp.record.folder.epoch_rows import epoch_rows


@dataclass(frozen=True)
class RunCurves:
    """Values by epoch, without repetitions: of an epoch that was repeated after a resume, the later values count.

    Attributes:
        epochs: their numbers, from 1, ascending.
        values: metric name to one value per epoch; NaN if missing.
    """

    epochs: tuple[int, ...]
    values: dict[str, tuple[float, ...]]


def read_curves(folder: Path, names: tuple[str, ...]) -> RunCurves:
    """Returns the curves of some metrics; without epochs if there are none yet, or the file is unreadable."""
    try:
        rows = {int(row["epoch"]): row for row in epoch_rows(folder)}
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return RunCurves((), dict.fromkeys(names, ()))
    epochs = tuple(sorted(rows))
    return RunCurves(epochs, {name: tuple(_number(rows[epoch].get(name)) for epoch in epochs) for name in names})


def _number(text: str | None) -> float:
    try:
        value = float(text or "nan")
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan
