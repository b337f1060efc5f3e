"""The images that a user names: files, folders, patterns, a list from standard input, and URLs."""

import codecs
import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from catsdogs_exp.data.sources.walking import Walker, image_files
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.image_patterns import matching
from catsdogs_exp.inference.web_images import Limits, WebImageError, download
from catsdogs_exp.platforms import expanded, is_folder

STDIN = "-"
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
_AT_ONCE = 4  # downloads


@dataclass(frozen=True)
class NamedImage:
    """A requested image.

    Attributes:
        name: its name as typed: a path or a URL.
        path: path of the file with its bytes.
        error: why there are none, or `""`.
    """

    name: str
    path: Path
    error: str = ""


class ImageNames:
    """Turns words into images, in their order.

    Folders yield the files that training would list, by the same rule (`data/sources/walking.py`): links are followed
    once, hidden files and system clutter are left out. A file that is named itself is always included.

    Args:
        scratch: an empty folder for downloads.
        limits: limits of downloads.
    """

    def __init__(self, scratch: Path, limits: Limits) -> None:
        self._scratch, self._limits = scratch, limits
        self._unreadable: list[NamedImage] = []
        self._walker = Walker(unreadable=self._add_unreadable)

    def notes(self) -> tuple[str, ...]:
        """Returns what was skipped, one line each."""
        return self._walker.notes()

    def images(self, words: Sequence[str], listed: bytes | None = None) -> list[NamedImage]:
        """Returns the images.

        Args:
            words: as typed.
            listed: the input that `-` stands for: names, one per line, or separated by NUL as by `find -print0`; also
                as UTF-16, or with a byte order mark, as Windows writes lists.

        Raises:
            BadInput: if there are none.
        """
        found: list[NamedImage] = []
        for word in words:
            found += self._listed(listed or b"") if word == STDIN else self._named(word, patterns=True)
        found += self._unreadable
        if not found:
            raise BadInput(f"No files in: {', '.join(words)}")
        return self._downloaded(found)

    def _add_unreadable(self, folder: str, error: OSError) -> None:
        self._unreadable.append(NamedImage(folder, Path(folder), f"cannot be read: {error.strerror}"))

    def _listed(self, content: bytes) -> Iterator[NamedImage]:
        if _is_image(content):
            raise BadInput(
                "- stands for a list of names. Received: an image. To predict it, name its file or /dev/stdin"
            )
        content = _as_bytes_of_names(content)
        separator = b"\0" if b"\0" in content else b"\n"
        for line in content.split(separator):
            name = os.fsdecode(line if separator == b"\0" else line.removesuffix(b"\r"))
            if name:
                yield from self._named(name, patterns=False)

    def _named(self, word: str, patterns: bool) -> Iterable[NamedImage]:
        if _ADDRESS.match(word):
            return [NamedImage(word, Path())]
        path = expanded(word)
        if _SCHEME.match(word) and not os.path.lexists(path):
            return [NamedImage(word, path, "not a file, nor an http or https address. Download it first")]
        if patterns and not os.path.lexists(path) and glob.has_magic(word):
            return self._matching(str(path), word)
        if not is_folder(path):
            return [NamedImage(str(path) if word.startswith("~") else word, path)]
        return _of_paths(image_files([path], self._walker))

    def _matching(self, pattern: str, word: str) -> Iterable[NamedImage]:
        """Returns what a pattern matches, for quoted patterns and shells that do not expand them."""
        kept = matching(pattern, self._walker)
        if not kept:
            return [NamedImage(word, Path(word), "no file matches this pattern")]
        return _of_paths(image_files(kept, self._walker))

    def _downloaded(self, images: list[NamedImage]) -> list[NamedImage]:
        addresses = list(dict.fromkeys(image.name for image in images if _ADDRESS.match(image.name)))
        if not addresses:
            return images
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            got = dict(zip(addresses, pool.map(self._download, enumerate(addresses)), strict=True))
        return [got.get(image.name, image) for image in images]

    def _download(self, numbered: tuple[int, str]) -> NamedImage:
        number, address = numbered
        path = self._scratch / str(number)
        try:
            path.write_bytes(download(address, self._limits))
        except WebImageError as error:
            return NamedImage(address, path, str(error))
        return NamedImage(address, path)


def _is_image(content: bytes) -> bool:
    """Returns whether this is an image rather than a list of them."""
    webp = content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    bmp = content[:2] == b"BM" and content[6:10] == bytes(4)
    return webp or bmp or content.startswith(_SIGNATURES)


def _as_bytes_of_names(listed: bytes) -> bytes:
    """Returns a list without its byte order mark, and from UTF-16 in the encoding of file names."""
    if listed.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return os.fsencode(listed.decode("utf-16", errors="replace"))
    return listed.removeprefix(codecs.BOM_UTF8)


def _of_paths(paths: Iterable[Path]) -> Iterator[NamedImage]:
    return (NamedImage(str(path), path) for path in paths)
