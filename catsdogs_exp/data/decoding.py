"""The one decoder: inspection, training and prediction all see the pixels that come from here."""

import io
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

# Pillow knows a format once its plugin is imported; only these are ever used.
_PLUGINS = (BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin)
# Pillow warns of corrupt EXIF and the like on stderr; what is wrong with a file is for its verdict to say.
warnings.filterwarnings("ignore", module=r"PIL\.")

# Changed whenever the same file would give other pixels; part of every cache key.
VERSION = 1
# MPO, a JPEG of phones with a second picture, comes through JPEG.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "DIB", "WEBP", "TIFF")
MAX_PIXELS = 178_956_970  # Pillow's own limit against decompression bombs
_EXTENSIONS = {
    "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif"},
    "MPO": {".jpg", ".jpeg", ".mpo"},
    "PNG": {".png"},
    "GIF": {".gif"},
    "BMP": {".bmp", ".dib"},
    "DIB": {".bmp", ".dib"},
    "WEBP": {".webp"},
    "TIFF": {".tif", ".tiff"},
}
_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


class Undecodable(Exception):
    """A file without a usable picture. The message is the reason: empty, not an image, truncated, ..."""


def decode(data: bytes) -> Image.Image:
    """Decodes a JPEG, PNG, GIF, BMP, WebP or TIFF to upright RGB.

    EXIF orientation is applied, transparency laid over white, CMYK, palette, grey and 16-bit pictures
    converted; of an animation the first frame is taken.

    Raises:
        Undecodable: with the reason `empty`, `not an image`, `truncated`, `too large` or `undecodable`.
    """
    return decode_with_note(data, None)[0]


def decode_with_note(data: bytes, suffix: str | None) -> tuple[Image.Image, str]:
    """Decodes as `decode` does and says what is odd about the file.

    Args:
        data: the file's bytes.
        suffix: the file name's extension (`.jpg`), held against the format; None to leave that out.

    Returns:
        The picture and a note such as `named .jpg, is PNG, palette`, or `""`.
    """
    if not data:
        raise Undecodable("empty")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        if image.width * image.height > MAX_PIXELS:
            raise Undecodable("too large")
        image.load()
        note = _note(image, suffix)
        return _to_rgb(_upright(image)), note
    except Undecodable:
        raise
    except UnidentifiedImageError as error:
        raise Undecodable("not an image") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Undecodable("too large") from error
    except Exception as error:  # Pillow's decoders raise almost anything on damaged bytes
        cut = any(word in str(error).lower() for word in ("truncated", "eof", "unexpected end", "not enough"))
        raise Undecodable("truncated" if cut else "undecodable") from error


def resize(
    image: Image.Image, target_size: tuple[int, int], interpolation: str, channels: int = 3
) -> NDArray[np.uint8]:
    """Stretches an RGB picture to `target_size` (height, width).

    Returns:
        uint8 [height, width, channels]. All interpolations but nearest antialias when they shrink.
    """
    height, width = target_size
    if image.size != (width, height):
        image = image.resize((width, height), _RESAMPLING[interpolation])
    if channels == 1:
        return np.asarray(image.convert("L"), dtype=np.uint8)[..., None]
    return np.asarray(image, dtype=np.uint8)


def read_image(path: Path, target_size: tuple[int, int], interpolation: str, channels: int = 3) -> NDArray[np.uint8]:
    """Reads one file as uint8 [height, width, channels]; one channel is the picture in grey (ITU-R 601 luma).

    Raises:
        Undecodable: with the reason.
        OSError: when the file cannot be read.
    """
    return resize(decode(path.read_bytes()), target_size, interpolation, channels)


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # corrupt EXIF is no reason to lose a good picture
        return image


def _note(image: Image.Image, suffix: str | None) -> str:
    """What is odd about a picture that decodes."""
    notes = []
    kind = image.format or ""
    if suffix is not None and suffix.lower() not in _EXTENSIONS[kind]:
        notes.append(f"named {suffix or 'without extension'}, is {kind}")
    if getattr(image, "n_frames", 1) > 1 and kind != "MPO":
        notes.append("animated")
    if image.mode != "RGB":
        notes.append({"L": "grey", "P": "palette", "1": "black and white"}.get(image.mode, image.mode))
    try:
        orientation = image.getexif().get(0x0112, 1)
    except Exception:  # corrupt EXIF is tolerated here as in _upright
        orientation = 1
    if orientation in range(2, 9):
        notes.append(f"EXIF orientation {orientation}")
    return ", ".join(notes)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16"):  # 16 bits: keep the upper eight; Pillow's own conversion would clip
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        values = np.asarray(image, dtype=np.float64)
        scale = 255 / 65535 if values.max(initial=0) > 255 else 1.0
        return Image.fromarray(np.clip(values * scale, 0, 255).astype(np.uint8)).convert("RGB")
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")
