"""Contact sheets: pictures side by side with a few lines of text below each."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from catsdogs_exp.printable import printable

_TILE, _PAD = 150, 6  # pixels
_TEXT = 18
_SMALL, _SMALL_LINE = 11, 14  # of the lines after the first
BACKGROUND, INK = (255, 255, 255), (40, 40, 40)


@lru_cache  # Pillow would unpack its font on every call
def font(size: int = 13) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Returns Pillow's own font, so that pictures look the same everywhere."""
    return ImageFont.load_default(size)


def contact_sheet(images: Sequence[NDArray[np.uint8]], labels: Sequence[str], columns: int = 8) -> Image.Image:
    """Arranges images in rows, each fitted into a square.

    Args:
        images: uint8 [height, width, 3] each, or [height, width, 1] for grey.
        labels: a short text each, cut to the square's width; further lines are smaller, and wrapped at spaces.
        columns: images per row.
    """
    columns = max(1, min(columns, len(images)))
    ruler = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    captions = [_caption(ruler, label, _TILE) for label in labels]
    texts = [_TEXT + _SMALL_LINE * (max(map(len, row)) - 1) for row in _rows(captions, columns)]
    tops = [_PAD + index * (_TILE + _PAD) + sum(texts[:index]) for index in range(len(texts) + 1)]
    sheet = Image.new("RGB", (columns * (_TILE + _PAD) + _PAD, tops[-1]), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for index, (pixels, lines) in enumerate(zip(images, captions, strict=True)):
        x, y = _PAD + index % columns * (_TILE + _PAD), tops[index // columns]
        paste_fitted(sheet, pixels, (x, y), _TILE)
        draw.text((x, y + _TILE + 1), lines[0], fill=INK, font=font())
        for number, line in enumerate(lines[1:]):
            draw.text((x, y + _TILE + _TEXT + number * _SMALL_LINE), line, fill=INK, font=font(_SMALL))
    return sheet


def paste_fitted(sheet: Image.Image, pixels: NDArray[np.uint8], corner: tuple[int, int], side: int) -> None:
    """Pastes an image, uint8 [height, width, 3 or 1], into a square of a sheet: as large as it fits, in its middle."""
    picture = as_picture(pixels)
    scale = side / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    picture = picture.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC)
    sheet.paste(picture, (corner[0] + (side - size[0]) // 2, corner[1] + (side - size[1]) // 2))


def note(text: str) -> Image.Image:
    """Draws a line of text as a picture, for a sheet without images."""
    picture = Image.new("RGB", (320, 48), BACKGROUND)
    ImageDraw.Draw(picture).text((_PAD, 2 * _PAD), text, fill=INK, font=font())
    return picture


def _rows(captions: Sequence[list[str]], columns: int) -> list[Sequence[list[str]]]:
    return [captions[start : start + columns] for start in range(0, len(captions), columns)]


def _caption(draw: ImageDraw.ImageDraw, label: str, width: int) -> list[str]:
    """Returns the lines below an image, none wider than the image."""
    first, *further = label.split("\n")  # our own line breaks; those in names are escaped
    lines = [fitted(draw, first, width)]
    for text in further:
        line = ""
        for word in text.split(" "):
            longer = f"{line} {word}" if line else word
            if line and draw.textlength(longer, font=font(_SMALL)) > width:
                lines.append(fitted(draw, line, width, _SMALL))
                longer = word
            line = longer
        lines.append(fitted(draw, line, width, _SMALL))
    return lines


def as_picture(pixels: NDArray[np.uint8]) -> Image.Image:
    """Returns an RGB picture from uint8 [height, width, 3 or 1]."""
    return Image.fromarray(pixels if pixels.shape[-1] == 3 else np.repeat(pixels, 3, axis=-1))


def fitted(draw: ImageDraw.ImageDraw, text: str, width: int, size: int = 13) -> str:
    """Returns a text on one line, shortened to a width in pixels: in the middle, where file names differ least."""
    text = printable(text)
    if draw.textlength(text, font=font(size)) <= width:
        return text
    for keep in range(len(text) - 1, 1, -1):
        cut = f"{text[: keep - keep // 2]}…{text[len(text) - keep // 2 :]}"
        if draw.textlength(cut, font=font(size)) <= width:
            return cut
    return text[:1]
