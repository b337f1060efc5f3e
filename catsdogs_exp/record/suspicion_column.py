"""The column `suspicion` of a run's manifest.csv: how confidently a network disagrees with each label."""

import csv
import os
from collections.abc import Mapping
from pathlib import Path

from catsdogs_exp import platforms
from catsdogs_exp.errors import BadInput

COLUMN = "suspicion"


def write_suspicion(manifest: Path, suspicion: Mapping[str, float]) -> None:
    """Adds the column or updates it; the other columns keep their values.

    The file is replaced atomically: a reader sees either the old or the new one.

    Args:
        manifest: a run's manifest.csv.
        suspicion: 0..1 by path, as the manifest names it. Other rows keep their value, which is empty at first.

    Raises:
        BadInput: if the manifest is damaged or cannot be written.
    """
    try:
        # surrogateescape: a damaged name keeps its bytes
        with manifest.open(encoding="utf-8", errors="surrogateescape", newline="") as handle:
            rows = list(csv.reader(handle))
        _fill(rows, suspicion)
        scratch = manifest.with_name(f".{manifest.name}.part")
        with scratch.open("w", encoding="utf-8", errors="surrogateescape", newline="") as handle:
            csv.writer(handle).writerows(rows)
            handle.flush()
            os.fsync(handle.fileno())
        platforms.replace(scratch, manifest)
    except OSError as error:
        raise BadInput(f"The manifest of the run cannot be written: {manifest}: {error.strerror}") from error
    except (ValueError, csv.Error) as error:
        raise BadInput(f"The manifest of the run is damaged: {manifest}: {error}") from error


def _fill(rows: list[list[str]], suspicion: Mapping[str, float]) -> None:
    """Puts the scores into the rows, of which the first is the header.

    Raises:
        ValueError: for a manifest without the column `path`, or a row that is too short or too long.
    """
    header = rows[0] if rows else []
    if "path" not in header:
        raise ValueError("it has no column path")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise ValueError(f"{len(row)} fields instead of {len(header)} in record {number}")
    if COLUMN not in header:
        for number, row in enumerate(rows):
            row.append("" if number else COLUMN)
    path, place = header.index("path"), header.index(COLUMN)
    for row in rows[1:]:
        if (score := suspicion.get(row[path])) is not None:
            row[place] = f"{score:.6f}"
