"""Saves an image as a file, intact or damaged in one of the ways found in real image folders."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

from PIL import Image, ImageDraw

KINDS: tuple[str, ...] = (
    "empty",
    "truncated",
    "text",
    "wrong_extension",
    "exif_rotated",
    "grey",
    "cmyk",
    "palette",
    "alpha",
)
"""The ways in which `save` can damage a file."""

UNUSABLE: tuple[str, ...] = ("empty", "truncated", "text")
"""The kinds that no decoder can read; the others only need a careful decoder."""

QUALITY = 90

_ORIENTATION = 0x0112
# For each EXIF orientation, the transposition that the tag undoes.
_STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def orientation(path: Path) -> int:
    """The EXIF orientation, 2 to 8, of the `exif_rotated` file with this name."""
    return 2 + zlib.crc32(path.name.encode()) % len(_STORED)


def save(image: Image.Image, path: Path, kind: str | None = None) -> Path:
    """Saves an image; its folder must exist.

    Args:
        image: an RGB image.
        path: ends in `.jpg`.
        kind: one of `KINDS`. Defaults to None: an ordinary JPEG.

    Returns:
        The path written: `path`, but with the suffix `.png` for `palette` and `alpha`.

    Raises:
        ValueError: if `kind` is not one of `KINDS`.
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(f"Unknown kind. Available: {', '.join(KINDS)}. Received: kind={kind!r}")
    if kind in ("palette", "alpha"):
        path = path.with_suffix(".png")
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "truncated":
        whole = _jpeg(image)
        path.write_bytes(whole[: len(whole) * 2 // 5])
    elif kind == "text":
        path.write_text(
            "<html>\n<head><title>404 Not Found</title></head>\n<body>No such picture.</body>\n</html>\n",
            encoding="utf-8",
        )
    elif kind == "wrong_extension":
        image.save(path, "PNG")
    elif kind == "exif_rotated":
        turn = orientation(path)
        exif = Image.Exif()
        exif[_ORIENTATION] = turn
        path.write_bytes(_jpeg(image.transpose(_STORED[turn]), exif))
    elif kind == "grey":
        path.write_bytes(_jpeg(image.convert("L")))
    elif kind == "cmyk":
        path.write_bytes(_jpeg(image.convert("CMYK")))
    elif kind == "palette":
        image.convert("P", palette=Image.Palette.ADAPTIVE).save(path, "PNG")
    elif kind == "alpha":
        _with_alpha(image).save(path, "PNG")
    else:
        path.write_bytes(_jpeg(image))
    return path


def _jpeg(image: Image.Image, exif: Image.Exif | None = None) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY, exif=exif or Image.Exif())
    return file.getvalue()


def _with_alpha(image: Image.Image) -> Image.Image:
    """The image, opaque inside an ellipse and half to fully transparent outside it."""
    alpha = Image.linear_gradient("L").resize(image.size).point(lambda value: value // 2)
    ImageDraw.Draw(alpha).ellipse((0, 0, image.width - 1, image.height - 1), fill=255)
    cut = image.convert("RGB")
    cut.putalpha(alpha)
    return cut
