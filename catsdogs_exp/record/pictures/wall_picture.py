"""The wall of one probe as a picture: runs in rows, layers in columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from catsdogs_exp.insight.maps import standardise
from catsdogs_exp.insight.wall import WallCell
from catsdogs_exp.record.pictures.activation_page import VIRIDIS
from catsdogs_exp.record.pictures.contact_sheet import BACKGROUND, fitted, write

_TILE, _GAP, _PER_ROW, _MARGIN = 34, 2, 8, 12
_LABEL, _HEAD, _LINE = 190, 28, 17
_NO_CHANNEL = (225, 225, 225)


@dataclass(frozen=True)
class WallRow:
    """A run on the wall.

    Attributes:
        lines: its label: its result, then the settings that differ.
        cells: one layer per column; None if it has none.
    """

    lines: tuple[str, ...]
    cells: Sequence[WallCell | None]


def wall_picture(title: str, rows: Sequence[WallRow], probe: int) -> Image.Image:
    """Draws the wall.

    Args:
        title: a line at the top.
        rows: the runs, the first one's channels in their own order.
        probe: index of the image.
    """
    columns = max(len(row.cells) for row in rows)
    tiles = max((cell.maps.shape[-1] for row in rows for cell in row.cells if cell), default=1)
    cell_width = _PER_ROW * (_TILE + _GAP) + _MARGIN
    cell_height = _LINE + -(-tiles // _PER_ROW) * (_TILE + _GAP) + _MARGIN
    height = _HEAD + len(rows) * max(cell_height, _LINE * (1 + max(len(row.lines) for row in rows)))
    row_height = (height - _HEAD) // len(rows)
    wall = Image.new("RGB", (_LABEL + columns * cell_width, height), BACKGROUND)
    draw = ImageDraw.Draw(wall)
    write(draw, (_MARGIN, 6), fitted(draw, title, wall.width - 2 * _MARGIN, 15), 15)
    for number, row in enumerate(rows):
        top = _HEAD + number * row_height
        for line, text in enumerate(row.lines):
            label = fitted(draw, text, _LABEL - 2 * _MARGIN)
            write(draw, (_MARGIN, top + line * _LINE), label)
        for column, cell in enumerate(row.cells):
            if cell is not None:
                _draw(wall, draw, (_LABEL + column * cell_width, top), cell, probe)
    return wall


def _draw(wall: Image.Image, draw: ImageDraw.ImageDraw, place: tuple[int, int], cell: WallCell, probe: int) -> None:
    left, top = place
    write(draw, (left, top), fitted(draw, cell.layer, _PER_ROW * (_TILE + _GAP)))
    pixels = standardise(cell.maps[probe])
    for number, channel in enumerate(cell.numbers):
        x, y = left + number % _PER_ROW * (_TILE + _GAP), top + _LINE + number // _PER_ROW * (_TILE + _GAP)
        if channel < 0:
            draw.rectangle((x, y, x + _TILE - 1, y + _TILE - 1), fill=_NO_CHANNEL)
            continue
        tile = Image.fromarray(np.ascontiguousarray(pixels[..., number]))
        tile = tile.resize(
            (_TILE, _TILE), Image.Resampling.BOX if min(tile.size) >= _TILE else Image.Resampling.NEAREST
        )
        tile.putpalette(VIRIDIS)
        wall.paste(tile.convert("RGB"), (x, y))
