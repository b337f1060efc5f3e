"""Truncates append-only files for a resumed run, so that nothing is written twice."""

from collections.abc import Mapping
from pathlib import Path


def lengths(folder: Path) -> dict[str, int]:
    """Returns the size of each file in `folder`, in bytes, by its relative path."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def cut_back(folder: Path, before: Mapping[str, int]) -> None:
    """Truncates the files below `folder` to their earlier lengths and deletes newer ones.

    A file that is shorter than that, as after a loss of power, stays as it is.
    """
    for name, length in lengths(folder).items():
        path = folder / name
        if name not in before:
            path.unlink()
        elif length > before[name]:
            with path.open("r+b") as handle:
                handle.truncate(before[name])
