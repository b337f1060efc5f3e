"""Colour operations as in Pillow's `ImageEnhance` and `ImageOps`, on uint8 [height, width, 3 or 1].

Uses lookup tables of 256 values wherever a pixel's result depends only on its own value. Results are rounded; Pillow
truncates, which darkens images by half a level on average. Operations on hue or saturation leave single-channel images
unchanged.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_LEVELS = np.arange(256, dtype=np.float64)
_GREY = (0.299, 0.587, 0.114)  # ITU-R 601-2, as Pillow's mode L
_MOST = 256.0  # larger factors change nothing: one grey level apart is already black and white
_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], dtype=np.float64) / 13  # Pillow's ImageFilter.SMOOTH


def brightness(image: Image, factor: float) -> Image:
    """Multiplies every value by `factor`; 0 gives black."""
    return _looked_up(image, _LEVELS * min(factor, _MOST))


def contrast(image: Image, factor: float) -> Image:
    """Multiplies distances to the image's mean grey by `factor`; 0 gives that grey everywhere."""
    mean = int(cv2.mean(grey(image))[0] + 0.5)
    return _looked_up(image, mean + (_LEVELS - mean) * min(factor, _MOST))


def saturation(image: Image, factor: float) -> Image:
    """Multiplies the colours' distances to their grey by `factor`; 0 gives a grey image."""
    if image.shape[-1] == 1:
        return image
    factor = min(factor, _MOST)
    matrix = np.eye(3) * factor + np.array(_GREY) * (1 - factor)
    return np.asarray(cv2.transform(image, matrix), dtype=np.uint8)


def hue(image: Image, degrees: float) -> Image:
    """Rotates hues around the colour circle, in steps of 360/256 degrees (8-bit HSV, as in Pillow)."""
    steps = round(degrees * 256 / 360) % 256
    if image.shape[-1] == 1 or not steps:
        return image
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL)
    hsv[..., 0] += np.uint8(steps)  # around the circle
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL), dtype=np.uint8)


def channel_shift(image: Image, levels: float) -> Image:
    """Shifts all channels by `levels`, clipped to the image's own minimum and maximum, as in Keras."""
    low, high = float(image.min()), float(image.max())
    return _looked_up(image, np.clip(_LEVELS + levels, low, high))


def greyscale(image: Image) -> Image:
    """Converts to grey, keeping the number of channels."""
    if image.shape[-1] == 1:
        return image
    return np.asarray(cv2.cvtColor(grey(image), cv2.COLOR_GRAY2RGB), dtype=np.uint8)


def grey(image: Image) -> Image:
    """Returns the grey values: uint8 [height, width]."""
    if image.shape[-1] == 1:
        return image[..., 0]
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def sharpness(image: Image, factor: float) -> Image:
    """Multiplies distances to a smoothed image by `factor`; 0 gives the smoothed image. The outermost pixels are
    unchanged.
    """
    height, width = image.shape[:2]
    if min(height, width) < 3:
        return image
    smooth = cv2.filter2D(image, -1, _SMOOTH)
    sharp = cv2.addWeighted(image, factor, smooth, 1 - factor, 0).reshape(image.shape)
    result = image.copy()
    result[1:-1, 1:-1] = sharp[1:-1, 1:-1]
    return result


def posterize(image: Image, bits: int) -> Image:
    """Keeps only the highest `bits` bits of each value, 1 to 8."""
    return image & np.uint8(256 - 2 ** (8 - bits))


def solarize(image: Image, threshold: float) -> Image:
    """Inverts values from `threshold` on."""
    return _looked_up(image, np.where(threshold <= _LEVELS, 255 - _LEVELS, _LEVELS))


def autocontrast(image: Image) -> Image:
    """Stretches each channel to 0..255."""
    tables = []
    for channel in range(image.shape[-1]):
        values = image[..., channel]
        low, high = int(values.min()), int(values.max())
        tables.append(_LEVELS if high <= low else (_LEVELS - low) * (255 / (high - low)))
    return _looked_up(image, np.stack(tables, axis=-1))


def equalize(image: Image) -> Image:
    """Equalizes the histogram of each channel."""
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
