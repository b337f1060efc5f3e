"""Finds the files that a table's paths refer to: as written, or after one correction for all."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from catsdogs_exp.data.sources.wording import shown

SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG", ".bmp", ".gif", ".webp", ".tif", ".tiff")
_MOST_FILES = 200_000  # entries searched for a name
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True)
class Change:
    """A correction that turns a path as written into an existing one.

    Attributes:
        dropped: number of leading folders to drop; an absolute path has one more, its root.
        suffix: appended to the path.
        any_case: whether to ignore case.
        decoded: whether to decode `%20` and the like.
    """

    dropped: int = 0
    suffix: str = ""
    any_case: bool = False
    decoded: bool = False

    def note(self, path: str) -> str:
        """The correction as one line, with a path as written."""
        said = []
        if self.dropped:
            first, *rest = parts_of(unquote(path) if self.decoded else path)[: self.dropped]
            of_windows = bool(rest) and _DRIVE.fullmatch(rest[0]) is not None
            beginning = "/".join(rest if first == "/" else [first, *rest])
            rooted = "/" if first == "/" and not of_windows and not is_address(path) else ""
            said.append(f"without the prefix {shown(rooted + beginning)}")
        if self.suffix:
            said.append(f"with {self.suffix} appended (dataset.suffix)")
        if self.any_case:
            said.append("in a different case")
        if self.decoded:
            said.append("with their %-codes decoded")
        if not said and "\\" in path:
            said.append("with / in place of \\")
        return " and ".join(said)


class FilesBelow:
    """Finds files below a folder.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._names: dict[str, dict[str, str]] = {}

    def found(self, path: str, change: Change) -> Path | None:
        """The file that a path refers to after a correction, or None."""
        parts = parts_of(unquote(path) if change.decoded else path)[change.dropped :]
        if not parts or ".." in parts or parts[0] == "/":
            return None
        inside = "/".join(parts) + change.suffix
        if change.any_case:
            there = self._in_any_case(inside)
            return None if there is None else self.root / there
        file = self.root / inside
        return file if _is_file(file) else None

    def likely_change(self, path: str) -> Change | None:
        """The smallest correction that makes a path an existing file."""
        for decoded in (False, True) if unquote(path) != path else (False,):
            for any_case in (False, True):
                for dropped in range(len(parts_of(unquote(path) if decoded else path))):
                    for suffix in ("", *SUFFIXES):
                        change = Change(dropped, suffix, any_case, decoded)
                        if self.found(path, change) is not None:
                            return change
        return None

    def _in_any_case(self, inside: str) -> str | None:
        there = ""
        for part in inside.split("/"):
            names = self._names.get(there)
            if names is None:
                names = self._names[there] = _by_case(self.root / there)
            name = names.get(part.casefold(), "")
            if not name:  # none, or two that differ in case
                return None
            there = f"{there}/{name}" if there else name
        return there if _is_file(self.root / there) else None


def parts_of(path: str) -> list[str]:
    """The folders and the name in a path of Windows, Linux or the web; `/` comes first if it is absolute."""
    text = path.replace("\\", "/")
    if address := _ADDRESS.match(text):
        return ["/", *_parts(text[address.end() :])]
    if _DRIVE.match(text):
        return ["/", text[:2], *_parts(text[2:])]
    return ["/", *_parts(text)] if text.startswith("/") else _parts(text)


def is_address(path: str) -> bool:
    """Whether a path is a URL."""
    return _ADDRESS.match(path) is not None


def _parts(text: str) -> list[str]:
    return [part for part in text.split("/") if part not in ("", ".")]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long for any file system
        return False


def _by_case(folder: Path) -> dict[str, str]:
    """Case-folded names -> actual names; `""` for two that differ only in case."""
    names: dict[str, str] = {}
    try:
        every = sorted(path.name for path in folder.iterdir())
    except OSError:
        return {}
    for name in every:
        names[name.casefold()] = "" if name.casefold() in names else name
    return names


def some_files(root: Path) -> Iterator[PurePosixPath]:
    """The files below a folder, in order of their paths, up to a maximum."""
    count = 0
    for place, folders, files in os.walk(root):
        folders.sort()
        inside = PurePosixPath(Path(place).relative_to(root).as_posix())
        for name in sorted(files):
            yield inside / name
            count += 1
            if count >= _MOST_FILES:
                return
