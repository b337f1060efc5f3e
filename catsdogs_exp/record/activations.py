"""Pictures of what each convolution and pooling layer answers to an image (COURSE lesson 2, "strips").

As in the course each channel is standardised: zero mean, unit deviation, x 64 + 128, clipped to 0..255. Unlike
there, the name beside a row is the layer's own, and a dead channel is flat instead of undefined.
"""

import math
from collections.abc import Sequence

import keras
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from catsdogs_exp.record.contact_sheet import BACKGROUND, INK, as_picture, fitted, font

_TILE, _GAP, _MARGIN, _PER_ROW, _LINE = 64, 2, 12, 16, 24
_INPUT = 192
_LAYERS = (keras.layers.Conv2D, keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)


class ActivationPictures:
    """Draws the answers of one network's layers.

    Args:
        model: the network.
        channels: at most so many a layer are drawn.
    """

    def __init__(self, model: keras.Model, channels: int) -> None:
        self.layers = [layer for layer in model.layers if isinstance(layer, _LAYERS)]
        self._channels = channels
        outputs = [layer.output for layer in self.layers]
        self._answers = keras.Model(model.inputs, outputs) if outputs else None

    def draw(self, images: NDArray[np.uint8], titles: Sequence[str]) -> list[Image.Image]:
        """One page an image: the input, then a grid of channels for each layer.

        Args:
            images: uint8 [b, height, width, 3 or 1].
            titles: a line for each page.
        """
        answers = self._answers.predict_on_batch(images) if self._answers else []
        if len(self.layers) == 1 and not isinstance(answers, list):
            answers = [answers]
        rows = [(layer.name, np.asarray(answer)) for layer, answer in zip(self.layers, answers, strict=True)]
        return [
            self._page(image, title, [(name, answer[index]) for name, answer in rows])
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


def standardise(channels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Each channel: zero mean, unit deviation, x 64 + 128, clipped; 128 throughout for a dead channel.

    Args:
        channels: [height, width] of one channel, or [height, width, channels].

    Returns:
        uint8 of the same shape.
    """
    centred = channels - channels.mean((0, 1), dtype=np.float64)
    deviation = centred.std((0, 1))
    alive = deviation > 1e-12
    centred *= np.where(alive, 64 / np.where(alive, deviation, 1), 0)
    centred += 128
    return np.asarray(np.clip(centred, 0, 255, out=centred), dtype=np.uint8)


_VIRIDIS = (matplotlib.colormaps["viridis"](np.arange(256))[:, :3] * 255).round().astype(np.uint8).tobytes()
