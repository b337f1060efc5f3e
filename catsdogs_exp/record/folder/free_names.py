"""Names that are free: `atlas`, then `atlas-2`, `atlas-3`, ..., so that nothing replaces what is there."""

from collections.abc import Callable
from pathlib import Path

from catsdogs_exp.errors import BadInput


def take_free_name(place: Path, suffix: str, what: str, take: Callable[[Path], object], number: int = 1) -> Path:
    """Takes the first free one of `NAME.png`, `NAME-2.png`, ... and returns its path.

    Args:
        place: the first of them.
        suffix: the part of its name that comes after the number, such as `.png`; `""` for a folder.
        what: it is, for the message.
        take: makes the file or folder; raises `FileExistsError` where something is there already.
        number: to begin with.

    Raises:
        BadInput: if it cannot be made.
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
