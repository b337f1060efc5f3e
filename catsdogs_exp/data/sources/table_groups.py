"""Groups of files that a column of a table names: the images of a patient, the frames of a clip."""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from catsdogs_exp.data.sources.listing import UNDECIDED, Listing
from catsdogs_exp.data.sources.tables import Row, Table, likely_column
from catsdogs_exp.data.sources.wording import counted, shown, some

_WORDS = (
    "group", "groupid", "patient", "patientid", "subject", "subjectid", "person", "personid", "participant", "lesionid",
    "case", "caseid", "animalid", "individual", "individualid", "clip", "clipid", "video", "videoid", "sequence",
    "sequenceid", "session", "sessionid", "scene", "sceneid", "burst", "burstid", "seqid", "location", "locationid",
)  # fmt: skip
_FEWEST = 6  # groups that could be split


def in_groups(listing: Listing, group_of: Mapping[Path, str]) -> Listing:
    """Returns a listing with the group of each file, `""` for none."""
    named = [group_of[listing.root / path] for path in listing.paths.tolist()]
    return replace(listing, groups=np.array(named, dtype=np.dtypes.StringDType()))


def group_notes(name: str, groups: Mapping[str, str], splits: Mapping[str, int]) -> list[str]:
    """Reports the groups, and those that the table itself separates.

    Args:
        name: of the column.
        groups: path -> group, `""` for none.
        splits: path -> split, `UNDECIDED` for none.
    """
    named = [group for group in groups.values() if group]
    sizes = Counter(named)
    alone = len(groups) - len(named)
    notes = [
        f"the column {shown(name)} forms {counted(len(sizes), 'group')} of {min(sizes.values(), default=0)} to "
        f"{max(sizes.values(), default=0)} files, each kept in one split"
        f"{f'; {alone} without one are on their own' if alone else ''}"
    ]
    pairs = {(group, splits[path]) for path, group in groups.items() if group and splits[path] != UNDECIDED}
    several = sorted(group for group, count in Counter(group for group, _ in pairs).items() if count > 1)
    if several:
        notes.append(
            f"the table itself puts {counted(len(several), 'group')} into several splits, which leaks: "
            f"{some(map(shown, several), 3)}"
        )
    return notes


def likely_groups(table: Table, unused: Mapping[int, str], rows: Iterable[Row]) -> list[str]:
    """Returns how to use a column that seems to name groups, if there is one.

    Args:
        table: with its column names.
        unused: position -> name of the columns that are not used.
        rows: of the table.
    """
    place = likely_column(table, _WORDS, [place for place in range(len(table.columns)) if place not in unused])
    if place is None:
        return []
    sizes = Counter(row[place].strip() for _, row in rows)
    sizes.pop("", None)
    if len(sizes) < _FEWEST or max(sizes.values()) < 2:
        return []
    word = shlex.quote(f"dataset.group_column={unused[place]}")
    return [f"to keep images with the same {shown(unused[place])} in one split: {word}"]
