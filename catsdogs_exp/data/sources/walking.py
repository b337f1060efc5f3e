"""Looking through folders: what lies below one, links included, without ever going in circles."""

import os
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from catsdogs_exp.errors import BadInput
from catsdogs_exp.natural_sort import natural_key

_CLUTTER = {"thumbs.db", "desktop.ini", "__macosx"}


class Walker:
    """Lists folders and files in natural order; hidden files and clutter are left out.

    Args:
        symlinks: `follow` links to files and folders, also out of the folder, or `skip` them.

    Attributes:
        left_out: what was passed over, and how often, in words for the user.
    """

    def __init__(self, symlinks: str = "follow") -> None:
        self._follow = symlinks == "follow"
        self.left_out: Counter[str] = Counter()

    def folders(self, folder: Path) -> list[str]:
        """The names of the folders directly inside.

        Raises:
            BadInput: for a folder that cannot be read.
        """
        return sorted((entry.name for entry in _scan(folder) if self._is_folder(entry)), key=natural_key)

    def loose_files(self, folder: Path) -> list[str]:
        """The names of the files directly inside."""
        return sorted((entry.name for entry in _scan(folder) if self._is_file(entry)), key=natural_key)

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
            for entry in _scan(place):
                if self._is_folder(entry):
                    waiting.append((entry.path, f"{before}{entry.name}/"))
                elif self._is_file(entry):
                    yield f"{before}{entry.name}"
                elif entry.is_symlink():
                    followed = "links to a pipe, socket or device"
                    self.left_out[followed if self._follow else "symbolic links (dataset.symlinks=skip)"] += 1
                else:
                    self.left_out["pipes, sockets and devices"] += 1

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


def _scan(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not is_clutter(entry.name)]
    except OSError as error:
        raise BadInput(f"A folder of images cannot be read: {error.strerror}: {folder}") from error


def is_clutter(name: str) -> bool:
    """Whether a file or folder is hidden or put there by an operating system."""
    return name.startswith(".") or name.lower() in _CLUTTER
