"""Pictures as files that never overwrite another."""

import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from catsdogs_exp.errors import BadInput
from catsdogs_exp.platforms import safe_name
from catsdogs_exp.printable import printable
from catsdogs_exp.record.folder.free_names import take_free_name

_LONGEST_NAME = 60  # characters of up to four bytes; a file name may have 255 bytes


def save_new(picture: Image.Image, folder: Path, stem: str) -> Path:
    """Writes `stem.png`, or `stem-2.png` and so on if that exists already, and returns its path.

    Raises:
        BadInput: if it cannot be written.
    """
    path = new_file(folder, stem, ".png")
    try:
        picture.save(path, "PNG")
    except OSError as error:
        raise BadInput(f"The picture cannot be written: {path}: {error.strerror or error}") from error
    return path


def new_file(folder: Path, stem: str, suffix: str, what: str = "picture") -> Path:
    """Creates an empty `stem.suffix`, or `stem-2.suffix` and so on if that exists already, and returns its path.

    Raises:
        BadInput: if it cannot be created.
    """
    return take_free_name(folder / f"{stem}{suffix}", suffix, what, lambda path: path.open("xb").close())


def file_name(name: str) -> str:
    """Returns an image's name for use in a file name: one line, valid on every system, and not too long."""
    plain = safe_name(re.sub(r"[ /\\]", "-", printable(name)))
    if len(plain) <= _LONGEST_NAME:
        return plain
    return f"{plain[: _LONGEST_NAME // 2]}...{plain[-(_LONGEST_NAME // 2 - 3) :]}"


def file_names(names: Sequence[str]) -> list[str]:
    """Returns `file_name` of each, with a number where another one is the same, in capitals or not."""
    found: list[str] = []
    for plain in map(file_name, names):
        taken, number, name = {each.casefold() for each in found}, 1, plain
        while name.casefold() in taken:
            number += 1
            name = f"{plain}-{number}"
        found.append(name)
    return found
