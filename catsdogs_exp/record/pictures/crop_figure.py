"""What cropping does to an answer, as one picture: the image, a map per scale, and the crops that matter most."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from catsdogs_exp.record.pictures.contact_sheet import BACKGROUND, INK, as_picture, fitted, write

_PAD = 10
_SIDE = 300  # pixels of the image's longer side
_LINE = 18
_SMALL = 12
_COLOURS = "RdBu_r"  # blue: low, red: high; distinguishable with common colour vision deficiencies
_OPAQUE = 0.85
_DOT = 2  # pixels of a dot's radius, less in small cells: their colour stays visible
_BAR = 12  # pixels


@dataclass(frozen=True)
class MarkedCrop:
    """A crop that is framed in the image and shown enlarged below it.

    Attributes:
        box: left, top, width, height in pixels of the image.
        colour: of its frame, 0..255 each.
        lines: its caption.
    """

    box: tuple[int, int, int, int]
    colour: tuple[int, int, int]
    lines: tuple[str, ...]


@dataclass(frozen=True)
class ScaleMap:
    """The answers for the crops of one scale.

    Attributes:
        title: what the crops have in common.
        size: width and height of the crops, as fractions of those of the image.
        heat: float32 [n, n], the probability of a class, 0..1, by position of the crop.
        changed: bool [n, n], whether the answer differs from that for the whole image.
    """

    title: str
    size: tuple[float, float]
    heat: NDArray[np.float32]
    changed: NDArray[np.bool_]


def crop_figure(
    image: NDArray[np.uint8], heading: Sequence[str], maps: Sequence[ScaleMap], crops: Sequence[MarkedCrop]
) -> Image.Image:
    """Draws the picture.

    The maps lie over the image, each value at the centre of its crop; a dot marks crops that change the answer.

    Args:
        image: uint8 [h, w, 3 or 1].
        heading: lines of text.
        maps: one per scale.
        crops: framed in the image, and shown below it.

    Returns:
        RGB.
    """
    scale = _SIDE / max(image.shape[:2])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    small = as_picture(image).resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC)
    column = max(size[0], 200)
    tall = max(size[1], 1)
    columns = max(1 + len(maps), len(crops))
    captions = max((len(crop.lines) for crop in crops), default=0)
    top = _PAD + _LINE * len(heading) + _PAD
    below = top + tall + 2 * _LINE + _BAR + _PAD
    width = columns * (column + _PAD) + _PAD
    sheet = Image.new("RGB", (width, below + (tall + _LINE * captions + _PAD if crops else 0)), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for number, line in enumerate(heading):
        write(draw, (_PAD, _PAD + number * _LINE), fitted(draw, line, width - 2 * _PAD))
    sheet.paste(_framed(small, scale, crops), (_PAD, top))
    for number, each in enumerate(maps, start=1):
        left = _PAD + number * (column + _PAD)
        sheet.paste(_mapped(small, each), (left, top))
        write(draw, (left, top + tall + 2), fitted(draw, each.title, column, _SMALL), _SMALL)
    if maps:
        _draw_bar(draw, (_PAD + column + _PAD, top + tall + _LINE + 2, column))
    for number, crop in enumerate(crops):
        left = _PAD + number * (column + _PAD)
        across, down, box_width, box_height = crop.box
        part = as_picture(image).crop((across, down, across + box_width, down + box_height))
        enlarged = min(column / part.width, tall / part.height)
        shown = max(1, round(part.width * enlarged)), max(1, round(part.height * enlarged))
        sheet.paste(part.resize(shown, Image.Resampling.BICUBIC), (left, below))
        draw.rectangle((left, below, left + shown[0] - 1, below + shown[1] - 1), outline=crop.colour, width=3)
        for row, text in enumerate(crop.lines):
            place = (left, below + shown[1] + 2 + row * _LINE)
            write(draw, place, fitted(draw, text, column, _SMALL), _SMALL)
    return sheet


def _framed(picture: Image.Image, scale: float, crops: Sequence[MarkedCrop]) -> Image.Image:
    found = picture.copy()
    draw = ImageDraw.Draw(found)
    for crop in reversed(crops):  # the first one ends up on top
        left, top, width, height = (round(number * scale) for number in crop.box)
        corner = max(left, min(left + width, found.width) - 1), max(top, min(top + height, found.height) - 1)
        draw.rectangle((left, top, *corner), outline=crop.colour, width=3)
    return found


def _mapped(picture: Image.Image, each: ScaleMap) -> Image.Image:
    """Lays the map over the image in grey: cell i covers the pixels nearest to the centre of crop i."""
    grey = np.repeat(np.asarray(picture.convert("L"), np.float32)[..., None], 3, axis=-1)
    grey = 255 - 0.5 * (255 - grey)
    count = len(each.heat)
    (rows, in_rows), (columns, in_columns) = (
        _cells(side, size, count) for side, size in zip(grey.shape[:2], reversed(each.size), strict=True)
    )
    colours = 255 * matplotlib.colormaps[_COLOURS](np.clip(each.heat, 0, 1))[..., :3]
    covered = (in_rows[:, None] & in_columns[None])[..., None]
    mixed = np.where(covered, grey * (1 - _OPAQUE) + _OPAQUE * colours[rows][:, columns], grey)
    found = Image.fromarray(mixed.round().astype(np.uint8))
    draw = ImageDraw.Draw(found)
    cell = min(side * (1 - size) for side, size in zip(grey.shape[:2], reversed(each.size), strict=True)) / count
    dot = max(1.0, min(_DOT, cell / 5))
    for row, column in zip(*np.nonzero(each.changed), strict=True):
        y, x = (
            side * (size / 2 + (1 - size) * place / max(1, count - 1))
            for side, size, place in zip(grey.shape[:2], reversed(each.size), (row, column), strict=True)
        )
        draw.ellipse((x - dot, y - dot, x + dot, y + dot), fill=INK, outline=BACKGROUND)
    return found


def _cells(side: int, size: float, count: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Returns the cell of each pixel along a side, and whether it has one."""
    step = (1 - size) / max(1, count - 1)
    places = (np.arange(side) + 0.5) / side
    cells = np.floor((places - size / 2) / max(step, 1e-9) + 0.5).astype(np.intp)
    return cells.clip(0, count - 1), (cells >= 0) & (cells < count)


def _draw_bar(draw: ImageDraw.ImageDraw, place: tuple[int, int, int]) -> None:
    """Draws the colours of probabilities 0 to 1, from `left, top` over a width."""
    left, top, width = place
    for x in range(width):
        red, green, blue, _ = matplotlib.colormaps[_COLOURS](x / (width - 1))
        draw.line((left + x, top, left + x, top + _BAR), fill=(int(255 * red), int(255 * green), int(255 * blue)))
    for text, anchor, x in (("0", "la", left), ("0.5", "ma", left + width // 2), ("1", "ra", left + width)):
        write(draw, (x, top + _BAR + 1), text, 11, anchor=anchor)
