"""Colour changes as in Pillow's `ImageEnhance` and `ImageOps`, on uint8 [height, width, 3 or 1].

Tables of 256 values wherever a pixel's result depends on its own value alone. Results are rounded, where Pillow
truncates: that darkens pictures by half a level on average. On one channel, what changes hues or saturation does
nothing.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_LEVELS = np.arange(256, dtype=np.float64)
_GREY = (0.299, 0.587, 0.114)  # ITU-R 601-2, as Pillow's mode L
_MOST = 256.0  # a larger factor makes no other picture: one grey level apart is already black and white
_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], dtype=np.float64) / 13  # Pillow's ImageFilter.SMOOTH


def brightness(image: Image, factor: float) -> Image:
    """Every value times `factor`; 0 is black."""
    return _looked_up(image, _LEVELS * min(factor, _MOST))


def contrast(image: Image, factor: float) -> Image:
    """Distances to the picture's mean grey times `factor`; 0 is that grey everywhere."""
    mean = int(cv2.mean(grey(image))[0] + 0.5)
    return _looked_up(image, mean + (_LEVELS - mean) * min(factor, _MOST))


def saturation(image: Image, factor: float) -> Image:
    """Distances of the colours to their grey times `factor`; 0 is a grey picture."""
    if image.shape[-1] == 1:
        return image
    factor = min(factor, _MOST)
    matrix = np.eye(3) * factor + np.array(_GREY) * (1 - factor)
    return np.asarray(cv2.transform(image, matrix), dtype=np.uint8)


def hue(image: Image, degrees: float) -> Image:
    """Colours moved along the circle of hues, in steps of 360/256 degrees (HSV of 8 bits, as in Pillow)."""
    steps = round(degrees * 256 / 360) % 256
    if image.shape[-1] == 1 or not steps:
        return image
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL)
    hsv[..., 0] += np.uint8(steps)  # around the circle
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL), dtype=np.uint8)


def channel_shift(image: Image, levels: float) -> Image:
    """All channels moved by `levels` and kept between the picture's own darkest and brightest value, as in Keras."""
    low, high = float(image.min()), float(image.max())
    return _looked_up(image, np.clip(_LEVELS + levels, low, high))


def greyscale(image: Image) -> Image:
    """Grey, in as many channels."""
    if image.shape[-1] == 1:
        return image
    return np.asarray(cv2.cvtColor(grey(image), cv2.COLOR_GRAY2RGB), dtype=np.uint8)


def grey(image: Image) -> Image:
    """The grey values alone: uint8 [height, width]."""
    if image.shape[-1] == 1:
        return image[..., 0]
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def sharpness(image: Image, factor: float) -> Image:
    """Distances to a smoothed picture times `factor`; 0 is that smoothed picture. The outermost pixels stay."""
    height, width = image.shape[:2]
    if min(height, width) < 3:
        return image
    smooth = cv2.filter2D(image, -1, _SMOOTH)
    sharp = cv2.addWeighted(image, factor, smooth, 1 - factor, 0).reshape(image.shape)
    result = image.copy()
    result[1:-1, 1:-1] = sharp[1:-1, 1:-1]
    return result


def posterize(image: Image, bits: int) -> Image:
    """Only the highest `bits` bits of each value, 1 to 8."""
    return image & np.uint8(256 - 2 ** (8 - bits))


def solarize(image: Image, threshold: float) -> Image:
    """Values from `threshold` on inverted."""
    return _looked_up(image, np.where(threshold <= _LEVELS, 255 - _LEVELS, _LEVELS))


def autocontrast(image: Image) -> Image:
    """Each channel stretched to 0..255."""
    tables = []
    for channel in range(image.shape[-1]):
        values = image[..., channel]
        low, high = int(values.min()), int(values.max())
        tables.append(_LEVELS if high <= low else (_LEVELS - low) * (255 / (high - low)))
    return _looked_up(image, np.stack(tables, axis=-1))


def equalize(image: Image) -> Image:
    """Each channel with about equally many pixels of every value."""
    tables = []
    for channel in range(image.shape[-1]):
        counts = cv2.calcHist([image], [channel], None, [256], [0, 256]).astype(np.int64).ravel()
        there = counts[counts > 0]
        step = int(there.sum() - there[-1]) // 255
        below = np.cumsum(counts) - counts
        tables.append((step // 2 + below) // step if step else _LEVELS)
    return _looked_up(image, np.stack(tables, axis=-1))


def _looked_up(image: Image, values: NDArray[np.float64]) -> Image:
    """Replaces each value: `values` [256] for all channels or [256, channels], clipped and rounded."""
    table = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    table = table.reshape(1, 256, -1)
    return np.asarray(cv2.LUT(image, table), dtype=np.uint8).reshape(image.shape)
