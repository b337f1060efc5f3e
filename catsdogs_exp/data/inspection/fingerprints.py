"""Fingerprints of images: a perceptual hash, and the mean and spread of the colours."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 32
"""Pixels per side of the thumbnail used for fingerprints."""

_LOW = 8
_EDGE = 3  # pixels of the border: a tenth of the side
_BLOCK = 16  # images at a time: intermediate results stay in the processor's cache
_FLAT = 8.0  # grey levels: an image with less contrast has no features to hash
_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def _cosines() -> NDArray[np.float32]:
    """The lowest `_LOW` rows of the DCT-II of length `SIDE`, float32 [8, 32]."""
    frequency, place = np.arange(_LOW)[:, None], np.arange(SIDE)[None]
    cosines: NDArray[np.float32] = np.cos(np.pi / SIDE * (place + 0.5) * frequency).astype(np.float32)
    return cosines


_DCT = _cosines()


def shrunk(image: Image.Image) -> NDArray[np.uint8]:
    """An RGB picture as uint8 [32, 32, 3], stretched and antialiased."""
    if min(image.size) >= 4 * SIDE:  # far cheaper, and the antialiasing afterwards smooths its errors
        image = image.reduce((image.width // (2 * SIDE), image.height // (2 * SIDE)))
    small = image if image.size == (SIDE, SIDE) else image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.frombuffer(small.tobytes(), dtype=np.uint8).reshape(SIDE, SIDE, 3)


def perceptual_hashes(pictures: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Hashes that differ in few bits for images that look alike: resized, recompressed, slightly retouched.

    A bit says whether one of the 8 x 8 lowest coefficients of the grey image's cosine transform exceeds their median
    (Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010).

    Args:
        pictures: uint8 [n, 32, 32, 3].

    Returns:
        int64 [n]; 0 for images of a single colour, which have no distinguishing features.
    """
    grey = (pictures.reshape(-1, 3) @ _GREY).reshape(-1, SIDE, SIDE)
    low = (_DCT @ grey @ _DCT.T).reshape(len(pictures), -1)
    bits = low > np.median(low, axis=1, keepdims=True)
    hashes = np.packbits(bits, axis=1).view(">i8")[:, 0].astype(np.int64)
    flat = grey.reshape(len(pictures), -1)
    hashes[flat.max(axis=1) - flat.min(axis=1) < _FLAT] = 0
    return hashes


def borders(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The mean red, green and blue of the outer tenth of pictures: float32 [n, 3], 0..255.

    Args:
        pictures: uint8 [n, 32, 32, 3].
    """
    ring = np.ones((SIDE, SIDE), np.float32)
    ring[_EDGE:-_EDGE, _EDGE:-_EDGE] = 0
    weights = (ring / ring.sum()).reshape(-1)
    found = np.empty((len(pictures), 3), np.float32)
    for start in range(0, len(pictures), _BLOCK):
        part = slice(start, start + _BLOCK)
        found[part] = weights @ pictures[part].reshape(-1, SIDE * SIDE, 3).astype(np.float32)
    return found


def is_flat(image: Image.Image) -> bool:
    """Returns whether an RGB image has a single colour, within a few levels."""
    extrema: Any = image.getextrema()  # needs no memory, unlike an array of the pixels
    return all(high - low < _FLAT for low, high in extrema)


def is_flat_thumbnail(picture: NDArray[np.uint8]) -> bool:
    """The same for an RGB picture as uint8 [32, 32, 3]."""
    reds = picture.reshape(-1)[:: 3 * SIDE].tobytes()  # one per row: hardly any picture needs a closer look
    if max(reds) - min(reds) >= _FLAT:
        return False
    return bool((np.ptp(picture, axis=(0, 1)) < _FLAT).all())


def colours(pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation of red, green and blue: float32 [n, 3] each, 0..255.

    Args:
        pictures: uint8 [n, 32, 32, 3].
    """
    mean, std = np.empty((2, len(pictures), 3), dtype=np.float32)
    weights = np.full(SIDE * SIDE, 1 / (SIDE * SIDE), dtype=np.float32)
    for start in range(0, len(pictures), _BLOCK):
        part = slice(start, start + _BLOCK)
        flat = pictures[part].reshape(-1, SIDE * SIDE, 3).astype(np.float32)
        # one product each: NumPy's reductions over a short last axis take ten times as long
        mean[part] = weights @ flat
        flat -= np.tile(mean[part], SIDE * SIDE).reshape(flat.shape)  # faster than broadcasting over pixels
        std[part] = np.sqrt(weights @ (flat * flat))
    return mean, std
