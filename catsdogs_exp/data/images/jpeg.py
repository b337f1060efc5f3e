"""Decodes JPEGs through TurboJPEG's interface to libjpeg, which Pillow uses, too: the same pixels with less overhead.

It decodes what can be read without a warning, in full or at 1/2, 1/4 or 1/8 of the size; everything else is left to
Pillow. It also reports libjpeg's warnings, which Pillow hides: a JPEG without its second half decodes with a grey half.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from catsdogs_exp.data.images.formats import FORMATS

FACTORS = (8, 4, 2)
"""Factors by which libjpeg can shrink an image while decoding."""

# Colour spaces that libjpeg converts to RGB itself, by simplejpeg's names.
_COLOURS = ("Gray", "YCbCr", "RGB")
_MAGIC = b"\xff\xd8\xff"
_APP0, _APP1, _APP2, _APP15, _COMMENT = 0xE0, 0xE1, 0xE2, 0xEF, 0xFE  # APP1: EXIF and XMP; APP2: a second image
_MORE = (0, _APP1, _APP2)  # left to Pillow; 0: a malformed segment
_SCAN = 0xDA  # the pixels
_TABLES = 0xDB  # quantisation tables
_LUMINANCE = 3688  # the sum of the standard's luminance table, which is quality 50
_ORIENTATION = 0x0112
_GREY = 128  # what libjpeg fills in for missing pixels


@dataclass(frozen=True)
class Header:
    """The header of a JPEG.

    Attributes:
        width, height: pixels as stored, before rotation.
        grey: whether it has one channel.
        kind: Pillow's name, `JPEG` or `MPO` (several images in one file).
        orientation: EXIF orientation, 1 to 8.
        quality: as `quality_of` estimates it.
    """

    width: int
    height: int
    grey: bool
    kind: str
    orientation: int
    quality: int


def header_of(data: bytes) -> Header | None:
    """Parses the header of a grey or colour JPEG; returns None for other files and unusual JPEGs."""
    if not data.startswith(_MAGIC):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if colours not in _COLOURS:
            return None
        kind, orientation = "JPEG", 1
        quality, more = None, False
        for marker, begin, end in _segments(data):
            if marker == _TABLES and quality is None:
                quality = _quality_of_table(data, begin, end)
            elif marker in _MORE:
                more = True
        if more:
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            kind, orientation = image.format or "JPEG", orientation_of(image)
        return Header(width, height, colours == "Gray", kind, orientation, quality or 0)
    except Exception:  # Pillow can read it, or give the reason
        return None


def pixels_of(
    data: bytes, header: Header, factor: int = 1, scratch: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8] | None:
    """Decodes an intact JPEG, upright; returns None if libjpeg warns.

    Args:
        data: the file's bytes.
        header: its header.
        factor: 1, or one of `FACTORS`: the sides are divided by it, rounded up.
        scratch: memory for the result, uint8 [n], used if it fits.

    Returns:
        uint8 [height, width, 3].
    """
    height, width = -(-header.height // factor), -(-header.width // factor)
    smaller = {"min_height": height, "min_width": width, "min_factor": factor} if factor > 1 else {}
    buffer = scratch if scratch is not None and 3 * height * width <= scratch.size else None
    try:
        found = simplejpeg.decode_jpeg(data, "RGB", strict=True, buffer=buffer, **smaller)
    except Exception:  # Pillow can read it, or give the reason
        return None
    return turned(np.asarray(found, dtype=np.uint8), header.orientation)


def turned(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turns an image upright by its EXIF orientation: uint8 [h, w, 3]."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    across, down = mirrored(orientation)
    return pixels[:: -1 if down else 1, :: -1 if across else 1]


def mirrored(orientation: int) -> tuple[bool, bool]:
    """Returns whether turning an image upright moves its right edge to the left, and its lower edge to the top."""
    return orientation in (2, 3, 6, 7), orientation in (3, 4, 7, 8)


def orientation_of(image: Image.Image) -> int:
    """Returns 2 to 8 for an image that must be turned, otherwise 1."""
    if image.format == "JPEG" and "exif" not in image.info and "xmp" not in image.info:
        return 1  # nothing to parse: most photos
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
        return orientation if orientation in range(2, 9) else 1
    except Exception:  # corrupt EXIF is no reason to reject a good image
        return 1


def complaint(data: bytes) -> str:
    """Returns libjpeg's warning about a JPEG that decodes, without numbers; `truncated` if part of it is missing.

    Extraneous bytes are harmless (many photos of the Kaggle cats and dogs have some near their end); missing bytes are
    not.

    Returns:
        `corrupt JPEG data: extraneous bytes`, `truncated`, ..., or `""`.
    """
    bare = _without_remarks(data)  # warnings about them (an unknown JFIF version) would hide later ones
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(bare)
    except ValueError:
        return ""
    small = {"min_height": -(-height // 8), "min_width": -(-width // 8), "min_factor": 8}
    read = partial(simplejpeg.decode_jpeg, bare, "CMYK" if colours in ("CMYK", "YCCK") else "RGB", **small)
    try:
        read(strict=True)
        return ""
    except ValueError as error:
        warning = str(error)
    if not warning.startswith(("Corrupt JPEG data", "Premature", "Invalid", "Inconsistent")):
        return ""
    if "remature end" in warning:
        return "truncated"
    # Only the first warning is passed on: missing data after another warning shows as grey at the end.
    if not warning.endswith("before marker 0xd9"):  # the end of the image
        try:
            if bool((read(strict=False)[-1] == _GREY).all()):
                return "truncated"
        except ValueError:
            return ""
    what = re.sub(r"^Corrupt JPEG data: |\d+ (?=extraneous)| before marker.*| 0x\w+| instead of.*", "", warning)
    return f"corrupt JPEG data: {what}"


def quality_of(data: bytes) -> int:
    """Estimates the quality that a JPEG was written with, 1..100 on libjpeg's scale, from the sum of its first table.

    For programs with their own tables, this is the quality of equal coarseness. Below 15 the estimate is too high,
    because table entries are limited to 255. Returns 0 for files that are not JPEGs, or have no table before the
    pixels.
    """
    if data.startswith(_MAGIC):
        for marker, begin, end in _segments(data):
            if marker == _TABLES:
                return _quality_of_table(data, begin, end)
    return 0


def _quality_of_table(data: bytes, begin: int, end: int) -> int:
    """Estimates the quality from the first table of a segment; returns 0 if the table is cut."""
    wide = data[begin + 4] >> 4 if begin + 4 < len(data) else 0
    table = data[begin + 5 : min(end, begin + 5 + 64 * (1 + wide))]
    if len(table) < 64 * (1 + wide):
        return 0
    total = sum(table) if not wide else 256 * sum(table[::2]) + sum(table[1::2])
    scale = 100 * max(total, 1) / _LUMINANCE
    quality = 100 - scale / 2 if scale <= 100 else 5000 / scale
    return int(min(max(round(quality), 1), 100))


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yields marker, start and end of each segment before the pixels; a final marker of 0 if the file is malformed."""
    place, last = 2, len(data) - 3
    while place < last and data[place] == 0xFF:
        marker, end = data[place + 1], place + 2 + (data[place + 2] << 8) + data[place + 3]
        yield marker, place, end
        if marker == _SCAN:
            return
        place = end
    yield 0, place, place


def _without_remarks(data: bytes) -> bytes:
    """Returns the JPEG without application segments."""
    parts, place = [data[:2]], 2
    for marker, begin, end in _segments(data):
        if not (_APP0 <= marker <= _APP15 or marker == _COMMENT):
            parts.append(data[begin:end])
        place = end
    return b"".join([*parts, data[place:]])


def unread_kind(data: bytes) -> str | None:
    """Returns the kind of an unsupported JPEG: `12-bit JPEG`, `lossless JPEG`, `hierarchical JPEG`; or None."""
    if not data.startswith(_MAGIC):
        return None
    for marker, begin, _ in _segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # those are tables
            if data[begin + 4 : begin + 5] not in (b"\x08", b""):
                return f"{data[begin + 4]}-bit JPEG"
            if marker in (0xC3, 0xCB):
                return "lossless JPEG"
            if marker in (0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF):
                return "hierarchical JPEG"
    return None
