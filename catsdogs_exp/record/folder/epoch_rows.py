"""The rows of a run's `metrics.csv`, one per epoch."""

import csv
from pathlib import Path


def epoch_rows(folder: Path) -> list[dict[str, str]]:
    """Returns the rows as they were written, without a last line that is incomplete: a run may be writing it, or was
    killed while it did.

    Args:
        folder: of the run.

    Raises:
        OSError: if the file cannot be read.
        ValueError, csv.Error: if it is damaged.
    """
    text = (folder / "metrics.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text[: text.rfind("\n") + 1].splitlines()))
