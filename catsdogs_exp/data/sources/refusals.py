"""Messages about folders that cannot be read, or are ambiguous."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from catsdogs_exp.data.sources.alike import likeness
from catsdogs_exp.data.sources.inside_classes import are_numbered_parts, classes_inside
from catsdogs_exp.data.sources.known_names import is_beside, is_container, may_be_image
from catsdogs_exp.data.sources.other_inputs import archive_hint, table_hint
from catsdogs_exp.data.sources.selection import Selection
from catsdogs_exp.data.sources.tree import Tree, below
from catsdogs_exp.data.sources.wording import counted, listed, shown
from catsdogs_exp.errors import BadInput
from catsdogs_exp.natural_sort import natural_key

_MOST_TOGETHER = 8  # folders in one setting


def no_class_folders(tree: Tree, selection: Selection, splits: Sequence[str] = ()) -> BadInput:
    """The error for images without class folders and without classes in their names."""
    top = tree.top
    files = sum(len(tree.files(name)) for name in splits) if splits else len(tree.loose(""))
    images = bool(splits or tree.images())
    where = f" in {listed(splits)}" if splits else ""
    what = f"{counted(files, 'file')}{where} but no class folders" if images else _no_images(tree)
    hint = ". With the class in the file names, set dataset.pattern" if images else ""
    if len(splits) > 1:
        hint += f". If {listed(splits)} are classes, set split.folders=classes"
    hint += archive_hint(tree) + table_hint(tree, splits, selection.in_place, pixels=not images)
    return BadInput(
        f"The folder of images contains {what}: {top}. Expected one folder per class: {top}/cats/1.jpg, "
        f"{top}/dogs/2.jpg; or train/ and validation/ with those inside{hint}."
    )


def _no_images(tree: Tree) -> str:
    """What folders without images hold."""
    others = [name for name in tree.files("") if not may_be_image(name)]
    if not others:
        return "nothing"
    return f"no images, but {counted(len(others), 'other file')}, such as {shown(min(others, key=natural_key))}"


def two_readings(tree: Tree, splits: Sequence[str], rest: Sequence[str], as_splits: str) -> BadInput:
    """The error for folders named like splits next to other folders.

    Args:
        tree: where they are.
        splits: the folders that may be splits.
        rest: the other folders.
        as_splits: the effect of `split.folders=splits`.
    """
    one = len(splits) == 1
    return BadInput(
        f"{listed(splits)} may be {'a split or a class' if one else 'splits or classes'} in {tree.top}: "
        f"split.folders=classes takes {listed(sorted([*rest, *splits], key=natural_key))} as the classes; "
        f"split.folders=splits {as_splits}."
    )


def no_training_folder(tree: Tree, splits: Sequence[str]) -> BadInput:
    """The error for validation and test folders without a training folder."""
    return BadInput(
        f"There are no training images in {tree.top}: it contains {listed(splits)}, but no folder train. Rename the "
        "one "
        "to train on; or set split.folders=merge, which pools all images and splits them again; or "
        f"split.folders=classes, if {listed(splits)} are the classes."
    )


def other_classes(tree: Tree, split: str, found: Sequence[str], train: Sequence[str]) -> BadInput:
    """The error for a validation or test folder with other classes than train."""
    return BadInput(
        f"{shown(split)} contains none of the classes of train in {tree.top}: {listed(found)} there, {listed(train)} "
        f"in train. Name its folders after the classes, or remove {shown(split)}."
    )


def one_class(tree: Tree, name: str, selection: Selection) -> BadInput:
    """The error for a single class, which may be a folder called `images` or similar, where classes should be."""
    hint = table_hint(tree, (), selection.in_place)
    if is_container(name):
        return BadInput(
            f"The folders in {tree.top} contain no classes, only {shown(name)}. Expected one folder per class. images/ "
            "next to labels/ is a layout for object detection, in which images have no class; for a list of files and "
            f"their classes use dataset=csv{hint}."
        )
    if selection.classes is None and selection.pattern is None:
        hint = f". With the class in the file names, set dataset.pattern{hint}"
    return BadInput(
        f"Classification needs images of at least two classes, one folder each. Received one: '{name}' in "
        f"{tree.top}{hint}."
    )


def classes_themselves(folders: Sequence[Path], selection: Selection) -> BadInput:
    """The error for several folders of images that are the classes, rather than folders of class folders."""
    names = [folder.name for folder in folders]
    one_place = len({folder.parent for folder in folders}) == 1 < len(set(names))
    hint = "Put them into one folder, and set dataset.path to it."
    if not selection.in_place:
        hint = "Unpack each into a folder of its own, these into one folder, and use dataset=folder."
    elif one_place and not any(re.search(r"[\[\]{},:'\"\\]", name) for name in names):
        place = shlex.join([f"dataset.path={folders[0].parent}", f"dataset.classes=[{','.join(names)}]"])
        hint = f"If they are the classes: {place}."
    return BadInput(
        f"The folders or archives in dataset.path contain images but no class folders: {', '.join(map(str, folders))}. "
        f"{hint}"
    )


def check_classes_look_like_ones(tree: Tree, names: Sequence[str], selection: Selection) -> None:
    """Rejects folders that seem to be parents of the class folders.

    Raises:
        BadInput: if all contain folders of the same names, or only one called `Dataset` contains folders.
    """
    inner = {name: classes_inside(tree, name) for name in names}
    around = [name for name in names if len(inner[name]) > 1 and not tree.images(name)]
    if len(around) == len(names) > 1:
        _check_differ(tree, inner, selection, "classes")
    if len(names) > 1 and are_numbered_parts(names):
        hint = table_hint(tree, (), selection.in_place)
        joined = together(tree, names, selection) if around else ""
        hint = hint or ("" if around else ". Sort the images into one folder per class")
        raise BadInput(
            f"{listed(names)} are called like parts of one set of images rather than classes, in {tree.top}"
            f"{hint}{f'. To take the folders in them as the classes: {joined}' if joined else ''}. If they are the "
            "classes: split.folders=classes."
        )
    if len(around) == 1 and len(names) > 1:
        name = around[0]
        others = [each for each in names if each != name]
        if is_container(name) or all(is_beside(each) for each in others):
            raise BadInput(
                f"{shown(name)} contains folders that look like classes ({listed(inner[name])}), next to "
                f"{listed(others)} in {tree.top}: {_inside(tree, name, selection)}. "
                f"If {listed(names)} are the classes: split.folders=classes."
            )


def check_splits_hold_no_classes(tree: Tree, names: Sequence[str], selection: Selection) -> None:
    """Rejects `v1/train/cat`, `v2/train/cat`, ...: versions of one data set rather than classes with splits.

    Raises:
        BadInput: if the splits in all folders contain folders of the same names.
    """
    if selection.folders == "auto":
        inner = {name: _inside_splits(tree, name) for name in names}
        _check_differ(tree, inner, selection, "splits")


def _inside_splits(tree: Tree, name: str) -> list[str]:
    found = [each for split in tree.branches(name) for each in tree.branches(below(name, split))]
    return [each for each in dict.fromkeys(found) if not (is_container(each) or is_beside(each))]


def _check_differ(tree: Tree, inner: Mapping[str, Sequence[str]], selection: Selection, folders: str) -> None:
    """Rejects folders that all contain the same folders; `split.folders=FOLDERS` would take them as classes."""
    names = list(inner)
    common = set.intersection(*({likeness(each) for each in inner[name]} for name in names))
    if len(common) > 1 and 2 * len(common) >= min(len({likeness(each) for each in inner[name]}) for name in names):
        both = [each for each in inner[names[0]] if likeness(each) in common]
        first = next((name for name in names if not is_beside(name)), names[0])
        joined = together(tree, names, selection)
        raise BadInput(
            f"{listed(names)} contain the same folders, {listed(both)}, in {tree.top}. To classify {listed(both)}: "
            f"{_inside(tree, first, selection)}{f', or together: {joined}' if joined else ''}. "
            f"To classify {listed(names)}: split.folders={folders}."
        )


def _inside(tree: Tree, name: str, selection: Selection) -> str:
    if selection.in_place:
        return _typed(f"dataset.path={tree.top / name}")
    return _typed(f"dataset.folder={(tree.top / name).relative_to(tree.root).as_posix()}")


def together(tree: Tree, names: Sequence[str], selection: Selection) -> str:
    """The setting that takes the folders in several folders as the classes, or `""` if it cannot be typed."""
    images = [name for name in names if not is_beside(name)]
    if not selection.in_place or not 1 < len(images) <= _MOST_TOGETHER:
        return ""
    return _typed(f"dataset.path=[{','.join(str(tree.top / name) for name in images)}]")


def _typed(setting: str) -> str:
    """A setting as one types it; brackets alone need no quotes in most shells."""
    bare = re.sub(r"[\[\],]", "", setting)
    return setting if shlex.quote(bare) == bare else shlex.quote(setting)
