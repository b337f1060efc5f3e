"""Classes in file names: `cat.0.jpg` and `dog.0.jpg`, as in the Kaggle competition, unlike `IMG_0001.jpg`."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from catsdogs_exp.data.sources.known_names import is_of_camera

LONGEST_NAME = 255  # characters; longer names, which no file system allows, are not searched
_MOST_OTHERS = 0.1  # share of a folder's names
_FEWEST = 2  # files per class
_NAMED = re.compile(r"(?P<class>[^\W\d_](?:\D*[^\W\d_])?)[\W_]*\d+\)?(?:\.\w+)?")


@dataclass(frozen=True)
class NamedClasses:
    """Classes that were found in file names.

    Attributes:
        classes: their names.
    """

    classes: frozenset[str]

    def class_in(self, name: str) -> str | None:
        """The class in a file's name, or None."""
        found = class_before_number(name)
        return found if found in self.classes else None


def class_before_number(name: str) -> str | None:
    """`cat` for `cat.12.jpg`, `great_pyrenees` for `great_pyrenees_102.jpg`; None for `12.jpg`, `IMG_12.jpg`."""
    if len(name) > LONGEST_NAME:
        return None
    found = _NAMED.fullmatch(name)
    if found is None or is_of_camera(re.split(r"[\W_]+", found["class"])[0]):
        return None
    return found["class"]


def classes_in_names(names: Iterable[str]) -> NamedClasses | None:
    """The classes in a folder's file names, or None if there are fewer than two.

    A class is the part before the number in at least two files; nine out of ten names must have one.
    """
    counts = Counter(class_before_number(name) for name in names)
    classes = frozenset(name for name, count in counts.items() if name is not None and count >= _FEWEST)
    named = sum(counts[name] for name in classes)
    if len(classes) < 2 or named < (1 - _MOST_OTHERS) * counts.total():
        return None
    return NamedClasses(classes)
