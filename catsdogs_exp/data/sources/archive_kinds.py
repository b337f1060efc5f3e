"""Recognizes files that should be archives but are not, and suggests what to do."""

import re
import shlex
from pathlib import Path

_HEAD = 4096
_UNPACK = "Unpack it yourself and use dataset=folder."
_OTHER = (
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x28\xb5\x2f\xfd", "a file compressed with Zstandard"),
    (b"\x04\x22\x4d\x18", "a file compressed with LZ4"),
    (b"MSCF", "a Windows cabinet file"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"hsqs", "a SquashFS image"),
)
_COMPRESSED = ((b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"))
_TABLES = (".csv", ".tsv", ".txt")
_IMAGES = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"BM")

METHODS = {
    1: "Shrink",
    6: "Implode",
    9: "Deflate64",
    93: "Zstandard",
    95: "xz",
    96: "JPEG",
    97: "WavPack",
    98: "PPMd",
    99: "AES",
}
"""Compression methods of zip files that Python cannot read."""


def one_of_parts(path: Path) -> str:
    """Describes one part of an archive in several (`pets.zip.001`; `pets.zip` next to `pets.z01`), or `""`."""
    if re.fullmatch(r"\.\d{3}", path.suffix):
        first = path.with_suffix(".001")
    elif path.with_suffix(".z01").exists():
        first = path.with_suffix(".zip")
    else:
        return ""
    return (
        f"The archive is one part of several: {path}. {_UNPACK} A program such as 7-Zip joins the parts: "
        f"7z x {shlex.quote(first.name)}"
    )


def no_archive(path: Path) -> str:
    """Describes a file that is neither zip nor tar, with the next step."""
    if parts := one_of_parts(path):
        return parts
    with path.open("rb") as handle:
        head = handle.read(_HEAD)
    size = path.stat().st_size
    if not size:
        return f"The archive is empty (0 bytes): {path}. Download it again."
    if head.startswith(b"PK\x03\x04"):
        return (
            f"The archive is incomplete: {path} begins like a zip, but its end is missing; {size:,} bytes are here. A "
            "download or copy did not finish: download it again."
        )
    if head.startswith(b"PK\x07\x08"):
        return f"The archive is the first part of a split zip: {path}. Join its parts: 7z x {path.name}"
    if head.startswith(b"version https://git-lfs"):
        return (
            f"The archive is not here: {path} is only a Git LFS pointer. Fetch the file in its repository: git lfs pull"
        )
    if page := page_of(head):
        return f"The archive is not here: {path} is {page}. Open its address in a browser and download the file itself."
    for start, what in _OTHER:
        if head.startswith(start):
            return f"An archive of images must be a zip or tar file. {path} is {what}. {_UNPACK}"
    if what := _compression(head):
        if path.stem.lower().endswith(_TABLES):
            return _compressed_table(path, what)
        return (
            f"An archive of images must be a zip or tar file. {path} is compressed with {what} but contains no tar, or "
            "only part of one. If it should, download it again."
        )
    if head.startswith(_IMAGES):
        return (
            f"An archive of images must be a zip or tar file. {path} is an image. Put images into folders, one "
            "per class."
        )
    return (
        f"An archive of images must be a zip or tar file. Received something else: {path}, {size:,} bytes beginning "
        f"with {head[:16]!r}. Download it again."
    )


def no_table(path: Path) -> str:
    """Describes a file that should be a table but is plainly something else, with the next step, or `""`."""
    with path.open("rb") as handle:
        head = handle.read(_HEAD)
    if head.startswith(b"version https://git-lfs"):
        return (
            f"The table is not here: {path} is only a Git LFS pointer. Fetch the file in its repository: git lfs pull"
        )
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return f"A table must be text. {path} is an Excel workbook or an archive. Save the sheet as CSV"
    for start, what in (*_OTHER, (b"[{", "JSON"), (b"[[", "JSON")):
        if head.startswith(start):
            return f"A table must be text with one line per image, such as CSV. {path} is {what}"
    if what := _compression(head):
        return _compressed_table(path, what)
    page = page_of(head)
    if page.endswith("JSON"):
        return f"A table must have its values in columns, such as CSV. {path} is JSON. Convert it to CSV"
    if page:
        return f"The table is not here: {path} is {page}. Open its address in a browser and download the file itself."
    return ""


def _compression(head: bytes) -> str:
    return next((what for start, what in _COMPRESSED if head.startswith(start)), "")


def _compressed_table(path: Path, what: str) -> str:
    return f"A table must be text. {path} is compressed with {what}. Unpack it, and name what comes out: {path.stem}"


def page_of(head: bytes) -> str:
    """Recognizes what a server sent instead of a file, or `""`."""
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if re.match(r"<!doctype html|<html|<head", text, re.IGNORECASE):
        title = re.search(r"<title[^>]*>([^<]{1,100})", text, re.IGNORECASE)
        return f"a web page ({' '.join(title[1].split())!r})" if title else "a web page"
    if re.match(r"<\?xml|<Error>", text):
        return "a server's response in XML"
    if re.match(r"\{\s*\"", text):
        return "a server's response in JSON"
    return ""
