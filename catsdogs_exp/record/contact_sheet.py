"""Pictures side by side with a line of text below each: samples, previews, findings."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_PAD = 6
_TEXT = 18
BACKGROUND, INK = (255, 255, 255), (40, 40, 40)


def font(size: int = 13) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, so that pictures look the same everywhere."""
    return ImageFont.load_default(size)


def contact_sheet(
    images: Sequence[NDArray[np.uint8]], labels: Sequence[str], columns: int = 8, tile: int = 150
) -> Image.Image:
    """Lays pictures out in rows, each fitted into a square of `tile` pixels.

    Args:
        images: uint8 [height, width, 3] each, or [height, width, 1] for grey.
        labels: a short text for each, cut to the tile's width.
        columns: pictures a row.
        tile: pixels.
    """
    columns = max(1, min(columns, len(images)))
    rows = -(-len(images) // columns)
    cell_w, cell_h = tile + _PAD, tile + _TEXT + _PAD
    sheet = Image.new("RGB", (columns * cell_w + _PAD, rows * cell_h + _PAD), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for index, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        x, y = _PAD + index % columns * cell_w, _PAD + index // columns * cell_h
        picture = as_picture(pixels)
        scale = tile / max(picture.size)
        size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        picture = picture.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC)
        sheet.paste(picture, (x + (tile - size[0]) // 2, y + (tile - size[1]) // 2))
        draw.text((x, y + tile + 1), fitted(draw, label, tile), fill=INK, font=font())
    return sheet


def as_picture(pixels: NDArray[np.uint8]) -> Image.Image:
    """An RGB picture from uint8 [height, width, 3 or 1]."""
    return Image.fromarray(pixels if pixels.shape[-1] == 3 else np.repeat(pixels, 3, axis=-1))


def fitted(draw: ImageDraw.ImageDraw, text: str, width: int, size: int = 13) -> str:
    """Cuts a text to a width in pixels, in the middle, where file names differ least."""
    if draw.textlength(text, font=font(size)) <= width:
        return text
    for keep in range(len(text) - 1, 1, -1):
        cut = f"{text[: keep - keep // 2]}…{text[len(text) - keep // 2 :]}"
        if draw.textlength(cut, font=font(size)) <= width:
            return cut
    return text[:1]
