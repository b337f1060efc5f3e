"""Pictures as PNG."""

import io

from PIL import Image

_LEVEL = 1  # zlib's level, of 9: half the time of 6, and a tenth larger


def png_of(picture: Image.Image) -> bytes:
    """A picture encoded as PNG."""
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=_LEVEL)
    return file.getvalue()
