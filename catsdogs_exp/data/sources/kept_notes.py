"""Notes from the creation of a cached folder, stored next to it for later runs."""

import json
from collections.abc import Sequence
from pathlib import Path


def keep_notes(target: Path, notes: Sequence[str]) -> None:
    """Stores notes about the folder `target`, which need not exist yet."""
    _file(target).write_text(json.dumps(list(notes)), encoding="utf-8")


def kept_notes(target: Path) -> tuple[str, ...]:
    """The notes about a folder; empty if they are lost, since the folder is usable without them."""
    try:
        return tuple(map(str, json.loads(_file(target).read_text(encoding="utf-8"))))
    except (OSError, ValueError):
        return ()


def _file(target: Path) -> Path:
    return target.with_name(f"{target.name}.json")
