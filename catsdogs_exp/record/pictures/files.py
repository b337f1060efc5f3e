"""Pictures as files that never overwrite another."""

from pathlib import Path

from PIL import Image

from catsdogs_exp.errors import BadInput


def save_new(picture: Image.Image, folder: Path, stem: str) -> Path:
    """Writes `stem.png`, or `stem-2.png` and so on if that exists already, and returns its path.

    Raises:
        BadInput: if it cannot be written.
    """
    number = 1
    while True:
        path = folder / (f"{stem}.png" if number == 1 else f"{stem}-{number}.png")
        try:
            with path.open("xb") as handle:
                picture.save(handle, "PNG")
        except FileExistsError:
            number += 1
        except OSError as error:
            raise BadInput(f"The picture cannot be written: {path}: {error.strerror or error}") from error
        else:
            return path
