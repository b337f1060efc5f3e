"""Turns a file's bytes into the network's input: decoded, resized, with the right number of channels.

Phone photos are decoded at a reduced size. libjpeg can shrink an image by 2, 4 or 8 while decoding, for a fraction of
the work; but at edges and in noise the result is not the exact mean of the pixels it replaces. So it is used only where
the error averages out: for photos of `LARGE` pixels or more, as long as the shrunk image is still `MARGIN` times the
target in both directions. Compared with full decoding, the result then differs by at most 2 grey levels on photos, by
less than half a level on average; at the limit itself by 3 in noise and by 6 on black and white specks.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.images import decoding, jpeg, resizing
from catsdogs_exp.data.images.file_identity import read_file

LARGE = 4_000_000
"""JPEGs with at least this many pixels may be decoded smaller; others are decoded in full, whatever the target."""
MARGIN = 5
"""Minimum ratio of a shrunk image's sides to the target's."""

_SCRATCH = 16 * 2**20  # bytes
T = TypeVar("T")


class Settings(Protocol):
    """Settings for preparing images, from a loader's settings or the description of a trained network."""

    @property
    def target_size(self) -> tuple[int, int]:
        """Height, width."""

    @property
    def resize(self) -> str:
        """`stretch`, `crop`, `pad`."""

    @property
    def interpolation(self) -> str:
        """`nearest`, `bilinear`, `bicubic`, `lanczos`."""

    @property
    def channels(self) -> int:
        """3, or 1 for grey."""

    @property
    def pad_value(self) -> float:
        """0..255, the padding with `pad`."""


@dataclass(frozen=True)
class Preparation:
    """How images are prepared: `Settings`, and the white levels of images with more than 8 bits (`depth`), by mode."""

    target_size: tuple[int, int]
    resize: str = "stretch"
    interpolation: str = "bilinear"
    channels: int = 3
    pad_value: float = 0.0
    white_levels: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, how: Settings, white_levels: Mapping[str, float]) -> "Preparation":
        """Returns the preparation for these settings."""
        return cls(how.target_size, how.resize, how.interpolation, how.channels, how.pad_value, white_levels)


class _OfThread(threading.local):
    """Scratch memory of a thread for an image that is resized immediately: allocating it each time costs as much as
    resizing.
    """

    def __init__(self) -> None:
        self.scratch = np.empty(_SCRATCH, dtype=np.uint8)  # the system provides it on first write


_thread = _OfThread()


def read_image(path: Path, how: Preparation) -> NDArray[np.uint8]:
    """Reads one file at the network's size.

    Returns:
        uint8 [height, width, channels].

    Raises:
        Undecodable: with the reason.
        OSError: if the file cannot be read.
    """
    return image_of(read_file(path)[0], how)


def read_or_reason(read: Callable[[], T]) -> T | str:
    """Returns the result of `read`, or why the file has no pixels: `truncated`, `cannot be read: Permission denied`."""
    try:
        return read()
    except decoding.Undecodable as error:
        return str(error)
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def image_of(data: bytes, how: Preparation) -> NDArray[np.uint8]:
    """Prepares the image in a file's bytes like `read_image`."""
    pixels, region = _decoded_smaller(data, how) or (decoding.pixels(data, _thread.scratch, how.white_levels), None)
    fitted = fit(pixels, how, region)
    return fitted.copy() if np.may_share_memory(fitted, _thread.scratch) else fitted


def fit(pixels: NDArray[np.uint8], how: Preparation, region: resizing.Box | None = None) -> NDArray[np.uint8]:
    """Resizes decoded pixels, uint8 [h, w, 3], to the network's size; `region` as in `resizing.resized`."""
    fitted = resizing.resized(pixels, how.target_size, how.resize, how.interpolation, how.pad_value, region)
    return resizing.grey(fitted) if how.channels == 1 else fitted


def _decoded_smaller(data: bytes, how: Preparation) -> tuple[NDArray[np.uint8], resizing.Box] | None:
    """Decodes a large photo at 1/2, 1/4 or 1/8 of its size; returns its region in the array, too. None for all
    others.
    """
    header = jpeg.header_of(data)
    if header is None or not LARGE <= header.width * header.height <= decoding.MAX_PIXELS:
        return None
    size = (header.height, header.width)
    factor = reduction(size if header.orientation < 5 else size[::-1], how)
    pixels = jpeg.pixels_of(data, header, factor, _thread.scratch) if factor > 1 else None
    if pixels is None:
        return None
    height, width = (side / factor for side in (size if header.orientation < 5 else size[::-1]))
    across, down = jpeg.mirrored(header.orientation)
    # The last column stands for fewer than `factor` pixels if the size is not a multiple of it.
    left, top = (pixels.shape[1] - width if across else 0.0), (pixels.shape[0] - height if down else 0.0)
    return pixels, (left, top, width, height)


def reduction(size: tuple[int, int], how: Preparation) -> int:
    """Returns the factor by which a large JPEG is decoded smaller: 8, 4 or 2; 1: not at all.

    Args:
        size: height, width of the upright image.
        how: target size and method. Never reduced with `nearest`, which takes single pixels.
    """
    if how.interpolation == "nearest":
        return 1
    # The number of pixels that contribute to one pixel of the result.
    down, across = size[0] / how.target_size[0], size[1] / how.target_size[1]
    if resizing.evaluated_as(how.resize) == "crop":
        down = across = min(down, across)
    elif how.resize == "pad":
        down = across = max(down, across)
    return next((factor for factor in jpeg.FACTORS if min(down, across) / factor >= MARGIN), 1)
