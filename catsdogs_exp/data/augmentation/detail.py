"""Blur, noise and erased rectangles, on uint8 [height, width, channels]."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.randomness import noise

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Erased:
    """A rectangle to erase (Zhong et al., 2020), in fractions, so that it fits images of any size.

    Attributes:
        area: fraction of the image's area.
        ratio: width / height, in pixels.
        top, left: position, 0..1, among the positions where it fits.
    """

    area: float
    ratio: float
    top: float
    left: float


@dataclass(frozen=True)
class Cut:
    """A square to erase (DeVries and Taylor, 2017), which may extend beyond the edge.

    Attributes:
        side: fraction of the shorter side.
        y, x: its centre, as fractions of height and width.
    """

    side: float
    y: float
    x: float


def blur(image: Image, sigma: float) -> Image:
    """Gaussian blur with a standard deviation of `sigma` pixels; the edge is replicated."""
    blurred = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, dtype=np.uint8).reshape(image.shape)


def add_noise(image: Image, deviation: float, key: int) -> Image:
    """Adds Gaussian noise with a standard deviation of `deviation` grey levels; the key selects the noise."""
    noisy = cv2.add(image, noise(key, image.shape) * np.float32(deviation), dtype=cv2.CV_8U)  # rounded and clipped
    return np.asarray(noisy, dtype=np.uint8).reshape(image.shape)


def erase(image: Image, erased: Erased, value: float) -> Image:
    """Fills a rectangle with one grey level. A rectangle larger than the image is clipped to it."""
    height, width = image.shape[:2]
    pixels = erased.area * height * width
    down = min(height, max(1, round(math.sqrt(pixels / erased.ratio))))
    across = min(width, max(1, round(math.sqrt(pixels * erased.ratio))))
    top, left = int(erased.top * (height - down + 1)), int(erased.left * (width - across + 1))
    return _painted(image, (top, top + down, left, left + across), value)


def cut_out(image: Image, cut: Cut, value: float) -> Image:
    """Fills a square with one grey level."""
    height, width = image.shape[:2]
    side = max(1, round(cut.side * min(height, width)))
    top, left = int(cut.y * height) - side // 2, int(cut.x * width) - side // 2
    return _painted(image, (max(0, top), top + side, max(0, left), left + side), value)


def _painted(image: Image, box: tuple[int, int, int, int], value: float) -> Image:
    top, bottom, left, right = box
    result = image.copy()
    result[top:bottom, left:right] = round(value)
    return result
