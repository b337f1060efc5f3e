"""Pictures as PNG."""

import io
import zlib

from PIL import Image

_LEVEL = 1  # zlib's level, of 9: half the time of 6, and a tenth larger
_RUNS = zlib.Z_RLE  # its strategy: looks for runs only, which pictures of enlarged maps consist of


def png_of(picture: Image.Image) -> bytes:
    """Encodes a picture as PNG."""
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=_LEVEL, compress_type=_RUNS)
    return file.getvalue()
