"""Looking through folders: what lies below one, links included, without ever going in circles."""

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from catsdogs_exp.data.sources.clutter import Clutter, is_clutter
from catsdogs_exp.errors import BadInput
from catsdogs_exp.natural_sort import natural_key


class Walker:
    """Lists folders and files; skips hidden files and clutter, and remembers what it skipped.

    Args:
        symlinks: `follow` links to files and folders, also out of the folder, or `skip` them.

    Attributes:
        left_out: what was skipped besides clutter, and how often, in words for the user.
    """

    def __init__(self, symlinks: str = "follow") -> None:
        self._follow = symlinks == "follow"
        self.left_out: Counter[str] = Counter()
        self._clutter = Clutter()
        self._counted: set[str] = set()

    def notes(self) -> tuple[str, ...]:
        """What was skipped, one line each."""
        return (*(f"{count} {what}" for what, count in self.left_out.items()), *self._clutter.note())

    def folders(self, folder: Path) -> list[str]:
        """The names of the folders directly inside, in natural order.

        Raises:
            BadInput: for a folder that cannot be read.
        """
        return sorted((entry.name for entry in self._scan(folder) if self._is_folder(entry)), key=natural_key)

    def loose_files(self, folder: Path) -> list[str]:
        """The names of the files directly inside, in natural order."""
        return sorted((entry.name for entry in self._scan(folder) if self._is_file(entry)), key=natural_key)

    def files(self, top: Path, inside: str = "") -> list[str]:
        """All files below `top/inside`, also in folders within it, relative to `top`, in no order.

        A folder is entered once, however many links lead to it.
        """
        return list(self._below(top / inside, f"{inside}/" if inside else "", set()))

    def _below(self, folder: Path, prefix: str, entered: set[tuple[int, int]]) -> Iterator[str]:
        waiting = [(str(folder), prefix)]  # not recursive: folders may be deeper than Python's stack
        while waiting:
            place, before = waiting.pop()
            status = os.stat(place)
            if (status.st_dev, status.st_ino) in entered:
                self.left_out["links to a folder that is listed already"] += 1
                continue
            entered.add((status.st_dev, status.st_ino))
            for entry in self._scan(place):
                if self._is_folder(entry):
                    waiting.append((entry.path, f"{before}{entry.name}/"))
                elif self._is_file(entry):
                    yield f"{before}{entry.name}"
                elif entry.is_symlink():
                    followed = "links to a pipe, socket or device"
                    self.left_out[followed if self._follow else "symbolic links (dataset.symlinks=skip)"] += 1
                else:
                    self.left_out["pipes, sockets and devices"] += 1

    def _scan(self, folder: str | Path) -> list[os.DirEntry[str]]:
        """What lies in a folder, without clutter, which is counted the first time."""
        try:
            with os.scandir(folder) as entries:
                every = list(entries)
        except OSError as error:
            raise BadInput(f"A folder of images cannot be read: {error.strerror}: {folder}") from error
        kept = [entry for entry in every if not is_clutter(entry.name)]
        if len(kept) < len(every) and str(folder) not in self._counted:
            self._counted.add(str(folder))
            for entry in every:
                if is_clutter(entry.name):
                    self._clutter.add(entry.name, entry.is_dir(follow_symlinks=False))
        return kept

    def _is_folder(self, entry: os.DirEntry[str]) -> bool:
        try:
            return entry.is_dir(follow_symlinks=self._follow)
        except OSError:  # a link to itself
            return False

    def _is_file(self, entry: os.DirEntry[str]) -> bool:
        """Also a link that leads nowhere: inspection will say so of that file."""
        if not entry.is_symlink():
            return entry.is_file()
        if not self._follow:
            return False
        try:
            return stat.S_ISREG(os.stat(entry.path).st_mode)
        except OSError:
            return True


def image_files(paths: Sequence[Path], walker: Walker) -> list[Path]:
    """Files as they are given, and folders with the files below them that a training would list, in natural order.

    Raises:
        BadInput: for a folder that cannot be read.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += [path / name for name in sorted(walker.files(path), key=natural_key)]
        else:
            found.append(path)
    return found
