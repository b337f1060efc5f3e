"""Which files belong to which class and split: names only, nothing is opened."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.sources.selection import EVERYTHING, Selection, check_classes
from catsdogs_exp.data.sources.walking import Walker
from catsdogs_exp.errors import BadInput
from catsdogs_exp.natural_sort import natural_key

SPLITS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)
UNDECIDED = -1

SPLIT_NAMES = {
    "train": TRAIN,
    "training": TRAIN,
    "training_set": TRAIN,
    "train_set": TRAIN,
    "validation": VALIDATION,
    "validation_set": VALIDATION,
    "valid": VALIDATION,
    "val": VALIDATION,
    "val_set": VALIDATION,
    "test": TEST,
    "testing": TEST,
    "test_set": TEST,
}


@dataclass(frozen=True)
class Listing:
    """Files below a root, in natural order, as columns (no object an image).

    Attributes:
        root: the folder.
        classes: class names, in natural order; a label is an index into them.
        paths: variable-width strings [n], relative to the root, with `/`.
        labels: int32 [n].
        splits: int8 [n], an index into `SPLITS` or `UNDECIDED`.
        notes: what was passed over, one line each: `12 files whose names do not match dataset.pattern`.
    """

    root: Path
    classes: tuple[str, ...]
    paths: NDArray[np.str_]
    labels: NDArray[np.int32]
    splits: NDArray[np.int8]
    notes: tuple[str, ...] = ()


# a file's path, class and split
Found = tuple[str, str, int]


@dataclass(frozen=True)
class Part:
    """One of several folders that are listed together.

    Attributes:
        name: of its folder below the listing's root, and the beginning of its paths; `""` for the root itself.
        folder: where its files are.
        split: of all its files, where they have no split of their own.
    """

    name: str
    folder: Path
    split: int = UNDECIDED


def list_images(root: Path, selection: Selection = EVERYTHING) -> Listing:
    """Lists a folder with one folder a class, or with train/validation/test folders of those.

    Single folders around the data (`archive/cats_and_dogs/...`) are passed through. Hidden files are left out;
    every other file counts as a picture until inspection says otherwise.

    Args:
        root: the folder.
        selection: which files to take, and what their classes are called.

    Raises:
        BadInput: for an empty folder, pictures without class folders, an empty class folder, one class only, or a
            class that is asked for and not there.
    """
    walker = Walker(selection.symlinks)
    top = _unwrap(root, walker, selection)
    return _listing(top, _of_folder(top, walker, selection), selection, walker)


def list_parts(root: Path, parts: Sequence[Part], selection: Selection = EVERYTHING) -> Listing:
    """Lists several folders as one: all classes of all of them; `root` holds (links to) them under their names.

    Raises:
        BadInput: as `list_images` does.
    """
    found: list[Found] = []
    walker = Walker(selection.symlinks)
    for part in parts:
        top = _unwrap(part.folder, walker, selection)
        prefix = "/".join((part.name, *top.relative_to(part.folder).parts))
        of_part = _of_folder(top, walker, selection)
        found += [(f"{prefix}/{path}", name, part.split if s == UNDECIDED else s) for path, name, s in of_part]
    return _listing(root, found, selection, walker)


def listing_of(root: Path, found: Iterable[Found], where: object = None, notes: tuple[str, ...] = ()) -> Listing:
    """A listing of files whose classes and splits are known.

    Args:
        root: what their paths are relative to.
        found: the files.
        where: the table that says so, for messages; None for folders.
        notes: what was passed over.

    Raises:
        BadInput: for less than two classes.
    """
    ordered = sorted(found, key=lambda item: natural_key(item[0]))
    classes = tuple(sorted({name for _, name, _ in ordered}, key=natural_key))
    if len(classes) < 2:
        received = f"one: {classes[0]!r}" if classes else "none"
        needed = "Classification needs images of at least two classes" + (", one folder each" if where is None else "")
        raise BadInput(f"{needed}. Received {received} in {root if where is None else where}.")
    label_of = {name: label for label, name in enumerate(classes)}
    return Listing(
        root=root,
        classes=classes,
        paths=np.array([path for path, _, _ in ordered], dtype=np.dtypes.StringDType()),
        labels=np.array([label_of[name] for _, name, _ in ordered], dtype=np.int32),
        splits=np.array([split for _, _, split in ordered], dtype=np.int8),
        notes=notes,
    )


def _listing(root: Path, found: list[Found], selection: Selection, walker: Walker) -> Listing:
    found = [(printable(path), printable(name), split) for path, name, split in found]
    check_classes(selection.classes, (name for _, name, _ in found), root)
    if selection.classes is not None:
        found = [(path, selection.classes[name], split) for path, name, split in found if name in selection.classes]
    return listing_of(root, found, notes=walker.notes())


def _of_folder(top: Path, walker: Walker, selection: Selection) -> list[Found]:
    folders = walker.folders(top)
    by_split = {folder: SPLIT_NAMES[folder.lower()] for folder in folders if folder.lower() in SPLIT_NAMES}
    if by_split and len(set(by_split.values())) == len(by_split) and TRAIN in by_split.values():
        tops = list(by_split.items())
    else:
        tops = [("", UNDECIDED)]
    if selection.pattern is not None:
        return _by_pattern(top, tops, walker, selection)
    if not folders:
        files = len(walker.loose_files(top))
        what = f"{files} files but no class folders" if files else "nothing"
        hint = ". With the class in the file names, set dataset.pattern" if files else ""
        raise BadInput(
            f"The folder of images holds {what}: {top}. Expected one folder a class: {top}/cats/1.jpg, "
            f"{top}/dogs/2.jpg; or train/ and validation/ with those inside{hint}."
        )
    found: list[Found] = []
    for folder, split in tops:
        names = walker.folders(top / folder)
        for name in names:
            if selection.classes is not None and name not in selection.classes:
                # not listed, but known: a misspelt choice is told what there is
                found += [(f"{folder}/{name}", name, split)]
                continue
            of_class = _files_of_class(top, f"{folder}/{name}" if folder else name, walker, selection)
            found += [(path, name, split) for path in of_class]
    return found


def _files_of_class(top: Path, inside: str, walker: Walker, selection: Selection) -> list[str]:
    files = walker.files(top, inside)
    taken = [path for path in files if selection.takes(path)]
    if len(taken) < len(files):
        walker.left_out["files that dataset.include does not take"] += len(files) - len(taken)
    if not taken:
        name = inside.rpartition("/")[2]
        which = " that dataset.include takes" if files else ""
        hint = "Take more, or pick other classes with dataset.classes." if files else ""
        raise BadInput(
            f"The class folder {name!r} holds no images{which}: {top / inside}. "
            f"{hint or 'Put images into it or remove the folder.'}"
        )
    return taken


def _by_pattern(top: Path, tops: list[tuple[str, int]], walker: Walker, selection: Selection) -> list[Found]:
    """The files of flat folders, with the class in their names."""
    found: list[Found] = []
    odd: list[str] = []
    for folder, split in tops:
        for path in walker.files(top, folder):
            if not selection.takes(path):
                walker.left_out["files that dataset.include does not take"] += 1
            elif (name := selection.class_in(path.rpartition("/")[2])) is None:
                odd.append(path)
            else:
                found.append((path, name, split))
    if odd and not found:
        names = ", ".join(repr(path) for path in sorted(odd, key=natural_key)[:3])
        raise BadInput(
            f"dataset.pattern matches none of the {len(odd)} file names in {top}, such as {names}. "
            f"Received: {selection.pattern!r}"
        )
    if odd:
        walker.left_out["files whose names do not match dataset.pattern"] += len(odd)
    return found


def _unwrap(folder: Path, walker: Walker, selection: Selection) -> Path:
    """Passes through folders that hold one folder (and perhaps a readme), unless that is a class or split."""
    seen = set()
    while True:
        seen.add(folder.resolve())
        inner = walker.folders(folder)
        if len(inner) != 1 or inner[0].lower() in SPLIT_NAMES:
            return folder
        if selection.pattern is not None:
            if any(selection.class_in(name) for name in walker.loose_files(folder)):
                return folder  # the pictures themselves
        elif not walker.folders(folder / inner[0]):
            return folder  # a single class folder: reported as such
        folder = folder / inner[0]
        if folder.resolve() in seen:
            raise BadInput(f"The folder of images is a link to one around it: {folder}. Set dataset.symlinks=skip")


def printable(name: str) -> str:
    """A name as any text file can hold it: bytes that are not UTF-8 (out of an old archive) as `\\xe9`.

    No file has that name, so inspection leaves it out and says why.
    """
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")
