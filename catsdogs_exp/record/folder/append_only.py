"""Append-only files, and how a resumed run cuts them back, so that no point is written twice."""

from collections.abc import Mapping
from pathlib import Path


def lengths(folder: Path) -> dict[str, int]:
    """Bytes of each file below `folder`, by its path relative to it."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def cut_back(folder: Path, before: Mapping[str, int]) -> None:
    """Takes the files below `folder` back to the lengths they had; those that came later go.

    A file that lost its end, as in a loss of power, stays as it is.
    """
    for name, length in lengths(folder).items():
        path = folder / name
        if name not in before:
            path.unlink()
        elif length > before[name]:
            with path.open("r+b") as handle:
                handle.truncate(before[name])
