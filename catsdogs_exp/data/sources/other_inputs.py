"""Suggests how to read a folder without class folders: its tables, and its archives."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from catsdogs_exp.data.sources.split_names import TEST, TRAIN, split_in, split_of
from catsdogs_exp.data.sources.tree import Tree
from catsdogs_exp.data.sources.wording import shown

_TABLES = (".csv", ".tsv")
_UNREAD = (".mat", ".jsonl", ".parquet", ".pkl")  # formats of labels that are not read; and, if named after labels:
_UNREAD_LABELS = (".json", ".xml")
_PARTS = (".z01", ".001")
_PACKED = (".7z", ".rar", ".zst", *_PARTS)  # not readable here


def table_hint(tree: Tree, inside: Sequence[str] = (), in_place: bool = True, pixels: bool = False) -> str:
    """A table that may contain the classes, as the setting that reads it, or `""`.

    Args:
        tree: the folder; what is around it is searched, too, up to the one that the user named.
        inside: folders in it to search.
        in_place: whether the user named the folder itself, rather than an archive of it.
        pixels: whether the table may contain the pixels as well.
    """
    around = [tree.root, *(folder for folder in reversed(tree.top.parents) if folder.is_relative_to(tree.root))]
    places = [*dict.fromkeys([*around, tree.top, *(tree.top / each for each in inside)])]
    found = [place / name for place in places for name in tree.walker.loose_files(place) if _may_have_labels(name)]
    found = [path for path in found if _split_of(path, tree) != TEST]
    if not found:
        return _unread_hint([name for place in places for name in tree.walker.loose_files(place)])
    table = min(found, key=lambda path: _split_of(path, tree) != TRAIN and not _has_labels(path.name))
    if not in_place:
        return f". With the classes in {shown(table.name)}: unpack the archive yourself and use dataset=csv"
    path = shlex.quote(f"dataset.path={table}")
    if pixels:
        return f". For a table of files and classes: dataset=csv {path}; for one of pixels: dataset=pixel_csv {path}"
    return f". With the classes in a table: dataset=csv {path}"


def _unread_hint(names: Iterable[str]) -> str:
    """Names a file that may contain the classes in a format that is not read, or `""`."""
    found = [
        name
        for name in names
        if name.lower().endswith(_UNREAD) or (name.lower().endswith(_UNREAD_LABELS) and _has_labels(name))
    ]
    if not found:
        return ""
    name = min(found, key=lambda name: not _has_labels(name))
    return f". {shown(name)} may contain the classes, but is not read: write them to a table of files and classes"


def archive_hint(tree: Tree) -> str:
    """The archives in a folder, as the setting that reads them, or what else to do with them, or `""`."""
    packed = [name for name in tree.loose("") if name.lower().endswith(_PACKED)]
    archives = [name for name in tree.archives() if split_of(name.partition(".")[0]) != TEST]
    if packed and (not archives or any(name.lower().endswith(_PARTS) for name in packed)):
        return f". Unpack {shown(packed[0])} first, with a program such as 7-Zip"
    if not archives:
        return ""
    hint = ". For an archive in it: dataset=archive " + shlex.quote(f"dataset.path={tree.top / archives[0]}")
    if len(archives) > 1 and not any(split_in(name) is not None for name in archives):
        hint += ". If each is a class, unpack it into a folder of its own"
    return hint


def _may_have_labels(name: str) -> bool:
    return name.lower().endswith(_TABLES) and "submission" not in name.lower()


def _split_of(table: Path, tree: Tree) -> int | None:
    return split_in(table.relative_to(tree.root).as_posix())


def _has_labels(name: str) -> bool:
    return any(word in name.lower() for word in ("label", "class", "truth", "annotation"))
