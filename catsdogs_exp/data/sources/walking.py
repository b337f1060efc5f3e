"""Walks folders, following links without cycles."""

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from catsdogs_exp.data.sources.clutter import Clutter, is_clutter
from catsdogs_exp.data.sources.wording import counted
from catsdogs_exp.errors import BadInput
from catsdogs_exp.natural_sort import natural_key
from catsdogs_exp.platforms import is_folder


class Walker:
    """Lists folders and files; skips hidden files and clutter, and remembers what it skipped.

    Args:
        symlinks: `follow` links to files and folders, even outside the folder, or `skip` them.
        unreadable: called with each folder that cannot be read, which then counts as empty; None: it is an error.
    """

    def __init__(self, symlinks: str = "follow", unreadable: Callable[[str, OSError], None] | None = None) -> None:
        self._follow, self._unreadable = symlinks == "follow", unreadable
        self._why: Counter[tuple[str, str]] = Counter()
        self._clutter = Clutter()
        self._skipped: set[tuple[str, str]] = set()
        self._looked: dict[str, tuple[list[str], list[str]]] = {}

    def notes(self) -> tuple[str, ...]:
        """What was skipped, one line each."""
        return (*(counted(count, what) + rest for (what, rest), count in self._why.items()), *self._clutter.note())

    def leave_out(self, count: int, why: str) -> None:
        """Records files that are not used: `12 files` and why."""
        if count:
            self._why["file", why] += count

    def folders(self, folder: Path) -> list[str]:
        """The names of the direct subfolders, in natural order.

        Raises:
            BadInput: for a folder that cannot be read.
        """
        return sorted(self._kept(str(folder))[0], key=natural_key)

    def loose_files(self, folder: Path) -> list[str]:
        """The names of the files directly inside, in natural order."""
        return sorted(self._kept(str(folder))[1], key=natural_key)

    def files(self, top: Path, inside: str = "") -> list[str]:
        """All files below `top/inside`, including subfolders, relative to `top`, in any order.

        Each folder is visited once, however many links point to it.
        """
        return list(self.below(top, inside))

    def below(self, top: Path, inside: str = "", keep: bool = False) -> Iterator[str]:
        """The same, one at a time.

        Args:
            top: the folder that paths are relative to.
            inside: the folder to list.
            keep: whether to remember each folder's content for later calls.
        """
        entered: set[tuple[int, int]] = set()
        # not recursive: folders may be nested deeper than Python's stack
        waiting = [(str(top / inside), f"{inside}/" if inside else "")]
        while waiting:
            place, before = waiting.pop()
            try:
                status = os.stat(place)
            except OSError as error:  # removed meanwhile
                self._refuse(place, error)
                continue
            if (status.st_dev, status.st_ino) in entered:
                self._skip(place, "link", " to a folder that is already listed")
                continue
            entered.add((status.st_dev, status.st_ino))
            folders, files = self._looked.get(place) or self._look(place)
            if keep:
                self._looked[place] = folders, files
            waiting += [(os.path.join(place, name), f"{before}{name}/") for name in folders]
            yield from (before + name for name in files)

    def _kept(self, place: str) -> tuple[list[str], list[str]]:
        """The remembered result of `_look`: a folder is usually listed more than once."""
        if place not in self._looked:
            self._looked[place] = self._look(place)
        return self._looked[place]

    def _look(self, place: str) -> tuple[list[str], list[str]]:
        """The names of the files and folders directly inside; everything else is counted, the first time."""
        folders, files = [], []
        count = (place, "clutter") not in self._skipped
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    if is_clutter(entry.name):
                        if count:
                            self._skipped.add((place, "clutter"))
                            self._clutter.add(entry.name, entry.is_dir(follow_symlinks=False))
                    elif self._is_folder(entry):
                        if entry.is_symlink() and _is_around(os.path.realpath(entry.path), os.path.realpath(place)):
                            self._skip(entry.path, "link", " to a folder around it")
                        else:
                            folders.append(entry.name)
                    elif self._is_file(entry):
                        files.append(entry.name)
                    elif not entry.is_symlink():
                        self._skip(entry.path, "special file", ": pipe, socket or device")
                    elif self._follow:
                        self._skip(entry.path, "link", " to a pipe, socket or device")
                    else:
                        self._skip(entry.path, "symbolic link", " (dataset.symlinks=skip)")
        except OSError as error:
            self._refuse(place, error)
            return [], []
        return folders, files

    def _refuse(self, place: str, error: OSError) -> None:
        if self._unreadable is None:
            raise BadInput(f"A folder of images cannot be read: {error.strerror}: {place}") from error
        self._unreadable(place, error)

    def _skip(self, path: str, what: str, why: str) -> None:
        if (path, why) not in self._skipped:  # a folder may be listed more than once
            self._skipped.add((path, why))
            self._why[what, why] += 1

    def _is_folder(self, entry: os.DirEntry[str]) -> bool:
        try:
            return entry.is_dir(follow_symlinks=self._follow)
        except OSError:  # a link to itself
            return False

    def _is_file(self, entry: os.DirEntry[str]) -> bool:
        """Includes broken links: inspection will report them."""
        if not entry.is_symlink():
            return entry.is_file()
        if not self._follow:
            return False
        try:
            return stat.S_ISREG(os.stat(entry.path).st_mode)
        except OSError:
            return True


def _is_around(folder: str, place: str) -> bool:
    """Returns whether a place is in a folder, or the folder itself."""
    return os.path.commonpath([folder, place]) == folder


def image_files(paths: Sequence[Path], walker: Walker) -> list[Path]:
    """Returns the given files, and for folders the files that training would list, in natural order.

    Raises:
        BadInput: for a folder that cannot be read.
    """
    found: list[Path] = []
    for path in paths:
        if is_folder(path):
            found += [path / name for name in sorted(walker.files(path), key=natural_key)]
        else:
            found.append(path)
    return found
