"""The one decoder: inspection, training and prediction all see the pixels that come from here."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from catsdogs_exp.data.images import resizing
from catsdogs_exp.data.images.file_identity import read_file
from catsdogs_exp.data.images.formats import FORMATS, is_extension_of, unread_format
from catsdogs_exp.process import pillow_warnings_ignored

# Pillow knows a format once its plugin is imported; only these are ever used.
_PLUGINS = (BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin)

# Changed whenever the same file would give other pixels; part of every cache key.
VERSION = 3
MAX_PIXELS = 178_956_970  # Pillow's own limit against decompression bombs
_BAND = 1 << 22  # pixels
_ORIENTATION = 0x0112
# What makes a picture upright again, by its EXIF orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Of ordinary JPEGs: colours that libjpeg brings to RGB by itself, as simplejpeg calls them.
_COLOURS = ("Gray", "YCbCr", "RGB")
_JPEG = b"\xff\xd8\xff"
_APP1, _APP2, _SCAN = 0xE1, 0xE2, 0xDA  # where EXIF and XMP stand; several pictures, or a profile; the pixels
_SCRATCH = 16 * 2**20  # bytes


class Undecodable(Exception):
    """A file without a usable picture. The message is the reason: `empty`, `not an image`, `truncated`, ..."""


class TooLarge(Undecodable):
    """More pixels than allowed: a decompression bomb, or a scan that nobody meant to train on."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__("too large")
        self.width, self.height = width, height


@dataclass(frozen=True)
class Look:
    """A picture as inspection sees it.

    Attributes:
        small: RGB, upright; of a JPEG in 1, 1/2, 1/4 or 1/8 of its size, of others in full.
        width, height: pixels of the whole picture, upright.
        kind: Pillow's name of the format, `JPEG`.
        mode: Pillow's name of the pixels' layout in the file, `RGB`.
        note: what is odd about it: `named .jpg, is PNG, palette`, or `""`.
    """

    small: Image.Image
    width: int
    height: int
    kind: str
    mode: str
    note: str


def decode(data: bytes) -> Image.Image:
    """Decodes a JPEG, PNG, GIF, BMP, WebP or TIFF to upright RGB.

    EXIF orientation is applied, transparency laid over white, CMYK, palette, grey and 16-bit pictures
    converted; of an animation the first frame is taken, of several pages the first.

    Raises:
        Undecodable: with the reason `empty`, `not an image`, `unsupported format: HEIC`, `truncated`,
            `too large` or `undecodable`.
    """
    with _reasons(data):
        image = _open(data, MAX_PIXELS)
        image.load()
        return _to_rgb(_turned(image, _orientation(image)))


def look(data: bytes, suffix: str | None, at_least: int, max_pixels: int = MAX_PIXELS) -> Look:
    """Finds out whether `decode` would succeed, and what is odd about the file, in less time.

    Of a JPEG the whole stream is read, as for decoding; but libjpeg is asked for a smaller picture, which spares
    most of the transform. What can be wrong with a JPEG shows in the stream, so the answer is the same.

    Args:
        data: the file's bytes.
        suffix: the file name's extension (`.jpg`), held against the format; None to leave that out.
        at_least: pixels that each side of the small picture keeps, where the picture has them.
        max_pixels: a picture of more is refused unread.

    Raises:
        Undecodable: as `decode` does.
        TooLarge: for more than `max_pixels`.
    """
    found = _ordinary_look(data, suffix, at_least, min(max_pixels, MAX_PIXELS))
    if found is not None:
        return found
    with _reasons(data):
        image = _open(data, min(max_pixels, MAX_PIXELS))
        size, mode, kind = image.size, image.mode, image.format or ""
        if isinstance(image, JpegImagePlugin.JpegImageFile):
            image.draft(None, (at_least, at_least))
        image.load()
        orientation = _orientation(image)
        small = _to_rgb(_turned(image, orientation))
        width, height = size if orientation < 5 else size[::-1]
        return Look(small, width, height, kind, mode, _note(image, kind, mode, orientation, suffix))


def _ordinary_look(data: bytes, suffix: str | None, at_least: int, max_pixels: int) -> Look | None:
    """The same of a colour JPEG that stands upright, is whole and has nothing to be noted; else None."""
    if not data.startswith(_JPEG) or (suffix is not None and not is_extension_of(suffix, "JPEG")):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if colours not in _COLOURS[1:] or height * width > max_pixels or _has_segment(data, (_APP1, _APP2)):
            return None
        scale = min(width // at_least, height // at_least)
        factor = next((each for each in (8, 4, 2) if scale >= each), 1)  # as Pillow's `draft` has it
        smaller = {"min_height": -(-height // factor), "min_width": -(-width // factor), "min_factor": factor}
        small = simplejpeg.decode_jpeg(data, "RGB", strict=True, **(smaller if factor > 1 else {}))
        return Look(Image.fromarray(small), width, height, "JPEG", "RGB", "")
    except Exception:  # Pillow knows better, or knows the reason
        return None


def _open(data: bytes, max_pixels: int) -> Image.Image:
    if not data:
        raise Undecodable("empty")
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    if image.width * image.height > max_pixels:
        raise TooLarge(image.width, image.height)
    return image


@contextmanager
def _reasons(data: bytes) -> Iterator[None]:
    """Turns what Pillow raises into `Undecodable`."""
    try:
        with pillow_warnings_ignored():
            yield
    except Undecodable:
        raise
    except UnidentifiedImageError as error:
        kind = unread_format(data)
        raise Undecodable(f"unsupported format: {kind}" if kind else "not an image") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooLarge(0, 0) from error
    except Exception as error:  # Pillow's decoders raise almost anything on damaged bytes
        cut = any(word in str(error).lower() for word in ("truncated", "eof", "unexpected end", "not enough"))
        raise Undecodable("truncated" if cut else "undecodable") from error


def pixels(data: bytes, scratch: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """What `decode` returns as an array, the very same values, of ordinary JPEGs in less time.

    Those are decoded by TurboJPEG's interface to the library that Pillow uses as well, without Pillow's way around
    it. Whatever it does not read without a warning is left to Pillow.

    Args:
        data: the file's bytes.
        scratch: memory for the result, uint8 [n], used if the picture is an ordinary JPEG and fits.

    Returns:
        uint8 [height, width, 3].

    Raises:
        Undecodable: as `decode` does.
    """
    found = _ordinary_jpeg(data, scratch)
    return np.asarray(decode(data), dtype=np.uint8) if found is None else found


class _OfThread(threading.local):
    """Memory for a picture that is resized at once: to ask the system for it each time costs as much as resizing."""

    def __init__(self) -> None:
        self.scratch = np.empty(_SCRATCH, dtype=np.uint8)  # the system gives it when it is written to


_thread = _OfThread()


def _ordinary_jpeg(data: bytes, scratch: NDArray[np.uint8] | None = None) -> NDArray[np.uint8] | None:
    """The pixels of a grey or colour JPEG that stands upright and is whole, in `scratch` if they fit; else None."""
    if not data.startswith(_JPEG):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if colours not in _COLOURS or height * width > MAX_PIXELS:
            return None
        if _has_segment(data, (_APP1,)) and _orientation(Image.open(io.BytesIO(data), formats=FORMATS)) != 1:
            return None
        buffer = scratch if scratch is not None and 3 * height * width <= scratch.size else None
        return np.asarray(simplejpeg.decode_jpeg(data, "RGB", strict=True, buffer=buffer), dtype=np.uint8)
    except Exception:  # Pillow knows better, or knows the reason
        return None


def _has_segment(data: bytes, kinds: tuple[int, ...]) -> bool:
    """Whether there is a segment of these kinds ahead of the pixels, or one that is odd."""
    place = 2
    while place + 3 < len(data) and data[place] == 0xFF:
        if data[place + 1] == _SCAN:
            return False
        if data[place + 1] in kinds:
            return True
        place += 2 + (data[place + 2] << 8) + data[place + 3]
    return True


def read_image(  # noqa: PLR0913  (settings of the loader, by their own names)
    path: Path,
    target_size: tuple[int, int],
    interpolation: str,
    channels: int = 3,
    resize: str = "stretch",
    pad_value: float = 0.0,
) -> NDArray[np.uint8]:
    """Reads one file at the network's size.

    Args:
        path: the file.
        target_size: height, width.
        interpolation, resize, pad_value: as `resizing.resized` has them.
        channels: 3, or 1 for the picture in grey (ITU-R 601 luma).

    Returns:
        uint8 [height, width, channels].

    Raises:
        Undecodable: with the reason.
        OSError: when the file cannot be read.
    """
    return image_of(read_file(path)[0], target_size, interpolation, channels, resize, pad_value)


def image_of(  # noqa: PLR0913  (settings of the loader, by their own names)
    data: bytes,
    target_size: tuple[int, int],
    interpolation: str,
    channels: int = 3,
    resize: str = "stretch",
    pad_value: float = 0.0,
) -> NDArray[np.uint8]:
    """The picture that a file's bytes hold, at the network's size: as `read_image` gives it."""
    whole = pixels(data, _thread.scratch)
    fitted = resizing.resized(whole, target_size, resize, interpolation, pad_value)
    if channels == 1:
        return resizing.grey(fitted)
    return fitted.copy() if fitted is whole else fitted


def _orientation(image: Image.Image) -> int:
    """2 to 8 for a picture that has to be turned, else 1. (Of TIFFs Pillow turns and clears it when it loads.)"""
    if image.format == "JPEG" and "exif" not in image.info and "xmp" not in image.info:
        return 1  # nothing to parse: most photos
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
        return orientation if orientation in _TURNS else 1
    except Exception:  # corrupt EXIF is no reason to lose a good picture
        return 1


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    return image if orientation == 1 else image.transpose(_TURNS[orientation])


def _note(image: Image.Image, kind: str, mode: str, orientation: int, suffix: str | None) -> str:
    """What is odd about a picture that decodes."""
    notes = []
    if suffix is not None and not is_extension_of(suffix, kind):
        notes.append(f"named {suffix or 'without extension'}, is {kind}")
    if kind != "MPO" and _has_more(image):
        notes.append("several pages" if kind == "TIFF" else "animated")
    if mode != "RGB":
        notes.append({"L": "grey", "P": "palette", "1": "black and white"}.get(mode, mode))
    if orientation > 1:
        notes.append(f"EXIF orientation {orientation}")
    return ", ".join(notes)


def _has_more(image: Image.Image) -> bool:
    """Whether there are frames or pages behind the first; what cannot be read of them does not matter."""
    if image.format == "JPEG":
        return False
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:
        return False


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
        return _over_white(image)
    return image.convert("RGB")


def _over_white(image: Image.Image) -> Image.Image:
    """In bands, because a large picture would need four times its memory at once."""
    result = Image.new("RGB", image.size)
    rows = max(1, _BAND // image.width)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height))).convert("RGBA")
        white = Image.new("RGBA", band.size, (255, 255, 255, 255))
        result.paste(Image.alpha_composite(white, band).convert("RGB"), (0, top))
    return result
