"""Image formats by the first bytes of a file: those that can be read, and others known by name."""

import re

# Pillow's names of what is read. MPO, a JPEG of phones with a second picture, comes through JPEG.
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
    (b"\0\0\2\0", "CUR"),
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
)
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"
)
_NETPBM = re.compile(rb"\AP[1-7]\s+(?:#.*\n\s*)*(?:\d|WIDTH)")


def unread_format(data: bytes) -> str | None:
    """The name of a kind of picture that is not read here, such as `HEIC`, or None."""
    if data[4:8] == b"ftyp" and data[8:12] in _BRANDS:
        # `mif1` is the general brand; the ones behind it say whether AVIF is meant
        return "AVIF" if b"avif" in data[8:64] else _BRANDS[data[8:12]]
    for start, name in _UNREAD:
        if data.startswith(start):
            return name
    if _NETPBM.match(data[:256]):
        return "Netpbm"
    head = data[:4096].lower()
    svg = head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<svg" in head and b"<html" not in head
    return "SVG" if svg else None


def is_extension_of(suffix: str, kind: str) -> bool:
    """Whether a file name's extension (`.jpg`) is one of a format's."""
    return suffix.lower() in _EXTENSIONS.get(kind, ())
