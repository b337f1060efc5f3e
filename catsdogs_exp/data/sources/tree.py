"""The content of the folders below a root, by names only: images, other files, or nothing."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path, PurePosixPath

from catsdogs_exp.data.sources.known_names import ARCHIVES, is_beside, is_container, may_be_image
from catsdogs_exp.data.sources.split_names import UNLABELLED, split_of
from catsdogs_exp.data.sources.walking import Walker
from catsdogs_exp.data.sources.wording import counted, shown, some

IMAGES, OTHER, EMPTY = "images", "other files", "nothing"


class Tree:
    """Examines the folders below a root; all paths are relative to it, with `/`, and `""` for the root itself.

    Args:
        top: the root.
        walker: lists folders, and remembers what it skipped.
        root: the folder the user named, around it.
    """

    def __init__(self, top: Path, walker: Walker, root: Path | None = None) -> None:
        self.top = top
        self.root = root or top
        self.walker = walker
        self.folders = cache(lambda inside: walker.folders(top / inside))
        self.loose = cache(lambda inside: walker.loose_files(top / inside))
        self.holds = cache(self._holds)

    def branches(self, inside: str = "") -> list[str]:
        """The direct subfolders that contain images, or nothing at all."""
        return [name for name in self.folders(inside) if self.holds(below(inside, name)) != OTHER]

    def others(self, inside: str = "") -> list[str]:
        """The direct subfolders that contain only other files."""
        return [name for name in self.folders(inside) if self.holds(below(inside, name)) == OTHER]

    def images(self, inside: str = "") -> list[str]:
        """The files directly inside that may be images."""
        return [name for name in self.loose(inside) if may_be_image(name)]

    def archives(self, inside: str = "") -> list[str]:
        """The archives directly inside."""
        return [name for name in self.loose(inside) if name.lower().endswith(ARCHIVES)]

    def files(self, inside: str) -> list[str]:
        """All files below, in any order."""
        return self.walker.files(self.top, inside)

    def main_branch(self, inside: str = "") -> str | None:
        """The single subfolder that can hold data: the only one, or `images` next to `annotations` and the like."""
        every = self.branches(inside)
        branches = [name for name in every if split_of(name) != UNLABELLED] or every
        if len(branches) > 1:
            containers = [name for name in branches if is_container(name)]
            if len(containers) == 1 and all(is_beside(name) for name in branches if name not in containers):
                return containers[0]
        return branches[0] if len(branches) == 1 else None

    def _holds(self, inside: str) -> str:
        found = EMPTY
        for path in self.walker.below(self.top, inside, keep=True):
            if may_be_image(path):
                return IMAGES
            found = OTHER
        return found


def below(inside: str, name: str) -> str:
    """The path of a name in a folder; `""` is the root."""
    return f"{inside}/{name}" if inside else name


def last(inside: str) -> str:
    """The name of a folder itself."""
    return PurePosixPath(inside).name


def unused_in(tree: Tree, inside: str, unused: Sequence[str] = ()) -> list[str]:
    """Everything in a folder besides the data folders."""
    notes = []
    where = f" in {shown(inside)}" if inside else ""
    if unused:
        notes.append(f"folders next to the data{where}: {some(map(shown, unused))}")
    if others := tree.others(inside):
        notes.append(f"{counted(len(others), 'folder')} without images{where}: {some(map(shown, others))}")
    if loose := tree.loose(inside):
        notes.append(f"{counted(len(loose), 'file')} next to the folders{where}: {some(map(shown, loose))}")
    return notes
