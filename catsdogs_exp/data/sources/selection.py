"""Selects files and names their classes: `include`, `pattern`, `classes`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from catsdogs_exp.config.checks.dataset_checks import compiled_pattern
from catsdogs_exp.config.patterns import Pattern
from catsdogs_exp.config.schema.datasets import FolderDataset, ImageFiles, several
from catsdogs_exp.data.sources.alike import as_known
from catsdogs_exp.data.sources.file_names import LONGEST_NAME
from catsdogs_exp.errors import BadInput, did_you_mean
from catsdogs_exp.natural_sort import natural_key


@dataclass(frozen=True)
class Selection:
    """What to use from a folder.

    Attributes:
        classes: class names as found -> as used; None to keep all.
        include: glob patterns, at least one of which a file must match; empty for all files.
        symlinks: `follow` or `skip`.
        pattern: regular expression on file names with a group `class`; None if folders are classes.
        folder: the subfolder that holds the data; None for the whole folder.
        folders: what a folder called `train` is: `auto`, `splits`, `classes` or `merge`.
        escaped: whether folders and files have names from `platforms.safe_name`.
        for_evaluation: whether one class suffices, and no training folder is needed; training needs two classes.
        in_place: whether the user named the folder itself, so that messages can name others next to or inside it.
    """

    classes: Mapping[str, str] | None = None
    include: tuple[str, ...] = ()
    symlinks: str = "follow"
    pattern: str | None = None
    folder: str | None = None
    folders: str = "auto"
    in_place: bool = False
    for_evaluation: bool = False
    escaped: bool = False

    @classmethod
    def of(cls, dataset: ImageFiles, folders: str = "auto") -> "Selection":
        """The selection for a source's settings and `split.folders`."""
        return cls(
            classes=dataset.classes,
            include=several(dataset.include),
            symlinks=dataset.symlinks,
            pattern=dataset.pattern,
            folder=dataset.folder,
            folders=folders,
            in_place=isinstance(dataset, FolderDataset),
        )

    def takes(self, path: str) -> bool:
        """Whether to use a file, by its path relative to the data's folder."""
        return self._included is None or self._included.fullmatch(path) is not None

    def class_in(self, name: str) -> str | None:
        """The class in a file's name by `pattern`, or None if it does not match."""
        if self._compiled is None or len(name) > LONGEST_NAME:
            return None
        found = self._compiled.search(name)
        return found["class"] if found and found["class"] else None

    @cached_property
    def _compiled(self) -> Pattern | None:
        return None if self.pattern is None else compiled_pattern(self.pattern)

    @cached_property
    def _included(self) -> Pattern | None:
        for glob in self.include:
            try:
                re.compile(_glob(glob))
            except re.error as error:
                raise BadInput(
                    f"dataset.include must be glob patterns such as '*.jpg': {error.msg}. Received: {glob!r}"
                ) from error
        globs = "|".join(_glob(glob) for glob in self.include)
        return Pattern("dataset.include", globs, received=", ".join(self.include)) if self.include else None


EVERYTHING = Selection()


def known_classes(classes: Mapping[str, str] | None, found: Iterable[str], where: object) -> Mapping[str, str] | None:
    """Returns `dataset.classes` with the names as the data spells them, in whatever Unicode form they were typed.

    Args:
        classes: names as found -> as used.
        found: the class names in the data.
        where: the data, for the message.

    Raises:
        BadInput: naming the first unknown class and the closest match.
    """
    if classes is None:
        return None
    known = sorted(set(found), key=natural_key)
    spelled = {as_known(name, known): used for name, used in classes.items()}
    for name in spelled:
        if name not in known:
            listed = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
            raise BadInput(
                f"dataset.classes names a class that does not exist: {name}.{did_you_mean(name, known)} "
                f"The classes in {where}: {listed or 'none'}."
            )
    return spelled


def _glob(glob: str) -> str:
    """A glob pattern as a regular expression on whole paths: `*` and `?` stay within a folder, `**/` crosses folders.

    A pattern without `/` applies to file names in any folder.
    """
    text = glob.removeprefix("./").lstrip("/")
    parts = ["" if "/" in text else "(?:.*/)?"]
    position = 0
    while position < len(text):
        if text.startswith("**/", position):
            parts.append("(?:.*/)?")
            position += 3
        elif text.startswith("**", position):
            parts.append(".*")
            position += 2
        elif text[position] == "*":
            parts.append("[^/]*")
            position += 1
        elif text[position] == "?":
            parts.append("[^/]")
            position += 1
        elif text[position] == "[" and (end := text.find("]", position + 2)) > 0:
            inside = text[position + 1 : end]
            negated = inside.startswith("!")
            inside = inside[negated:].replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^")
            parts.append(f"(?!/)[{'^' if negated else ''}{inside}]")
            position = end + 1
        else:
            parts.append(re.escape(text[position]))
            position += 1
    return f"(?:{''.join(parts)})"
