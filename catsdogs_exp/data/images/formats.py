"""Recognizes image formats by a file's first bytes: readable ones, and others that we can name."""

import re
from io import BytesIO
from typing import Literal

from PIL import Image, TiffImagePlugin

# Pillow's names of readable formats. MPO, a phone JPEG with a second image, comes through JPEG.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "DIB", "WEBP", "TIFF")
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
_UNREAD = (
    (b"8BPS", "PSD"),
    (b"\0\0\1\0", "ICO"),
    (b"icns", "ICNS"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"%PDF-", "PDF"),
    (b"%!PS", "PostScript"),
    (b"gimp xcf", "XCF"),
    (b"DDS ", "DDS"),
    (b"qoif", "QOI"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"FUJIFILMCCD-RAW", "RAW of a camera"),
    (b"AT&TFORM", "DjVu"),
    (b"\x8aMNG\r\n\x1a\n", "MNG"),
    (b"BPG\xfb", "BPG"),
    (b"SIMPLE  =", "FITS"),
    (b"II*\0\x10\0\0\0CR", "RAW of a camera"),
    (b"IIU\0", "RAW of a camera"),
    (b"IIRO", "RAW of a camera"),
    (b"FOVb", "RAW of a camera"),
    (b"\0MRM", "RAW of a camera"),
    (b"II\xbc\x01", "JPEG XR"),
    (b"\0\0\x02\0\0\0\0\0", "TGA"),
    (b"\0\0\x0a\0\0\0\0\0", "TGA"),
    (b"\0\0\2\0", "CUR"),
)
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"crx ": "RAW of a camera"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"
)
_TIFF_BITS, _TIFF_COMPRESSION, _TIFF_CHANNELS, _TIFF_FORMAT = 258, 259, 277, 339
_TIFF_SUBFILE, _TIFF_CHILDREN, _DNG = 254, 330, 50706
_REDUCED = 1  # a bit of the first of these: a small version of another image in the file
_SIGNED = 2
_TIFF_NEEDED = (256, 257, _TIFF_BITS)  # width, height
_TIFF_PIXELS = ((273, 279), (324, 325))  # where strips and tiles begin, and how long they are
_TIFF_FORMATS = {1: "integers", 2: "signed integers", 3: "floats", 5: "complex integers", 6: "complex numbers"}
_LEAST = 256  # bytes of a TIFF: a shorter file is none, rather than a part of one
_NETPBM = re.compile(rb"\AP[1-7]\s+(?:#.*\n\s*)*(?:\d|WIDTH)")


def unread_format(data: bytes) -> str | None:
    """Returns the name of an unsupported image format, such as `HEIC`, or None."""
    if data[4:8] == b"ftyp" and data[8:12] in _BRANDS:
        # `mif1` is the general brand; the following ones say whether it is AVIF
        return "AVIF" if b"avif" in data[8:64] else _BRANDS[data[8:12]]
    for start, name in _UNREAD:
        if data.startswith(start):
            return name
    if data[128:132] == b"DICM":
        return "DICOM"
    if _NETPBM.match(data[:256]):
        return "Netpbm"
    head = data[:4096].lower()
    svg = head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<svg" in head and b"<html" not in head
    return "SVG" if svg else None


def is_extension_of(suffix: str, kind: str) -> bool:
    """Returns whether a file name's extension (`.jpg`) belongs to a format."""
    return suffix.lower() in _EXTENSIONS.get(kind, ())


def unread_tiff(data: bytes) -> str | None:
    """Returns the kind of an unsupported TIFF, such as `TIFF of 3 x 32-bit floats`, if it can be determined; None for
    other files.
    """
    if data[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return None
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(data[: 16 if b"+" in data[:4] else 8])  # `+`: BigTIFF
        stream = BytesIO(data)
        stream.seek(tags.next)
        tags.load(stream)
        if not all(tags.get(number) for number in _TIFF_NEEDED) or not _holds_its_pixels(tags, len(data)):
            return None  # truncated, or damaged
        bits = tags.get(_TIFF_BITS, (1,))
        bits = sorted(set(bits if isinstance(bits, tuple) else (bits,)))
        channels = int(tags.get(_TIFF_CHANNELS, 1))
        kind = tags.get(_TIFF_FORMAT, (1,))
        kind = _TIFF_FORMATS.get(kind[0] if isinstance(kind, tuple) and kind else 1, "values")
        several = f"{channels} x " if channels > 1 else ""
        compressed = TiffImagePlugin.COMPRESSION_INFO.get(tags.get(_TIFF_COMPRESSION, 1))
        unknown = "" if compressed else f", compression {tags.get(_TIFF_COMPRESSION)}"
        return f"TIFF of {several}{' and '.join(map(str, bits))}-bit {kind}{unknown}"
    except Exception:  # a damaged tag table: not an image
        return None


def misread_tiff(image: Image.Image, data: bytes) -> str | None:
    """Returns the kind of a TIFF that Pillow opens as something else: a camera's RAW, whose first image is only a
    thumbnail, or signed 8-bit integers, which it takes for unsigned ones. None for all other files.
    """
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return None
    tags = image.tag_v2
    if int(tags.get(_TIFF_SUBFILE, 0)) & _REDUCED and (_TIFF_CHILDREN in tags or _DNG in tags):
        return "RAW of a camera"
    kinds = tags.get(_TIFF_FORMAT, (1,))
    if _SIGNED in (kinds if isinstance(kinds, tuple) else (kinds,)) and max(tags.get(_TIFF_BITS, (1,))) == 8:
        return unread_tiff(data)
    return None


def is_cut(data: bytes) -> bool:
    """Returns whether a WebP or TIFF is shorter than its first bytes say. A compressed TIFF has its table at the end,
    without which Pillow does not recognise it.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return 8 + int.from_bytes(data[4:8], "little") > len(data)
    if data[:4] not in (b"II*\0", b"MM\0*") or len(data) < _LEAST:
        return False
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
    table = int.from_bytes(data[4:8], order)
    entries = int.from_bytes(data[table : table + 2], order)
    return table + 2 + 12 * entries > len(data)


def _holds_its_pixels(tags: TiffImagePlugin.ImageFileDirectory_v2, size: int) -> bool:
    for begin, length in _TIFF_PIXELS:
        places, lengths = tags.get(begin), tags.get(length)
        if places and lengths:
            return bool(max(place + length for place, length in zip(places, lengths, strict=True)) <= size)
    return False
