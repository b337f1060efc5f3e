"""Images with more than eight bits per pixel: from their values to grey levels 0 to 255.

The white level follows from the type where the type determines it: 65,535 for 16 bits, 4,095 for a TIFF with 12. Signed
and 32-bit integers and floats do not state their range, and a single image's maximum does not reveal it: a dark image
has a small maximum, too. So one range is chosen per type for the whole data set: the smallest of `RANGES` that contains
nine out of ten of its images. A single image outside any data set uses its own range.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

WHITE_LEVELS: Mapping[str, float] = {}
"""Pillow mode -> white level, for the modes whose type determines it."""

RANGES = {"F": (1.0, 255.0, 65535.0), "I": (255.0, 65535.0, 2.0**31 - 1, 2.0**32 - 1)}
"""Possible white levels for Pillow modes whose type does not determine it: floats and integers."""

_MOST = 0.9  # fraction of the images: a few outliers must not turn all others black
_BEYOND = 2.0  # floats overshoot after resizing or filtering: 1.02 does not mean 0 to 255
_BAND = 1 << 20  # values at a time
_PHOTOMETRIC, _BITS, _FORMAT = 262, 258, 339  # tags of TIFF
_WHITE_IS_ZERO, _UNSIGNED = 0, 1


def is_deep(mode: str) -> bool:
    """Returns whether images of this mode have more than eight bits per pixel: 16 or 32 bits, floats."""
    return mode in RANGES or mode.startswith("I;16")


@dataclass(frozen=True)
class Extent:
    """The range of values of a deep image.

    Attributes:
        peak: the largest finite value, 0 if there is none.
        oddities: those of `NaN`, `infinite values`, `values below 0` that occur.
    """

    peak: float
    oddities: tuple[str, ...]


def extent_of(image: Image.Image) -> Extent:
    """Returns the largest value of a decoded deep image, and which unusual values occur."""
    peak, nan, infinite, negative = 0.0, False, False, False
    for _, values in _bands(image):
        finite = values[np.isfinite(values)]
        peak = max(peak, float(finite.max(initial=0.0)))
        nan = nan or bool(np.isnan(values).any())
        infinite = infinite or bool(np.isinf(values).any())
        negative = negative or bool((finite < 0).any())
    found = {"NaN": nan, "infinite values": infinite, "values below 0": negative}
    return Extent(peak, tuple(name for name, there in found.items() if there))


def _bands(image: Image.Image) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Yields the values a few rows at a time, because all of them as float64 would take several times the image's
    memory.

    Yields:
        The rows and their values, float64 [rows, w], including NaN.
    """
    # A TIFF that does not state its format holds unsigned integers.
    unsigned = image.mode == "I" and _tag(image, _FORMAT, _UNSIGNED) == _UNSIGNED and _tag(image, _BITS) == 32
    rows = max(1, _BAND // image.width)
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        values = np.asarray(image.crop((0, top, image.width, bottom)))
        if unsigned:
            values = values.view(np.uint32)  # Pillow reads these as signed
        yield slice(top, bottom), values.astype(np.float64)


def range_of(mode: str, peak: float) -> float:
    """Returns the smallest range of a mode that contains a value."""
    beyond = _BEYOND if mode == "F" else 1.0
    return next((white for white in RANGES[mode] if peak <= beyond * white), RANGES[mode][-1])


def white_levels(modes: Sequence[str], peaks: NDArray[np.float64]) -> dict[str, float]:
    """Returns the white levels of a data set.

    Args:
        modes: Pillow modes of n images.
        peaks: float64 [n], the largest value of each.

    Returns:
        `{"F": 1.0}`, for the modes of `RANGES` that occur.
    """
    names = np.array(modes)
    found = {}
    for mode in RANGES:
        of_mode = peaks[names == mode] if len(names) else peaks
        if len(of_mode):
            # the value that this fraction of the images does not exceed
            found[mode] = range_of(mode, float(np.quantile(of_mode, _MOST, method="inverted_cdf")))
    return found


def grey_of(image: Image.Image, levels: Mapping[str, float] = WHITE_LEVELS) -> Image.Image:
    """Converts a decoded deep image to values 0 to 255; NaN becomes black.

    Args:
        image: an image of a deep mode.
        levels: white levels by mode; modes not listed use the image's own range.

    Returns:
        An image of mode `L`.
    """
    bits = _tag(image, _BITS)
    if image.mode in RANGES:
        white = levels.get(image.mode) or range_of(image.mode, extent_of(image).peak)
    else:
        white = 2.0**bits - 1 if bits else 65535.0
    inverted = _tag(image, _PHOTOMETRIC, None) == _WHITE_IS_ZERO  # Pillow inverts only up to eight bits
    transparent = image.info.get("transparency")
    grey = np.empty((image.height, image.width), np.uint8)
    for rows, values in _bands(image):
        if white == 65535 and image.mode not in RANGES:
            grey[rows] = values // 256  # the upper eight bits
        else:
            scaled = np.nan_to_num(values, nan=0.0, posinf=white, neginf=0.0) * (255 / white)
            grey[rows] = np.rint(np.clip(scaled, 0, 255))
        if inverted:
            grey[rows] = 255 - grey[rows]
        if isinstance(transparent, int):
            grey[rows][values == transparent] = 255  # over white
    return Image.fromarray(grey)


def _tag(image: Image.Image, number: int, otherwise: int | None = 0) -> int | None:
    """Returns the first value of a TIFF tag."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return otherwise
    value = image.tag_v2.get(number, otherwise)
    first = value[0] if isinstance(value, tuple) and value else value
    return int(first) if isinstance(first, int | float) else otherwise
