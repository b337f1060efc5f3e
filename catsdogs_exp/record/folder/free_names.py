"""Finds free names: `atlas`, then `atlas-2`, `atlas-3`, ..., so that nothing is replaced."""

from collections.abc import Callable
from pathlib import Path

from catsdogs_exp.errors import BadInput


def take_free_name(place: Path, suffix: str, what: str, take: Callable[[Path], object], number: int = 1) -> Path:
    """Takes the first free one of `NAME.png`, `NAME-2.png`, ... and returns its path.

    Args:
        place: the first of them.
        suffix: the part of its name that comes after the number, such as `.png`; `""` for a folder.
        what: what it is, for the message.
        take: creates the file or folder; raises `FileExistsError` if it already exists.
        number: the number to start with.

    Raises:
        BadInput: if it cannot be created.
    """
    stem = place.name.removesuffix(suffix)
    while True:
        path = place if number == 1 else place.with_name(f"{stem}-{number}{suffix}")
        try:
            take(path)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise BadInput(f"The {what} cannot be written: {path}: {error.strerror or error}") from error
        else:
            return path
