"""Interprets the folders of a data set: which are splits, which are classes, and which are neither."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from catsdogs_exp.data.sources import refusals
from catsdogs_exp.data.sources.alike import likeness
from catsdogs_exp.data.sources.file_names import NamedClasses, classes_in_names
from catsdogs_exp.data.sources.inside_classes import classes_inside, note_of_folders
from catsdogs_exp.data.sources.known_names import is_beside, is_container, may_be_image
from catsdogs_exp.data.sources.selection import Selection
from catsdogs_exp.data.sources.split_names import (
    SPLITS,
    TRAIN,
    UNDECIDED,
    UNLABELLED,
    affixed,
    beside_training,
    split_of,
    without_evaluation,
)
from catsdogs_exp.data.sources.tree import EMPTY, Tree, below, last, unused_in
from catsdogs_exp.data.sources.walking import Walker
from catsdogs_exp.data.sources.wording import counted, listed, shown, some
from catsdogs_exp.errors import BadInput

_DEEPEST = 20  # maximum depth of folders around the data; links can create any number


@dataclass(frozen=True)
class Branch:
    """A folder whose files belong to one class.

    Attributes:
        inside: its path, relative to the layout's top.
        name: of the class.
        split: an index into `SPLITS`, or `UNDECIDED`.
        place: the folder that contains the class, next to others.
    """

    inside: str
    name: str
    split: int = UNDECIDED
    place: str = ""


@dataclass(frozen=True)
class Layout:
    """The location of each class's files.

    Attributes:
        top: the folder.
        branches: the class folders.
        flat: folders whose file names contain the class, with their splits.
        class_in: returns the class in such a file name, or None.
        reading: decisions where there was a choice, one line each.
        skipped: what is not used, one line each.
    """

    top: Path
    branches: tuple[Branch, ...] = ()
    flat: tuple[tuple[str, int], ...] = ()
    class_in: Callable[[str], str | None] = lambda name: None
    reading: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


def read_layout(root: Path, walker: Walker, selection: Selection) -> Layout:
    """Determines the layout of a folder, without opening a file.

    `selection.folders` determines what a folder called `train` or `test` is: `splits` or `classes`; `auto` decides if
    only one reading makes sense, and `merge` is `splits` with all images in one pool.

    Raises:
        BadInput: for a folder without classes, and an ambiguous one.
    """
    skipped: list[str] = []
    reading: list[str] = []
    tree = _unwrapped(root, walker, selection, skipped, reading)
    return _Reader(tree, selection, skipped, reading).layout()


def _unwrapped(root: Path, walker: Walker, selection: Selection, skipped: list[str], reading: list[str]) -> Tree:
    """Passes through folders that contain a single folder of data, unless that is a class or split."""
    top, seen = root, set()
    while True:
        if top.resolve() in seen:
            raise BadInput(f"The folder of images is a link to a parent folder: {top}. Set dataset.symlinks=skip")
        seen.add(top.resolve())
        tree = Tree(top, walker, root)
        inner = tree.main_branch()
        if inner is None or (split_of(inner) is not None and selection.folders != "classes"):
            return tree
        if selection.pattern is not None:
            if any(selection.class_in(name) for name in tree.loose("")):
                return tree  # the images themselves
        elif classes_in_names(tree.images()):
            return tree
        elif not tree.branches(inner) and not _named(tree, inner):
            return tree  # a single class folder: reported as such
        if unused := [name for name in tree.branches() if name != inner]:
            reading.append(f"the data is in the folder {shown((top / inner).relative_to(root).as_posix())}")
        skipped += unused_in(tree, "", unused)
        top = top / inner


class _Reader:
    def __init__(self, tree: Tree, selection: Selection, skipped: list[str], reading: list[str]) -> None:
        self._tree = tree
        self._mode = selection.folders
        self._selection = selection
        self._reading = reading
        self._skipped = skipped

    def layout(self) -> Layout:
        tree = self._tree
        branches = tree.branches()
        if self._mode == "auto" and self._picks_split_names(branches):
            self._mode = "classes"
        mode = self._mode
        split = {name: which for name in branches if mode != "classes" and (which := split_of(name)) is not None}
        rest = [name for name in branches if name not in split]
        splits = without_evaluation({name: which for name, which in split.items() if which != UNLABELLED})
        if self._selection.pattern is not None:
            flat = list(splits.items()) if TRAIN in splits.values() else [("", UNDECIDED)]
            return self._flat(flat, rest, self._selection.class_in)
        for name in split.keys() - splits.keys():
            self._leave(name, "unlabelled")
        if not branches:
            named = classes_in_names(tree.images())
            if named is None:
                raise refusals.no_class_folders(tree, self._selection)
            return self._named("", [("", UNDECIDED)], [], named)
        if mode != "classes" and not splits and (parted := affixed(rest)):
            if len({other for other, _ in parted.values()}) > 1:
                return self._parted(parted, rest)
            splits = {name: which for name, (_, which) in parted.items()}
        splits = splits or self._beside_training(rest)
        rest = [name for name in rest if name not in splits]
        if splits:
            if mode == "auto":
                for name in filter(is_beside, rest):
                    self._leave(name, f"next to {some(map(shown, splits), 3)}")
                rest = [name for name in rest if not is_beside(name)]
            return self._splits(splits, rest)
        if mode != "classes":
            if found := self._splits_in_classes(rest):
                return found
            rest = self._without_copies(rest)
            if len(rest) > 1 and (main := tree.main_branch()) is not None:
                raise refusals.no_class_folders(tree, self._selection, [main])
            refusals.check_classes_look_like_ones(tree, rest, self._selection)
        self._reading += note_of_folders(tree, rest, refusals.together(tree, rest, self._selection))
        return self._done(self._classes(rest))

    def _picks_split_names(self, branches: list[str]) -> bool:
        """Whether `dataset.classes` names these folders, one of which has the name of a split."""
        picked = self._selection.classes or {}
        return set(picked) <= set(branches) and any(split_of(name) is not None for name in picked)

    def _done(self, branches: Iterable[Branch]) -> Layout:
        self._skipped += unused_in(self._tree, "")
        return Layout(
            self._tree.top, tuple(branches), reading=tuple(self._reading), skipped=tuple(dict.fromkeys(self._skipped))
        )

    def _classes(self, names: Sequence[str], place: str = "", split: int = UNDECIDED) -> list[Branch]:
        """Treats the folders inside `place` as classes."""
        split = UNDECIDED if self._mode == "merge" else split
        found = []
        for name in names:
            inside = below(place, name)
            within = self._tree.main_branch(inside)
            if within is not None and len(self._tree.branches(inside)) > 1:  # images next to masks
                for other in self._tree.branches(inside):
                    if other != within:
                        self._leave(below(inside, other), f"next to {within}")
                inside = below(inside, within)
            found.append(Branch(inside, name, split, place))
        return found

    # splits

    def _splits(self, splits: dict[str, int], rest: list[str]) -> Layout:
        """Split folders with class folders inside, or flat ones."""
        tree, mode = self._tree, self._mode
        inner = {name: self._inside(name) for name in splits}
        labelled = {name: inside for name, inside in inner.items() if tree.branches(inside)}
        if not labelled:
            return self._flat_splits(splits, inner, rest)
        classes = {name: {likeness(each) for each in tree.branches(inside)} for name, inside in labelled.items()}
        train = set().union(*(classes[name] for name in labelled if splits[name] == TRAIN))
        held = {name for name in labelled if splits[name] != TRAIN}
        branches = []
        if train:
            for name in sorted(held):
                if not classes[name] & train and (mode != "merge" or len(classes[name]) == 1):
                    held.discard(name)
                    self._leave_unknown_classes(name, labelled.pop(name), train)
        if train and rest:
            if mode == "auto" and not self._plainly_beside(rest, train, bool(held)):
                found = listed(tree.branches(next(iter(labelled.values()))))
                out = f"takes {found} in it as the classes, and leaves out {listed(rest)}"
                raise refusals.two_readings(tree, list(splits), rest, out)
            for name in rest:
                self._leave(name, f"next to {some(map(shown, labelled), 3)}")
        elif not train and rest:
            there = {likeness(name) for name in rest}
            if mode == "auto" and not all(classes[name] <= there for name in held):
                out = f"takes {listed(rest)} as the classes to train on"
                raise refusals.two_readings(tree, list(splits), rest, out)
            branches += self._classes(rest)
        elif not train and mode != "merge" and not self._selection.for_evaluation:
            raise refusals.no_training_folder(tree, list(splits))
        self._note_splits(labelled, splits)
        for name, inside in labelled.items():
            inner_classes = self._labelled(inside)
            branches += self._classes(inner_classes, inside, splits[name])
            if splits[name] == TRAIN:
                self._reading += note_of_folders(tree, [below(inside, each) for each in inner_classes], "")
            self._skipped += unused_in(tree, inside)
        for name in splits:
            if name not in labelled and name in inner and tree.branches(inner[name]) == []:
                self._leave(name, "no class folders in it, so its images have no labels")
        return self._done(branches)

    def _labelled(self, inside: str) -> list[str]:
        """The class folders of a split; one of unlabelled images is none, unless it was picked."""
        names = self._tree.branches(inside)
        if self._mode != "auto":
            return names
        without = [
            name for name in names if split_of(name) == UNLABELLED and name not in (self._selection.classes or {})
        ]
        for name in without:
            self._leave(below(inside, name), "unlabelled")
        return [name for name in names if name not in without]

    def _flat_splits(self, splits: dict[str, int], inner: dict[str, str], rest: list[str]) -> Layout:
        """Split folders without class folders: the class may be in the file names."""
        first = [name for name in splits if splits[name] == TRAIN] or list(splits)
        named = _named(self._tree, *(inner[name] for name in first))
        several = len(set(splits.values())) > 1
        if named and (several or self._mode != "auto" or not rest):
            return self._named(first[0], [(inner[name], which) for name, which in splits.items()], rest, named)
        if not rest:
            raise refusals.no_class_folders(self._tree, self._selection, list(splits))
        if self._mode == "auto" and not set(self._selection.classes or ()) & set(rest):
            refusals.check_classes_look_like_ones(self._tree, rest, self._selection)
            out = f"takes {listed(rest)} as the classes, and leaves out {listed(list(splits))}"
            raise refusals.two_readings(self._tree, list(splits), rest, out)
        for name in splits:
            self._leave(name, "no class folders in it, so its images have no labels")
        return self._done(self._classes(rest))

    def _inside(self, split: str) -> str:
        """Passes through `train/train` and `train/images`."""
        inside, tree = split, self._tree
        for _ in range(_DEEPEST):
            inner = tree.main_branch(inside)
            if inner is None:
                break
            deeper = len(tree.branches(below(inside, inner)))
            again = split_of(inner) is not None or likeness(inner) == likeness(last(inside))
            if deeper < 2 and not again and not (deeper and is_container(inner)):
                break
            self._skipped += unused_in(tree, inside, [name for name in tree.branches(inside) if name != inner])
            inside = below(inside, inner)
        return inside

    def _plainly_beside(self, rest: list[str], train: set[str], held: bool) -> bool:
        """Whether the folders next to train/ are obviously not classes."""
        tree = self._tree
        return held or all(
            tree.holds(name) == EMPTY or train & {likeness(each) for each in classes_inside(tree, name)}
            for name in rest
        )

    def _leave_unknown_classes(self, name: str, inside: str, train: set[str]) -> None:
        """A folder of validation or test images without any of train's classes."""
        found = self._tree.branches(inside)
        if len(found) > 1:
            raise refusals.other_classes(self._tree, name, found, sorted(train))
        what = (
            "no class folders in it" if is_container(found[0]) else f"{shown(found[0])} in it is not a class of train"
        )
        self._leave(name, f"{what}, so its images have no labels")

    def _note_splits(self, labelled: Iterable[str], splits: dict[str, int]) -> None:
        """Reports which folder is which split, unless it is obvious."""
        for which, split in enumerate(SPLITS):
            names = [name for name in labelled if splits[name] == which]
            if len(names) > 1 or any(split_of(name) is None or likeness(name)[:3] != split[:3] for name in names):
                both = "are together" if len(names) > 1 else "is"
                self._reading.append(f"{' and '.join(map(shown, names))} {both} taken as {split}")

    def _beside_training(self, names: Sequence[str]) -> dict[str, int]:
        """`rps` and `rps-test-set`, if they hold the same class folders."""
        found = {} if self._mode == "classes" else beside_training(names)
        classes = [{likeness(each) for each in self._tree.branches(name)} for name in found]
        return found if all(not each or len(each & classes[0]) > 1 for each in classes) and any(classes[:1]) else {}

    # splits inside of classes, or of names

    def _splits_in_classes(self, names: list[str]) -> Layout | None:
        """`cats/train`, `cats/val`, `dogs/train`, ...; None if the layout is different."""
        parted = {}
        for name in names:
            which = {each: split_of(each) for each in self._tree.branches(name)}
            known = {split for split in which.values() if split is not None and split != UNLABELLED}
            if (TRAIN in known or len(known) > 1) and None not in which.values() and not self._tree.images(name):
                parted[name] = which
        if len(parted) < 2 or (len(parted) < len(names) and self._mode == "auto"):
            return None
        refusals.check_splits_hold_no_classes(self._tree, list(parted), self._selection)
        branches = self._classes([name for name in names if name not in parted])
        for name, which in parted.items():
            for folder, split in which.items():
                inside = below(name, folder)
                if split is None or split == UNLABELLED:
                    self._leave(inside, "unlabelled")
                else:
                    branches.append(Branch(inside, name, UNDECIDED if self._mode == "merge" else split))
            self._skipped += unused_in(self._tree, name)
        name, which = next(iter(parted.items()))
        self._reading.append(f"the class folders contain the splits: {some((f'{name}/{each}' for each in which), 3)}")
        return self._done(branches)

    def _parted(self, parted: dict[str, tuple[str, int]], rest: list[str]) -> Layout:
        """`cats_train`, `cats_val`, `dogs_train`, ..."""
        sides: dict[str, set[int]] = {}
        for other, split in parted.values():
            sides.setdefault(other, set()).add(split)
        alike = len({frozenset(each) for each in sides.values()}) == 1 and TRAIN in next(iter(sides.values()))
        if self._mode == "auto" and not (alike and len(parted) == len(rest)):
            others = [name for name in rest if name not in parted]
            out = f"takes {listed(list(sides))} as the classes, and these as their splits"
            raise refusals.two_readings(self._tree, list(parted), others, out)
        merge = self._mode == "merge"
        branches = [Branch(name, cls, UNDECIDED if merge else which) for name, (cls, which) in parted.items()]
        for name in rest:
            if name not in parted:
                self._leave(name, f"next to {some(map(shown, parted), 3)}")
        self._reading.append(f"the folder names contain class and split: {some(map(shown, parted), 3)}")
        return self._done(branches)

    # classes in file names

    def _named(self, where: str, flat: list[tuple[str, int]], rest: list[str], named: NamedClasses) -> Layout:
        files = self._tree.files(where) if where else self._tree.images()
        example = min(file for file in files if named.class_in(last(file)))
        self._reading.append(
            f"classes from the file names: {some(map(shown, sorted(named.classes)))} (as in {shown(example)}); "
            "dataset.pattern overrides this"
        )
        return self._flat(flat, rest, named.class_in)

    def _flat(self, flat: list[tuple[str, int]], rest: list[str], class_in: Callable[[str], str | None]) -> Layout:
        if flat[0][0] != "":
            for name in rest:
                self._leave(name, f"next to {some((shown(inside) for inside, _ in flat), 3)}")
            self._skipped += unused_in(self._tree, "")
        if self._mode == "merge":
            flat = [(inside, UNDECIDED) for inside, _ in flat]
        return Layout(
            self._tree.top,
            flat=tuple(flat),
            class_in=class_in,
            reading=tuple(self._reading),
            skipped=tuple(dict.fromkeys(self._skipped)),
        )

    # classes

    def _without_copies(self, names: list[str]) -> list[str]:
        """Ignores a folder that repeats the other class folders."""
        kept = list(names)
        for name in names:
            inner = {likeness(each) for each in self._tree.branches(name)}
            others = {likeness(each) for each in names if each != name}
            if len(inner) > 1 and inner <= others and not self._tree.images(name):
                kept.remove(name)
                self._leave(name, "it repeats the class folders next to it")
        return kept

    def _leave(self, inside: str, why: str) -> None:
        """Notes that a folder is not used."""
        tree = self._tree
        if tree.holds(inside) == EMPTY:
            self._skipped.append(f"the folder {shown(inside)}: it is empty")
        else:
            count = len(tree.files(inside))
            self._skipped.append(f"the folder {shown(inside)} with {counted(count, 'file')}: {why}")


def _named(tree: Tree, *folders: str) -> NamedClasses | None:
    return classes_in_names(last(file) for inside in folders for file in tree.files(inside) if may_be_image(file))
