"""The class and split of every file, from names only; nothing is opened."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.sources import refusals
from catsdogs_exp.data.sources.alike import joined_names
from catsdogs_exp.data.sources.file_names import classes_in_names
from catsdogs_exp.data.sources.known_names import is_container
from catsdogs_exp.data.sources.layout import Branch, Layout, read_layout
from catsdogs_exp.data.sources.selection import EVERYTHING, Selection, known_classes
from catsdogs_exp.data.sources.split_names import SPLITS, TEST, TRAIN, UNDECIDED, VALIDATION
from catsdogs_exp.data.sources.tree import Tree, last
from catsdogs_exp.data.sources.walking import Walker
from catsdogs_exp.data.sources.wording import shown, some
from catsdogs_exp.errors import BadInput
from catsdogs_exp.natural_sort import natural_key
from catsdogs_exp.platforms import original_name

__all__ = [
    "SPLITS",
    "TEST",
    "TRAIN",
    "UNDECIDED",
    "VALIDATION",
    "Found",
    "Listing",
    "Part",
    "list_images",
    "list_parts",
    "listing_of",
    "naming_archives",
    "storable",
]


@dataclass(frozen=True)
class Listing:
    """Files below a root, in natural order, as columns (no Python object per image).

    Attributes:
        root: the folder.
        classes: class names, in natural order; labels are indices into them.
        paths: variable-width strings [n], relative to the root, with `/`.
        labels: int32 [n].
        splits: int8 [n], an index into `SPLITS` or `UNDECIDED`.
        notes: what was skipped, one line each: `12 files whose names do not match dataset.pattern`.
        reading: what was guessed or decided, one line each.
        unpacked_from: folders in the cache with the archives they were unpacked from, which messages name instead.
        groups: variable-width strings [n], equal for files that must stay in one split, empty for those on their own;
            None: all are.
    """

    root: Path
    classes: tuple[str, ...]
    paths: NDArray[np.str_]
    labels: NDArray[np.int32]
    splits: NDArray[np.int8]
    notes: tuple[str, ...] = ()
    reading: tuple[str, ...] = ()
    unpacked_from: tuple[tuple[Path, Path], ...] = ()
    groups: NDArray[np.str_] | None = None

    def in_users_words(self, text: str) -> str:
        """The text with the archives named instead of the folders in the cache that they were unpacked into."""
        return naming_archives(text, self.unpacked_from)


def naming_archives(text: str, unpacked_from: Iterable[tuple[Path, Path]]) -> str:
    """Replaces folders that only the cache knows by the archives that the user named."""
    for folder, archive in unpacked_from:
        text = text.replace(str(folder), str(archive))
    return text


# a file's path, class and split
Found = tuple[str, str, int]


@dataclass(frozen=True)
class Part:
    """One of several folders that are listed together.

    Attributes:
        name: name of its folder in the listing's root, with which its paths begin; `""` for the root itself.
        folder: the folder that contains its files.
        split: the split of its files, unless they have their own.
    """

    name: str
    folder: Path
    split: int = UNDECIDED


def list_images(root: Path, selection: Selection = EVERYTHING) -> Listing:
    """Lists a folder with one folder per class, or with train/validation/test folders of those.

    `layout.py` interprets the folders. Hidden files are ignored; every other file counts as an image until inspection
    decides otherwise.

    Args:
        root: the folder.
        selection: which files to use, and what their classes are called.

    Raises:
        BadInput: for an empty folder, images without class folders, an ambiguous structure, an empty class folder, a
            single class, or a requested class that does not exist.
    """
    walker = Walker(selection.symlinks)
    named = _folder_inside(root, selection)
    layout = read_layout(named, walker, selection)
    return _listing(layout.top, [("", layout)], walker, selection, named)


def list_parts(root: Path, parts: Sequence[Part], selection: Selection = EVERYTHING) -> Listing:
    """Lists several folders as one, with all their classes; `root` contains (links to) them under their names.

    Raises:
        BadInput: as `list_images` does.
    """
    walker = Walker(selection.symlinks)
    trees = [Tree(part.folder, walker) for part in parts if part.split == UNDECIDED]
    if selection.folder is None and selection.pattern is None and all(map(_is_flat, trees)) and len(trees) > 1:
        raise refusals.classes_themselves([tree.top for tree in trees], selection)
    layouts = []
    for part in parts:
        layout = read_layout(_folder_inside(part.folder, selection), walker, selection)
        prefix = "".join(f"{name}/" for name in (part.name, *layout.top.relative_to(part.folder).parts) if name)
        branches = tuple(
            replace(branch, split=part.split if branch.split == UNDECIDED else branch.split)
            for branch in layout.branches
        )
        flat = tuple((inside, part.split if split == UNDECIDED else split) for inside, split in layout.flat)
        layouts.append((prefix, replace(layout, branches=branches, flat=flat)))
    return _listing(root, layouts, walker, selection)


def _is_flat(tree: Tree) -> bool:
    """Whether a folder contains images, but neither class folders nor classes in the file names."""
    return not tree.branches() and bool(tree.images()) and classes_in_names(tree.images()) is None


def listing_of(
    root: Path,
    found: Iterable[Found],
    where: object = None,
    notes: tuple[str, ...] = (),
    reading: tuple[str, ...] = (),
) -> Listing:
    """A listing of files whose classes and splits are known.

    Args:
        root: what their paths are relative to.
        found: the files.
        where: the table that lists them, for messages; None for folders.
        notes: what was skipped.
        reading: what was guessed or decided.

    Raises:
        BadInput: for fewer than two classes.
    """
    listing = _in_columns(root, found, notes, reading)
    if len(listing.classes) < 2:
        received = f"one: '{listing.classes[0]}'" if listing.classes else "none"
        needed = "Classification needs images of at least two classes" + (", one folder each" if where is None else "")
        raise BadInput(f"{needed}. Received {received} in {root if where is None else where}.")
    return listing


def _in_columns(root: Path, found: Iterable[Found], notes: tuple[str, ...], reading: tuple[str, ...]) -> Listing:
    ordered = sorted(found, key=lambda item: natural_key(item[0]))
    classes = tuple(sorted({name for _, name, _ in ordered}, key=natural_key))
    label_of = {name: label for label, name in enumerate(classes)}
    return Listing(
        root=root,
        classes=classes,
        paths=np.array([path for path, _, _ in ordered], dtype=np.dtypes.StringDType()),
        labels=np.array([label_of[name] for _, name, _ in ordered], dtype=np.int32),
        splits=np.array([split for _, _, split in ordered], dtype=np.int8),
        notes=notes,
        reading=reading,
    )


def _folder_inside(root: Path, selection: Selection) -> Path:
    """The folder that `dataset.folder` names."""
    if selection.folder is None:
        return root
    inside = (root / selection.folder).resolve()
    if not inside.is_relative_to(root.resolve()) or not inside.is_dir():
        there = some(sorted(path.name for path in root.iterdir() if path.is_dir()), 20)
        raise BadInput(
            f"dataset.folder must be a folder in {root}. Received: dataset.folder={selection.folder}. "
            f"There: {there or 'no folders'}"
        )
    return root / selection.folder


def _listing(
    root: Path, layouts: list[tuple[str, Layout]], walker: Walker, selection: Selection, around: Path | None = None
) -> Listing:
    """The files of one or several layouts.

    Args:
        root: what paths are relative to.
        layouts: each with the beginning of its paths.
        walker: knows what was skipped.
        selection: which files to use, and what their classes are called.
        around: the folder that the user named, if it is another.
    """
    if selection.escaped:
        layouts = [(prefix, _with_original_names(layout)) for prefix, layout in layouts]
    of_names = [_in_flat_folders(layout, walker, selection) for _, layout in layouts]
    placed = [(f"{prefix}{b.place}", b.name) for prefix, layout in layouts for b in _train_first(layout.branches)]
    placed += [
        (f"{prefix}{inside}", name)
        for (prefix, _), found in zip(layouts, of_names, strict=True)
        for _, name, _, inside in found
    ]
    used, alike = joined_names((place, storable(name)) for place, name in placed)
    renamed = known_classes(selection.classes, used.values(), root)
    found: list[Found] = []
    for (prefix, layout), named in zip(layouts, of_names, strict=True):
        found += [(f"{prefix}{path}", used[storable(name)], split) for path, name, split, _ in named]
        for branch in layout.branches:
            name = used[storable(branch.name)]
            if renamed is None or name in renamed:
                files = _files_of_class(layout.top, branch.inside, walker, selection)
                found += [(f"{prefix}{path}", name, branch.split) for path in files]
    if renamed is not None:
        found = [(path, renamed[name], split) for path, name, split in found if name in renamed]
    names = {name for _, name, _ in found}
    if len(names) == 1 and (not selection.for_evaluation or is_container(*names)):
        raise refusals.one_class(Tree(root, walker, around), names.pop(), selection)
    printed = [(storable(path), name, split) for path, name, split in found]
    notes = (*(note for _, layout in layouts for note in layout.skipped), *walker.notes())
    reading = (*(line for _, layout in layouts for line in layout.reading), *alike)
    if found and selection.for_evaluation:
        return _in_columns(root, printed, notes, reading)
    return listing_of(root, printed, notes=notes, reading=reading)


def _with_original_names(layout: Layout) -> Layout:
    """Restores the original class names of folders and files that were stored under safe names."""
    branches = tuple(replace(branch, name=original_name(branch.name)) for branch in layout.branches)
    return replace(layout, branches=branches, class_in=lambda name: layout.class_in(original_name(name)))


def _train_first(branches: Iterable[Branch]) -> list[Branch]:
    return sorted(branches, key=lambda branch: branch.split)


def _files_of_class(top: Path, inside: str, walker: Walker, selection: Selection) -> list[str]:
    files = walker.files(top, inside)
    taken = [path for path in files if selection.takes(path)]
    walker.leave_out(len(files) - len(taken), " that do not match dataset.include")
    if not taken:
        which = " that match dataset.include" if files else ""
        hint = "Include more, or select other classes with dataset.classes." if files else ""
        raise BadInput(
            f"The class folder '{last(inside)}' contains no images{which}: {top / inside}. "
            f"{hint or 'Put images into it or remove the folder.'}"
        )
    return taken


def _in_flat_folders(layout: Layout, walker: Walker, selection: Selection) -> list[tuple[str, str, int, str]]:
    """The files of flat folders, whose names contain the class: path, class, split, folder."""
    found: list[tuple[str, str, int, str]] = []
    odd: dict[str, list[str]] = {}
    for inside, split in layout.flat:
        for path in walker.files(layout.top, inside):
            if not selection.takes(path):
                walker.leave_out(1, " that do not match dataset.include")
            elif (name := layout.class_in(path.rpartition("/")[2])) is None:
                odd.setdefault(inside, []).append(path)
            else:
                found.append((path, name, split, inside))
    if odd and not found:
        every = sorted((path for paths in odd.values() for path in paths), key=natural_key)
        raise BadInput(
            f"dataset.pattern matches none of the {len(every)} file names in {layout.top}, such as "
            f"{', '.join(map(repr, every[:3]))}. Received: {selection.pattern!r}"
        )
    for inside, paths in odd.items():
        why = "name does not match dataset.pattern" if selection.pattern else "no class in the name"
        names = some((shown(storable(last(path))) for path in sorted(paths, key=natural_key)), 3)
        walker.leave_out(len(paths), f"{f' in {shown(inside)}' if inside else ''} ({why}): {names}")
    return found


def storable(name: str) -> str:
    """Converts a name so that any text file can hold it: bytes that are not UTF-8 (from old archives) become `\\xe9`.

    No file has that name, so inspection leaves it out and reports why.
    """
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")
