"""Oddities of usable images, except those that nearly all of them share, which describe the data set."""

import re
from collections import Counter
from collections.abc import Sequence

_SHARED = 0.9
"""Marks shared by at least this fraction describe the data set: in a grey set no image is odd for being grey."""

_PARTED = re.compile(r", (?!is )")  # `named .jpg, is PNG` is one mark
_DAMAGE = ("corrupt", "NaN", "infinite", "values below 0")  # reported for each image, however many have it


def shared_marks(notes: Sequence[str]) -> dict[str, int]:
    """The marks that nearly all images have, with counts: `{"grey": 13165}`.

    Args:
        notes: the marks of each image: `grey, EXIF orientation 6`; `""` for none.
    """
    counts = Counter(mark for note in notes if note for mark in _PARTED.split(note))
    return {
        mark: count
        for mark, count in counts.most_common()
        if count >= _SHARED * len(notes) and not mark.startswith(_DAMAGE)
    }


def own_marks(notes: Sequence[str]) -> list[str]:
    """The notes without shared marks."""
    shared = shared_marks(notes)
    if not shared:
        return list(notes)
    return [", ".join(mark for mark in _PARTED.split(note) if mark not in shared) if note else "" for note in notes]
