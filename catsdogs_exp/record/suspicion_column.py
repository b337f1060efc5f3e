"""The column `suspicion` of a run's manifest.csv: how surely a network disagrees with each label."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from catsdogs_exp.errors import BadInput

COLUMN = "suspicion"
_FIELD = re.compile(r'("(?:[^"]|"")*"|[^,\r\n]*)(,|\r\n|\n|\r|\Z)')


def write_suspicion(manifest: Path, suspicion: Mapping[str, float]) -> None:
    """Adds or completes the column; everything else stays as it is, byte for byte.

    The file is replaced as a whole, so a reader sees the old one or the new one.

    Args:
        manifest: a run's manifest.csv.
        suspicion: 0..1 by path, as the manifest names it. Other rows keep what they have, which is nothing at first.

    Raises:
        BadInput: when the manifest is damaged or cannot be written.
    """
    try:
        with manifest.open(encoding="utf-8", errors="surrogateescape", newline="") as handle:
            text = handle.read()
        scratch = manifest.with_name(f".{manifest.name}.part")
        with scratch.open("w", encoding="utf-8", errors="surrogateescape", newline="") as handle:
            handle.writelines(_completed(text, suspicion))
            handle.flush()
            os.fsync(handle.fileno())
        scratch.replace(manifest)
    except OSError as error:
        raise BadInput(f"The manifest of the run cannot be written: {manifest}: {error.strerror}") from error
    except (ValueError, IndexError) as error:
        raise BadInput(f"The manifest of the run is damaged: {manifest}: {error}") from error


def _completed(text: str, suspicion: Mapping[str, float]) -> list[str]:
    records = list(_records(text))
    header = [_plain(field) for field in records[0][0]]
    name = header.index("path")
    place = header.index(COLUMN) if COLUMN in header else len(header)
    lines = []
    for number, (fields, end) in enumerate(records):
        if len(fields) != len(header):
            raise ValueError(f"{len(fields)} fields instead of {len(header)} in record {number + 1}")
        if place == len(header):
            fields.append("")
        if number == 0:
            fields[place] = COLUMN
        elif (score := suspicion.get(_plain(fields[name]))) is not None:
            fields[place] = f"{score:.6f}"
        lines.append(",".join(fields) + end)
    return lines


def _records(text: str) -> Iterator[tuple[list[str], str]]:
    """Fields as they are written, quotes included, and what ends the line."""
    fields: list[str] = []
    for match in _FIELD.finditer(text):
        field, end = match.groups()
        if not (fields or field or end):
            return  # behind the last line
        fields.append(field)
        if end != ",":
            yield fields, end
            fields = []


def _plain(field: str) -> str:
    return field[1:-1].replace('""', '"') if field.startswith('"') else field
