"""Pictures of what each convolution and pooling layer answers to an image (docs/course.md, "Activation strips").

As in the course each channel is standardised: zero mean, unit deviation, x 64 + 128, clipped to 0..255. Unlike
there, the name beside a row is the layer's own, and a dead channel is flat instead of undefined.
"""

import math
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from catsdogs_exp.insight.activations import standardise
from catsdogs_exp.record.pictures.contact_sheet import BACKGROUND, INK, as_picture, fitted, font

_TILE, _GAP, _MARGIN, _PER_ROW, _LINE = 64, 2, 12, 16, 24
_INPUT = 192


class ActivationPages:
    """Draws the activations of a network's layers.

    Args:
        channels: the most channels drawn per layer.
    """

    def __init__(self, channels: int) -> None:
        self._channels = channels

    def draw(
        self, images: NDArray[np.uint8], titles: Sequence[str], activations: Mapping[str, NDArray[np.float32]]
    ) -> list[Image.Image]:
        """One page per image: the input, then a grid of channels for each layer.

        Args:
            images: uint8 [b, height, width, 3 or 1].
            titles: one line per page.
            activations: float32 [b, height, width, channels] for each layer, by its name.
        """
        return [
            self._page(image, title, [(name, answer[index]) for name, answer in activations.items()])
            for index, (image, title) in enumerate(zip(images, titles, strict=True))
        ]

    def _page(
        self, image: NDArray[np.uint8], title: str, answers: list[tuple[str, NDArray[np.float32]]]
    ) -> Image.Image:
        heights = [_LINE + self._rows(answer) * (_TILE + _GAP) + _MARGIN for _, answer in answers]
        width = 2 * _MARGIN + _PER_ROW * (_TILE + _GAP)
        page = Image.new("RGB", (width, _MARGIN + _LINE + _INPUT + _MARGIN + sum(heights)), BACKGROUND)
        draw = ImageDraw.Draw(page)
        draw.text((_MARGIN, _MARGIN), fitted(draw, title, width - 2 * _MARGIN, 16), fill=INK, font=font(16))
        picture = as_picture(image)
        picture.thumbnail((width, _INPUT))
        if picture.height < _INPUT:
            picture = picture.resize((picture.width * _INPUT // picture.height, _INPUT), Image.Resampling.BICUBIC)
        page.paste(picture, (_MARGIN, _MARGIN + _LINE))
        y = _MARGIN + _LINE + _INPUT + _MARGIN
        for (name, answer), height in zip(answers, heights, strict=True):
            shape = " x ".join(str(side) for side in answer.shape)
            shown = min(answer.shape[-1], self._channels)
            more = f", the first {shown} channels" if shown < answer.shape[-1] else ""
            draw.text((_MARGIN, y), f"{name}   {shape}{more}", fill=INK, font=font(14))
            self._grid(page, y + _LINE, answer)
            y += height
        return page

    def _grid(self, page: Image.Image, top: int, answer: NDArray[np.float32]) -> None:
        channels = np.moveaxis(standardise(answer[..., : self._channels]), -1, 0)
        how = Image.Resampling.BOX if min(answer.shape[:2]) >= _TILE else Image.Resampling.NEAREST
        for number, channel in enumerate(np.ascontiguousarray(channels)):
            tile = Image.fromarray(channel).resize((_TILE, _TILE), how)
            tile.putpalette(_VIRIDIS)
            x = _MARGIN + number % _PER_ROW * (_TILE + _GAP)
            page.paste(tile.convert("RGB"), (x, top + number // _PER_ROW * (_TILE + _GAP)))

    def _rows(self, answer: NDArray[np.float32]) -> int:
        return math.ceil(min(int(answer.shape[-1]), self._channels) / _PER_ROW)


_VIRIDIS = (matplotlib.colormaps["viridis"](np.arange(256))[:, :3] * 255).round().astype(np.uint8).tobytes()
