"""Searches for the files of a table that are not where it says: in one folder below the root, or in several."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from catsdogs_exp.data.sources.clutter import is_clutter
from catsdogs_exp.data.sources.known_names import is_beside
from catsdogs_exp.data.sources.split_names import split_in
from catsdogs_exp.data.sources.table_files import SUFFIXES, parts_of, some_files

# a folder below the root, and the suffix that the paths need there
Place = tuple[PurePosixPath, str]


class Places:
    """The folders below a root relative to which a table's paths exist; masks and the like do not count.

    Args:
        root: the folder.
        table: the table's file.
        paths: as written in the table.

    Attributes:
        best: the folders that hold most of the paths, each with the suffix that the paths need there. Among those that
            hold equally many, the ones that are named after the same split as the table.
        most: the number of paths that these hold.
    """

    def __init__(self, root: Path, table: Path, paths: Sequence[str]) -> None:
        self._root = root
        by_name: dict[str, list[PurePosixPath]] = {}
        for file in some_files(root) if paths else ():
            if not any(is_clutter(part) for part in file.parts) and not any(map(is_beside, file.parts[:-1])):
                by_name.setdefault(file.name, []).append(file)
        self._of = {path: list(_places(path, by_name)) for path in paths}
        counts = Counter(place for places in self._of.values() for place in places)
        if not counts:  # the prefix that the table's paths begin with does not exist here
            counts.update(place for path in paths for place in _places(path, by_name, whole=False))
        self.most = max(counts.values(), default=0)
        best = [place for place, count in counts.items() if count == self.most]
        split = split_in(table.stem)
        alike = [place for place in best if split is not None and split_in(str(place[0])) == split]
        self.best = [(root / folder, suffix) for folder, suffix in alike or best]

    def in_several_folders(self) -> dict[str, Path]:
        """Path as written -> its file, if most paths fit exactly one file, and no folder holds all of them."""
        found: dict[str, Path] = {}
        for path, places in self._of.items():
            if len(places) == 1:
                folder, suffix = places[0]
                found[path] = self._root / folder / PurePosixPath(*_inside(path, suffix))
        plain = len(set(found.values())) == len(found) and 2 * len(found) > len(self._of)
        return found if plain and self.most < len(found) else {}

    def settings(self) -> str:
        """The settings for the best folders, as one types them."""
        every = [
            shlex.join([f"dataset.root={folder}", *([f"dataset.suffix={suffix}"] if suffix else [])])
            for folder, suffix in self.best
        ]
        if len(every) == 1:
            return every[0]
        return f"{', or with '.join(every[:3])}. Choose the folder that belongs to the table"


def _places(path: str, by_name: Mapping[str, Sequence[PurePosixPath]], whole: bool = True) -> Iterator[Place]:
    for suffix in ("", *SUFFIXES):
        inside = _inside(path, suffix)
        inside = inside if whole else inside[-1:]
        for file in by_name.get(inside[-1], ()) if inside else ():
            if file.parts[-len(inside) :] == inside:
                yield PurePosixPath(*file.parts[: -len(inside)]), suffix


def _inside(path: str, suffix: str) -> tuple[str, ...]:
    parts = [part for part in parts_of(path) if part != "/"]
    return (*parts[:-1], parts[-1] + suffix) if parts else ()
