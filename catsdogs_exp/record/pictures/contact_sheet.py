"""Contact sheets: pictures side by side with a few lines of text below each."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from catsdogs_exp.printable import printable

_TILE, _PAD = 150, 6  # pixels
_TEXT = 18
_SMALL, _SMALL_LINE = 11, 14  # of the lines after the first
BACKGROUND, INK = (255, 255, 255), (40, 40, 40)
_OF_PILLOW = frozenset(map(chr, range(32, 127))) | {"…", "°"}  # the letters of its font that we use


def font(size: int = 13, text: str = "") -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Returns Pillow's own font, so that pictures look the same everywhere.

    It has little more than ASCII. For a text that needs more, such as the name of a class in most languages, it is
    matplotlib's, in which the plots are drawn.
    """
    return _font(size, wide=not (text.isascii() or set(text) <= _OF_PILLOW))


@lru_cache  # Pillow would unpack its font on every call
def _font(size: int, wide: bool) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    if wide:
        return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)
    return ImageFont.load_default(size)


def write(  # noqa: PLR0913  (as Pillow's `text`)
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    size: int = 13,
    fill: tuple[int, int, int] | int = INK,
    anchor: str | None = None,
) -> None:
    """Writes a line of text in a font that has its letters."""
    draw.text(place, text, fill=fill, font=font(size, text), anchor=anchor)


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
        write(draw, (x, y + _TILE + 1), lines[0])
        for number, line in enumerate(lines[1:]):
            write(draw, (x, y + _TILE + _TEXT + number * _SMALL_LINE), line, _SMALL)
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
    write(ImageDraw.Draw(picture), (_PAD, 2 * _PAD), text)
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
            if line and draw.textlength(longer, font=font(_SMALL, longer)) > width:
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
    if draw.textlength(text, font=font(size, text)) <= width:
        return text
    for keep in range(len(text) - 1, 1, -1):
        cut = f"{text[: keep - keep // 2]}…{text[len(text) - keep // 2 :]}"
        if draw.textlength(cut, font=font(size, cut)) <= width:
            return cut
    return text[:1]
