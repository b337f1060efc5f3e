"""The photo map: small photos on a grid, with a bar in the colour of their class; mistakes are framed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from catsdogs_exp.insight.photo_map import Layout
from catsdogs_exp.record.pictures.contact_sheet import BACKGROUND, fitted, paste_fitted, write

TILE = 45
"""Pixels from one photo to the next, in both directions."""
PHOTO = 40
"""Pixels of the square that a photo fits into."""
_KEY, _BAR, _FRAME = 24, 4, 3
_NARROWEST = 360  # pixels: room for the key
_MISTAKE = (213, 0, 0)
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#8c6bb1", "#7f7f7f", "#b8a900")


def top_of(classes: Sequence[str]) -> int:
    """Returns the pixels above the grid: room for a key, unless there are too many classes for a colour each."""
    return _KEY if len(classes) <= len(_COLOURS) else 0


def size_of(columns: int, rows: int, classes: Sequence[str]) -> tuple[int, int]:
    """Returns the width and height of a picture with so many photos next to and below each other."""
    return max(columns * TILE, _NARROWEST), top_of(classes) + rows * TILE


def photo_map(
    images: NDArray[np.uint8],
    labels: NDArray[np.int32],
    wrong: NDArray[np.bool_],
    layout: Layout,
    classes: Sequence[str],
) -> Image.Image:
    """Draws n images at their places.

    Args:
        images: uint8 [n, height, width, 3 or 1].
        labels: int32 [n], indices of `classes`.
        wrong: bool [n], which images the network takes for another class.
        layout: their places.
        classes: names.
    """
    columns, rows = int(layout.columns.max()) + 1, int(layout.rows.max()) + 1
    top = top_of(classes)
    sheet = Image.new("RGB", size_of(columns, rows, classes), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    if top:
        _draw_key(draw, sheet.width, classes)
    for place, pixels in enumerate(images):
        x, y = int(layout.columns[place]) * TILE, top + int(layout.rows[place]) * TILE
        paste_fitted(sheet, pixels, (x, y), PHOTO)
        if wrong[place]:
            draw.rectangle((x, y, x + PHOTO - 1, y + PHOTO - 1), outline=_MISTAKE, width=_FRAME)
        if top:
            draw.rectangle((x, y + PHOTO - _BAR, x + PHOTO - 1, y + PHOTO - 1), fill=_COLOURS[labels[place]])
    return sheet


def _draw_key(draw: ImageDraw.ImageDraw, width: int, classes: Sequence[str]) -> None:
    """Draws a swatch and a name for each class, and what the frame means."""
    step = width // (len(classes) + 1)
    for number, name in enumerate([*classes, "mistake"]):
        x, room = number * step, step - 26
        if number < len(classes):
            draw.rectangle((x, 5, x + 13, 18), fill=_COLOURS[number])
        else:
            draw.rectangle((x, 5, x + 13, 18), outline=_MISTAKE, width=_FRAME)
        if room > 0:
            write(draw, (x + 18, 4), fitted(draw, name, room))
