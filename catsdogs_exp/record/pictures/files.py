"""Pictures as files that never overwrite another."""

import re
from pathlib import Path

from PIL import Image

from catsdogs_exp.errors import BadInput
from catsdogs_exp.platforms import safe_name
from catsdogs_exp.printable import printable
from catsdogs_exp.record.folder.free_names import take_free_name

_LONGEST_NAME = 60  # characters of up to four bytes, where a file name may have 255


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
    """Makes an empty `stem.suffix`, or `stem-2.suffix` and so on where that exists already, and returns its path.

    Raises:
        BadInput: when it cannot be made.
    """
    return take_free_name(folder / f"{stem}{suffix}", suffix, what, lambda path: path.open("xb").close())


def file_name(name: str) -> str:
    """An image's name as part of a file's name: one line, allowed on any system, and short enough for it."""
    plain = safe_name(re.sub(r"[ /\\]", "-", printable(name)))
    if len(plain) <= _LONGEST_NAME:
        return plain
    return f"{plain[: _LONGEST_NAME // 2]}...{plain[-(_LONGEST_NAME // 2 - 3) :]}"
