"""Pictures as PNG, and sheets of photos as JPEG."""

import io
import zlib

from PIL import Image

_LEVEL = 1  # zlib's level, of 9: half the time of 6, and a tenth larger
_RUNS = zlib.Z_RLE  # its strategy: looks for runs only, which pictures of enlarged maps consist of
_QUALITY = 90  # of JPEG, of 100


def png_of(picture: Image.Image) -> bytes:
    """Encodes a picture as PNG."""
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=_LEVEL, compress_type=_RUNS)
    return file.getvalue()


def jpeg_of(picture: Image.Image) -> bytes:
    """Encodes a sheet of photos as JPEG: a tenth of PNG's time, and a quarter of its bytes."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY, subsampling=0)  # the captions stay sharp
    return file.getvalue()
