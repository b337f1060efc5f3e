"""Part masks for the user's own images: PNG files in a folder that mirrors the image folder."""

import csv
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catsdogs_exp.errors import BadInput

NAMES = "parts.csv"
_MOST_PIXELS = 178_956_970
_VALUES = 256


class PartMasks:
    """A folder of masks.

    The mask of `cats/cat.12.jpg` is `cats/cat.12.png`: an 8-bit grey or palette PNG of the image's size whose values
    number the parts; 0 is no part. `parts.csv` with the columns `value` and `name` names them; without it, their
    numbers serve as names.

    Args:
        folder: the folder of masks.

    Raises:
        BadInput: if it is not a folder, or its `parts.csv` cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise BadInput(f"--parts must be a folder of masks. Received: {folder}")
        self._folder = folder
        self._names = _names(folder / NAMES)

    def mask(self, path: str) -> NDArray[np.uint8] | None:
        """Returns the mask of an image, uint8 [height, width], by the image's path within its data set; None if there
        is none.

        Raises:
            BadInput: for a file that is not a mask.
        """
        file = (self._folder / PurePosixPath(path)).with_suffix(".png")
        if not file.resolve().is_relative_to(self._folder.resolve()):
            raise BadInput(f"A mask must be inside the folder --parts. Received: {file}")
        if not file.is_file():
            return None
        try:
            with Image.open(file, formats=("PNG",)) as image:
                if image.mode not in ("L", "P", "1") or image.width * image.height > _MOST_PIXELS:
                    raise BadInput(
                        f"A mask must be a grey or palette PNG of 8 bits. Received: {file}, mode {image.mode}"
                    )
                return np.asarray(image, np.uint8)
        except (OSError, SyntaxError, ValueError) as error:
            raise BadInput(f"A mask must be a PNG. Received: {file} ({error})") from error

    def names(self, values: int) -> list[str]:
        """Returns the names of the values 0, 1, ...; `""` for 0, which is no part."""
        return ["", *(self._names.get(value, str(value)) for value in range(1, values))]


def _names(path: Path) -> dict[int, str]:
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            found = {int(row["value"]): str(row["name"]).strip() for row in csv.DictReader(handle)}
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise BadInput(f"{path} must have the columns value and name, values 0..255. Received: {error}") from error
    if any(not 0 <= value < _VALUES or not name for value, name in found.items()):
        raise BadInput(f"{path} must have values in 0..255, each with a name")
    return found
