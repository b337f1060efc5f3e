"""Activations as pictures: a grid of channels per layer, a page of all layers (docs/course.md, "Activation strips").

As in the course, each channel is standardised: zero mean, unit deviation, x 64 + 128, clipped to 0..255. In addition,
every tile has its channel's number, and a dead channel is marked instead of being undefined.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from catsdogs_exp.insight.maps import LayerActivations, NetworkActivations, on_one_scale, standardise
from catsdogs_exp.record.pictures.contact_sheet import BACKGROUND, INK, as_picture, fitted, font, write

_TILE, _GAP, _MARGIN, _PER_ROW, _LINE = 64, 2, 12, 16, 24
_INPUT, _BAR = 192, 320
_FILL, _EMPTY = (33, 145, 140), (235, 237, 240)  # of a bar

CHANNEL, LAYER = "channel", "layer"  # scales


@dataclass(frozen=True)
class Style:
    """How activations are drawn.

    Attributes:
        channels: maximum number of channels drawn per layer.
        scale: `channel`: each channel on its own, as in the course; `layer`: all channels of a layer on one scale.
    """

    channels: int = 64
    scale: str = CHANNEL


@dataclass(frozen=True)
class Subject:
    """The image whose activations are drawn.

    Attributes:
        image: uint8 [height, width, 3 or 1].
        title: a line for its page.
        classes: names, in the order of the probabilities.
    """

    image: NDArray[np.uint8]
    title: str
    classes: tuple[str, ...]


def layer_grid(activations: LayerActivations, index: int, style: Style) -> Image.Image:
    """Draws the channels of one layer for one image, 16 numbered tiles per row; dead ones are marked.

    Args:
        activations: of the layer.
        index: of the image.
        style: how to draw them.

    Returns:
        A picture with a palette (mode P), which takes a fifth of the time of an RGB picture to encode as PNG.
    """
    maps = activations.maps[index]
    shown = min(maps.shape[-1], style.channels)
    dead = activations.dead
    rows = math.ceil(shown / _PER_ROW)
    width = 2 * _MARGIN + _PER_ROW * (_TILE + _GAP)
    grid = Image.new("L", (width, _LINE + rows * (_TILE + _GAP) + _MARGIN), int(_GRID.grey(BACKGROUND[0])))
    draw = ImageDraw.Draw(grid)
    shape = " x ".join(str(side) for side in maps.shape)
    remarks = [
        f"the first {shown} channels" if shown < maps.shape[-1] else "",
        f"{int(dead.sum())} dead" if dead.any() else "",
        f"one scale, {maps.min():.3g} to {maps.max():.3g}" if style.scale == LAYER else "",
    ]
    text = f"{activations.layer}   {', '.join([shape, *filter(None, remarks)])}"
    write(draw, (_MARGIN, 0), fitted(draw, text, width - 2 * _MARGIN, 14), 14, int(_GRID.grey(INK[0])))
    if style.scale == LAYER:
        pixels = on_one_scale(maps[..., :shown], float(maps.min()), float(maps.max()))
    else:
        pixels = standardise(maps[..., :shown])
    how = Image.Resampling.BOX if min(maps.shape[:2]) >= _TILE else Image.Resampling.NEAREST
    for number, channel in enumerate(np.ascontiguousarray(np.moveaxis(_GRID.colour(pixels), -1, 0))):
        tile = Image.fromarray(channel).resize((_TILE, _TILE), how)
        x, y = _MARGIN + number % _PER_ROW * (_TILE + _GAP), _LINE + number // _PER_ROW * (_TILE + _GAP)
        grid.paste(tile, (x, y))
        label, where = _outlined(f"{number} dead" if dead[number] else str(number))
        grid.paste(label, (x + 1, y), where)
    grid.putpalette(_GRID.palette)
    return grid


@lru_cache(maxsize=256)  # drawing an outlined text takes longer than drawing its tile
def _outlined(text: str) -> tuple[Image.Image, Image.Image]:
    """A text, white with a black outline, one pixel from the left: entries of the palette, and where they are."""
    masks = []
    for width in (1, 0):
        mask = Image.new("L", (_TILE, _LINE))
        ImageDraw.Draw(mask).text((1, 0), text, fill=255, font=_SMALL, stroke_width=width)
        masks.append(np.asarray(mask))
    outline, inside = masks
    entries = _GRID.grey(inside)
    return Image.fromarray(entries), Image.fromarray(np.where(outline > 127, 255, 0).astype(np.uint8))


def activation_page(subject: Subject, answers: NetworkActivations, index: int, grids: list[Image.Image]) -> Image.Image:
    """Draws the input and the network's probabilities, then the grids of all layers.

    Args:
        subject: the image.
        answers: the network's answers to several images.
        index: of the subject among them.
        grids: of its layers, see `layer_grid`.

    Returns:
        A picture with a palette, for the same reason; the input gets the colours that the grids leave.
    """
    width = 2 * _MARGIN + _PER_ROW * (_TILE + _GAP)
    top = _MARGIN + _LINE + _INPUT + _MARGIN
    page = Image.new("L", (width, top + sum(grid.height for grid in grids)), int(_PAGE.grey(BACKGROUND[0])))
    draw = ImageDraw.Draw(page)
    title = fitted(draw, subject.title, width - 2 * _MARGIN, 16)
    write(draw, (_MARGIN, _MARGIN), title, 16, int(_PAGE.grey(INK[0])))
    picture = as_picture(subject.image)
    scale = min(_INPUT / picture.height, (width - 2 * _MARGIN) / 2 / picture.width)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    few = picture.resize(size, Image.Resampling.BICUBIC).quantize(256 - _TAKEN, Image.Quantize.FASTOCTREE)
    page.paste(Image.fromarray(np.asarray(few) + np.uint8(_TAKEN)), (_MARGIN, _MARGIN + _LINE))
    _probabilities(draw, subject.classes, answers.probabilities[index], size[0] + 3 * _MARGIN)
    y = top
    for grid in grids:
        page.paste(Image.fromarray(_OF_PAGE[np.asarray(grid)]), (0, y))
        y += grid.height
    page.putpalette(_BEGINNING + bytes(few.getpalette() or []))
    return page


def _probabilities(
    draw: ImageDraw.ImageDraw, classes: tuple[str, ...], probabilities: NDArray[np.float32], left: int
) -> None:
    """Draws the most probable classes as bars."""
    for line, label in enumerate(np.argsort(-probabilities, kind="stable")[:7].tolist()):
        y = _MARGIN + _LINE + line * 26
        share = float(probabilities[label])
        draw.rectangle((left, y + 2, left + _BAR, y + 20), fill=_TAKEN - 1)
        draw.rectangle((left, y + 2, left + round(_BAR * np.nan_to_num(share)), y + 20), fill=_TAKEN - 2)
        text = fitted(draw, f"{share:.3f}  {classes[label]}", 300, 14)
        write(draw, (left + _BAR + 8, y + 2), text, 14, int(_PAGE.grey(INK[0])))


_VIRIDIS = (matplotlib.colormaps["viridis"](np.arange(256))[:, :3] * 255).round().astype(np.uint8)
VIRIDIS = _VIRIDIS.tobytes()
_SMALL = font(10)


@dataclass(frozen=True)
class _Entries:
    """The entries of a palette: viridis in some steps, then greys from black to white for text."""

    colours: int
    greys: int

    def colour(self, levels: Any) -> Any:
        """The entries, uint8, of levels 0..255 of viridis."""
        return np.round(np.asarray(levels) * ((self.colours - 1) / 255)).astype(np.uint8)

    def grey(self, levels: Any) -> Any:
        """The entries, uint8, of grey levels 0..255."""
        return self.colours + np.round(np.asarray(levels) * ((self.greys - 1) / 255)).astype(np.uint8)

    def of_finer(self, other: "_Entries") -> NDArray[np.uint8]:
        """The entry, uint8, of each entry of a palette with more steps."""
        colours = np.round(np.linspace(0, self.colours - 1, other.colours))
        greys = self.colours + np.round(np.linspace(0, self.greys - 1, other.greys))
        return np.concatenate([colours, greys]).astype(np.uint8)

    @property
    def palette(self) -> bytes:
        """Red, green and blue of each entry."""
        colours, greys = (np.round(np.linspace(0, 255, steps)).astype(np.uint8) for steps in (self.colours, self.greys))
        return _VIRIDIS[colours].tobytes() + np.repeat(greys, 3).tobytes()


_GRID = _Entries(224, 32)
_PAGE = _Entries(112, 16)  # followed by the two colours of a bar, and those of the input
_OF_PAGE = _PAGE.of_finer(_GRID)
_BEGINNING = _PAGE.palette + bytes((*_FILL, *_EMPTY))
_TAKEN = len(_BEGINNING) // 3
