"""What is odd about usable images, apart from what nearly all of them share: that is how the data set is."""

import re
from collections import Counter
from collections.abc import Sequence

_SHARED = 0.9
"""Share of the pictures from which on a mark is the data set's: of a grey set no picture is odd for being grey."""

_PARTED = re.compile(r", (?!is )")  # `named .jpg, is PNG` is one mark
_DAMAGE = ("corrupt", "NaN", "infinite", "values below 0")  # is told of each picture, however many have it


def shared_marks(notes: Sequence[str]) -> dict[str, int]:
    """The marks that nearly all pictures have, and how many: `{"grey": 13165}`.

    Args:
        notes: of each picture, its marks: `grey, EXIF orientation 6`; `""` for none.
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
