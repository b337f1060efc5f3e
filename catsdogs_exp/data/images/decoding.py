"""The decoder shared by inspection, training and prediction."""

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
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

from catsdogs_exp.data.images import depth, jpeg
from catsdogs_exp.data.images.formats import FORMATS, is_cut, is_extension_of, misread_tiff, unread_format, unread_tiff
from catsdogs_exp.data.images.tiff_planes import UnreadPlanes, correct_planes, with_one_plane
from catsdogs_exp.process import pillow_warnings_ignored

# Pillow supports a format once its plugin is imported; only these are used.
_PLUGINS = (BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin)

# Part of every cache key. Change it whenever the same file would give different pixels.
VERSION = 6
MAX_PIXELS = 178_956_970  # Pillow's own limit against decompression bombs
_BAND = 1 << 22  # pixels
_PALETTE = 320  # tag of a TIFF
_CUT = ("truncated", "eof", "unexpected end", "not enough")  # in Pillow's messages
# Transposition that makes an image upright, by EXIF orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Undecodable(Exception):
    """An unreadable file. The message is the reason: `empty`, `not an image`, `truncated`, ..."""


class TooLarge(Undecodable):
    """More pixels than allowed: a decompression bomb, or a scan not meant for training."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__("too large")
        self.width, self.height = width, height


@dataclass(frozen=True)
class Examined:
    """The result of examining an image for inspection.

    Attributes:
        pixels: RGB, upright; JPEGs at 1, 1/2, 1/4 or 1/8 of their size, other formats in full. Ordinary JPEGs as
            uint8 [h, w, 3], because creating a Pillow image takes nearly as long as decoding a small JPEG.
        width, height: pixels of the full image, upright.
        kind: Pillow's name of the format, `JPEG`.
        mode: Pillow's name of the pixel layout in the file, `RGB`.
        note: oddities: `named .jpg, is PNG, palette`, or `""`.
        quality: estimated quality of a JPEG, 1..100; 0 if unknown.
        peak: the largest value of an image with more than 8 bits, otherwise 0; `pixels` are scaled by its own range.
    """

    pixels: Image.Image | NDArray[np.uint8]
    width: int
    height: int
    kind: str
    mode: str
    note: str
    quality: int
    peak: float = 0.0

    @property
    def small(self) -> Image.Image:
        """The pixels as a Pillow image."""
        if isinstance(self.pixels, Image.Image):
            return self.pixels
        return Image.fromarray(np.ascontiguousarray(self.pixels))


def decode(data: bytes, levels: Mapping[str, float] = depth.WHITE_LEVELS) -> Image.Image:
    """Decodes a JPEG, PNG, GIF, BMP, WebP or TIFF to upright RGB.

    EXIF orientation is applied, transparency composited over white, and CMYK, palette, grey and 16-bit images are
    converted; animations and multi-page files yield their first frame or page. Values of more than 8 bits become grey
    levels as described in `depth`, with the white levels in `levels`.

    Raises:
        Undecodable: with the reason `empty`, `not an image`, `unsupported format: HEIC`, `truncated`, `too large` or
            `undecodable`.
    """
    with _reasons(data):
        image = _open(data, MAX_PIXELS)
        orientation = _loaded(image)
        _complaint(data, image)
        return _turned(_to_rgb(image, levels), image, orientation)


def examine(data: bytes, suffix: str | None, at_least: int, max_pixels: int = MAX_PIXELS) -> Examined:
    """Determines, faster than `decode`, whether decoding would succeed, and what is unusual about the file.

    The whole stream of a JPEG is read, as in decoding, but libjpeg computes a smaller image, which saves most of the
    transform. All damage to a JPEG shows up in the stream, so the result is the same.

    Args:
        data: the file's bytes.
        suffix: the file name's extension (`.jpg`), compared with the format; None to skip this.
        at_least: minimum pixels per side of the small image, if the image has them.
        max_pixels: larger images are rejected without reading the pixels.

    Raises:
        Undecodable: as for `decode`.
        TooLarge: for more than `max_pixels`.
    """
    max_pixels = min(max_pixels, MAX_PIXELS)
    header = jpeg.header_of(data)
    if header is not None and header.width * header.height <= max_pixels:
        scale = min(header.width // at_least, header.height // at_least)
        factor = next((each for each in jpeg.FACTORS if scale >= each), 1)  # as Pillow's `draft` does
        small = jpeg.pixels_of(data, header, factor)
        if small is not None:
            mode, size = "L" if header.grey else "RGB", (header.width, header.height)
            note = _note(header.kind, mode, header.orientation, suffix, ())
            width, height = size if header.orientation < 5 else size[::-1]
            return Examined(small, width, height, header.kind, mode, note, header.quality)
    with _reasons(data):
        image = _open(data, max_pixels)
        size, mode, kind = image.size, image.mode, image.format or ""
        if isinstance(image, JpegImagePlugin.JpegImageFile):
            image.draft(None, (at_least, at_least))
        orientation = _loaded(image)
        more = [_complaint(data, image), "" if kind == "MPO" else _frames(image)]
        peak = 0.0
        if depth.is_deep(mode):
            extent = depth.extent_of(image)
            peak = extent.peak
            more += extent.oddities
        small_image = _turned(_to_rgb(image), image, orientation)
        width, height = size if orientation < 5 or kind == "TIFF" else size[::-1]
        note = _note(kind, mode, orientation, suffix, more)
        return Examined(small_image, width, height, kind, mode, note, jpeg.quality_of(data), peak)


def check_size(data: bytes, max_pixels: int) -> None:
    """Rejects an image with too many pixels by its header, before memory is allocated for them.

    Raises:
        Undecodable: if there is no header.
        TooLarge: for more than `max_pixels`.
    """
    with _reasons(data):
        _open(data, max_pixels)


def _open(data: bytes, max_pixels: int) -> Image.Image:
    if not data:
        raise Undecodable("empty")
    image = Image.open(io.BytesIO(with_one_plane(data)), formats=FORMATS)
    if image.width * image.height > max_pixels:
        raise TooLarge(image.width, image.height)
    if kind := misread_tiff(image, data):
        raise Undecodable(f"unsupported format: {kind}")
    return image


@contextmanager
def _reasons(data: bytes) -> Iterator[None]:
    """Converts Pillow's exceptions into `Undecodable`."""
    try:
        with pillow_warnings_ignored():
            yield
    except Undecodable:
        raise
    except UnreadPlanes as error:
        raise Undecodable(f"unsupported format: {unread_tiff(data)}, in planes") from error
    except UnidentifiedImageError as error:
        kind = unread_format(data) or jpeg.unread_kind(data) or unread_tiff(data)
        if kind:
            raise Undecodable(f"unsupported format: {kind}") from error
        if is_cut(data):
            raise Undecodable("truncated") from error
        pointer = data.startswith(b"version https://git-lfs")
        raise Undecodable("pointer of Git LFS (git lfs pull)" if pointer else "not an image") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooLarge(0, 0) from error
    except Exception as error:  # Pillow's decoders may raise anything on damaged bytes
        if kind := jpeg.unread_kind(data):
            raise Undecodable(f"unsupported format: {kind}") from error
        cut = is_cut(data) or any(word in str(error).lower() for word in _CUT)
        raise Undecodable("truncated" if cut else "undecodable") from error


def pixels(
    data: bytes, scratch: NDArray[np.uint8] | None = None, levels: Mapping[str, float] = depth.WHITE_LEVELS
) -> NDArray[np.uint8]:
    """Decodes to an array with the same values as `decode`, but faster for ordinary JPEGs.

    These are decoded through TurboJPEG's interface to the library that Pillow uses, too, without Pillow's overhead.
    Files that it does not read without a warning are left to Pillow.

    Args:
        data: the file's bytes.
        scratch: memory for the result, uint8 [n], used if the image is an ordinary JPEG and fits.
        levels: as in `decode`.

    Returns:
        uint8 [height, width, 3].

    Raises:
        Undecodable: as for `decode`.
    """
    header = jpeg.header_of(data)
    if header is not None and header.width * header.height <= MAX_PIXELS:
        found = jpeg.pixels_of(data, header, 1, scratch)
        if found is not None:
            return found
    return np.asarray(decode(data, levels), dtype=np.uint8)


def _loaded(image: Image.Image) -> int:
    """Decodes an image, and returns the orientation it was stored in."""
    if image.format == "TIFF":  # Pillow applies the orientation when loading, and then forgets it
        orientation = jpeg.orientation_of(image)
        correct_planes(image)
        image.load()
        _palette_of_bytes(image)
        return orientation
    _transparency_of_pixels(image)
    image.load()  # in PNGs, EXIF may follow the pixels
    return jpeg.orientation_of(image)


def _palette_of_bytes(image: Image.Image) -> None:
    """Corrects a TIFF's palette of values up to 255, as some programs write it, instead of 65,535."""
    colours = image.tag_v2.get(_PALETTE, ()) if isinstance(image, TiffImagePlugin.TiffImageFile) else ()
    if image.mode == "P" and colours and max(colours) <= 255:
        image.putpalette(np.array(colours, np.uint8).reshape(3, -1).T.tobytes())


def _turned(rgb: Image.Image, image: Image.Image, orientation: int) -> Image.Image:
    """Makes an image upright. (Pillow has already turned TIFFs when loading.)"""
    return rgb if orientation == 1 or image.format == "TIFF" else rgb.transpose(_TURNS[orientation])


def _complaint(data: bytes, image: Image.Image) -> str:
    """Returns libjpeg's warning, which Pillow does not pass on.

    Raises:
        Undecodable: `truncated`, if part of the image is missing.
    """
    if image.format not in ("JPEG", "MPO"):
        return ""
    found = jpeg.complaint(data)
    if found == "truncated":
        raise Undecodable(found)
    return found


def _note(kind: str, mode: str, orientation: int, suffix: str | None, more: Iterable[str]) -> str:
    """Describes what is unusual about an image that decodes."""
    notes = []
    if suffix is not None and not is_extension_of(suffix, kind):
        notes.append(f"named {suffix or 'without extension'}, is {kind}")
    notes += [each for each in more if each]
    if mode != "RGB":
        notes.append({"L": "grey", "P": "palette", "1": "black and white"}.get(mode, mode))
    if orientation > 1:
        notes.append(f"EXIF orientation {orientation}")
    return ", ".join(notes)


def _frames(image: Image.Image) -> str:
    """Returns a note if there are more frames or pages after the first; unreadable ones are ignored."""
    if image.format == "JPEG":
        return ""
    try:
        several = bool(getattr(image, "is_animated", False))
    except Exception:
        return ""
    return "" if not several else "several pages" if image.format == "TIFF" else "animated"


def _to_rgb(image: Image.Image, levels: Mapping[str, float] = depth.WHITE_LEVELS) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if depth.is_deep(image.mode):
        return depth.grey_of(image, levels).convert("RGB")
    if image.format in ("BMP", "DIB") and image.mode == "RGBA" and not image.getchannel("A").getextrema()[1]:
        return image.convert("RGB")  # programs that do not write transparency leave it zero
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        return _over_white(image)
    return image.convert("RGB")


def _transparency_of_pixels(image: Image.Image) -> None:
    """For PNGs, the transparent value in the scale of the decoded pixels; Pillow leaves it in the file's bit depth."""
    value = image.info.get("transparency")
    if value is None or not isinstance(image, PngImagePlugin.PngImageFile) or not image.tile:
        return
    bits = str(image.tile[0].args)
    if isinstance(value, int) and bits in ("L;2", "L;4"):
        image.info["transparency"] = value * (85 if bits == "L;2" else 17)
    elif isinstance(value, tuple) and bits == "RGB;16B":
        image.info["transparency"] = tuple(each >> 8 for each in value)


def _over_white(image: Image.Image) -> Image.Image:
    """Composites over white in bands; otherwise, a large image would need four times its memory."""
    result = Image.new("RGB", image.size)
    rows = max(1, _BAND // image.width)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height))).convert("RGBA")
        white = Image.new("RGBA", band.size, (255, 255, 255, 255))
        result.paste(Image.alpha_composite(white, band).convert("RGB"), (0, top))
    return result
