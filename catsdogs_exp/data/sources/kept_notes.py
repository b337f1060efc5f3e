"""What was said while a folder of the cache was made, kept beside it for all later runs."""

import json
from collections.abc import Sequence
from pathlib import Path


def keep_notes(target: Path, notes: Sequence[str]) -> None:
    """Keeps the notes on the folder `target`, which need not be there yet."""
    _file(target).write_text(json.dumps(list(notes)), encoding="utf-8")


def kept_notes(target: Path) -> tuple[str, ...]:
    """The notes on a folder; none where they are lost, since it can be used without."""
    try:
        return tuple(map(str, json.loads(_file(target).read_text(encoding="utf-8"))))
    except (OSError, ValueError):
        return ()


def _file(target: Path) -> Path:
    return target.with_name(f"{target.name}.json")
