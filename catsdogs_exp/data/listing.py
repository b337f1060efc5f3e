"""Which files belong to which class and split: names only, nothing is opened."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.errors import BadInput
from catsdogs_exp.plain import natural_key

SPLITS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)
UNDECIDED = -1

_SPLIT_FOLDERS = {
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
_CLUTTER = {"thumbs.db", "desktop.ini", "__macosx"}


@dataclass(frozen=True)
class Listing:
    """Files below a root, in natural order, as columns (no object an image).

    Attributes:
        root: the folder.
        classes: class names, in natural order; a label is an index into them.
        paths: variable-width strings [n], relative to the root, with `/`.
        labels: int32 [n].
        splits: int8 [n], an index into `SPLITS` or `UNDECIDED`.
    """

    root: Path
    classes: tuple[str, ...]
    paths: NDArray[np.str_]
    labels: NDArray[np.int32]
    splits: NDArray[np.int8]


def list_images(root: Path) -> Listing:
    """Lists a folder with one folder a class, or with train/validation/test folders of those.

    Single folders around the data (`archive/cats_and_dogs/...`) are passed through. Hidden files are left out;
    every other file counts as a picture until inspection says otherwise.

    Raises:
        BadInput: for an empty folder, pictures without class folders, an empty class folder, one class only, or a
            file name that is not UTF-8.
    """
    top = _unwrap(root)
    folders = _folders(top)
    by_split = {folder: _SPLIT_FOLDERS[folder.lower()] for folder in folders if folder.lower() in _SPLIT_FOLDERS}
    if not folders:
        files = sum(entry.is_file() for entry in os.scandir(top))
        what = f"{files} files but no class folders" if files else "nothing"
        raise BadInput(
            f"The folder of images holds {what}: {top}. Expected one folder a class: {top}/cats/1.jpg, "
            f"{top}/dogs/2.jpg; or train/ and validation/ with those inside."
        )
    if by_split and len(set(by_split.values())) == len(by_split) and TRAIN in by_split.values():
        tops = [(f"{folder}/", split) for folder, split in by_split.items()]
    else:
        tops = [("", UNDECIDED)]
    found: list[tuple[str, str, int]] = []
    for prefix, split in tops:
        for name in _folders(top / prefix):
            files_of_class = _files(top, f"{prefix}{name}")
            if not files_of_class:
                raise BadInput(
                    f"The class folder {name!r} holds no images: {top / prefix / name}. "
                    "Put images into it or remove the folder."
                )
            found += [(path, name, split) for path in files_of_class]
    _check_names(top, [path for path, _, _ in found])
    classes = tuple(sorted({name for _, name, _ in found}, key=natural_key))
    if len(classes) < 2:
        received = f"one: {classes[0]!r}" if classes else "none"
        raise BadInput(
            f"Classification needs images of at least two classes, one folder each. Received {received} in {top}."
        )
    found.sort(key=lambda item: natural_key(item[0]))
    label_of = {name: label for label, name in enumerate(classes)}
    return Listing(
        root=top,
        classes=classes,
        paths=np.array([path for path, _, _ in found], dtype=np.dtypes.StringDType()),
        labels=np.array([label_of[name] for _, name, _ in found], dtype=np.int32),
        splits=np.array([split for _, _, split in found], dtype=np.int8),
    )


def _unwrap(folder: Path) -> Path:
    """Passes through folders that hold one folder and nothing else, unless that is a class or split."""
    while True:
        entries = [entry for entry in os.scandir(folder) if not _is_clutter(entry.name)]
        if len(entries) != 1 or not entries[0].is_dir() or entries[0].name.lower() in _SPLIT_FOLDERS:
            return folder
        inner = Path(entries[0].path)
        if not _folders(inner):
            return folder  # a single class folder: reported as such
        folder = inner


def _folders(folder: Path) -> list[str]:
    names = [entry.name for entry in os.scandir(folder) if entry.is_dir() and not _is_clutter(entry.name)]
    return sorted(names, key=natural_key)


def _files(top: Path, inside: str) -> list[str]:
    """All files below a class folder, also in folders within it; links to folders are not followed."""
    found = []
    for parent, folders, files in os.walk(top / inside):
        folders[:] = [name for name in folders if not _is_clutter(name)]
        prefix = Path(parent).relative_to(top).as_posix()
        found += [f"{prefix}/{name}" for name in files if not _is_clutter(name)]
    return found


def _check_names(top: Path, paths: list[str]) -> None:
    """Refuses names that no text file could hold (Latin-1 names out of an old archive)."""
    for path in paths:
        try:
            path.encode()
        except UnicodeEncodeError as error:
            shown = os.fsencode(path)
            raise BadInput(f"A file name is not UTF-8: {shown!r} in {top}. Rename the file.") from error


def _is_clutter(name: str) -> bool:
    return name.startswith(".") or name.lower() in _CLUTTER
