"""Finds similar class names: merges those that are clearly one class, and reports the others."""

import re
import unicodedata
from collections.abc import Iterable

from catsdogs_exp.data.sources.wording import shown
from catsdogs_exp.natural_sort import natural_key

# where a name occurs (names in the same place are meant to be different), and the name
Placed = tuple[str, str]


def joined_names(placed: Iterable[Placed]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Determines which names are the same class.

    Names that differ only in their Unicode form look the same and are merged. Names that differ in case or surrounding
    spaces are merged unless both occur in one place: `train/cat` and `val/Cat` are merged, two names in the same folder
    are not.

    Args:
        placed: each name with its place, in order of preference: the first spelling is used.

    Returns:
        Name -> the one that is used, and what was merged or looks suspicious, one line each.
    """
    places: dict[str, set[str]] = {}
    for place, name in placed:
        places.setdefault(name, set()).add(place)
    same: dict[str, list[str]] = {}
    for name in places:
        same.setdefault(_composed(name), []).append(name)
    used = {name: composed if len(names) > 1 else name for composed, names in same.items() for name in names}
    notes = [
        f"{shown(name)} is written in {len(names)} Unicode forms, which are treated as one class"
        for name, names in same.items()
        if len(names) > 1
    ]
    near: dict[str, list[str]] = {}
    for name in dict.fromkeys(used.values()):
        near.setdefault(likeness(name), []).append(name)
    for names in near.values():
        if len(names) < 2:
            continue
        stand = [set().union(*(places[name] for name in used if used[name] == each)) for each in names]
        listed = " and ".join(map(shown, names))
        if sum(map(len, stand)) == len(set().union(*stand)):
            notes.append(f"{listed} are treated as one class: {shown(names[0])}")
            used = {name: names[0] if other in names else other for name, other in used.items()}
        else:
            pairs = ", ".join(f"{_quoted(name)}: {names[0].strip()}" for name in names)
            notes.append(
                f"{listed} differ only in case or spaces and are separate classes; to merge "
                f"them: 'dataset.classes={{{pairs}, ...}}' with all other classes"
            )
    return used, tuple(notes)


def _quoted(name: str) -> str:
    """A name as an entry of `dataset.classes`: with quotes around spaces at its ends."""
    return name if name == name.strip() else f'"{name}"'


def doubtful_labels(names: Iterable[str]) -> tuple[str, ...]:
    """Labels of a table that may be mistakes: a number written in two ways, and words for missing values; one line
    each.
    """
    notes = []
    ordered = sorted(set(names), key=natural_key)
    numbers: dict[float, list[str]] = {}
    for name in ordered:
        if name.isascii() and len(name) < 20 and (value := _number(name)) is not None:
            numbers.setdefault(value, []).append(name)
    for same in numbers.values():
        if len(same) > 1:
            notes.append(f"{' and '.join(same)} are the same number, but separate labels")
    known = set(ordered)
    for name in ordered:
        parts = [part.strip() for part in re.split(r"[,;|/+&\s]+", name) if part.strip()]
        if len(parts) > 1 and len(set(parts)) == len(parts) and known.issuperset(parts):
            notes.append(
                f"the label {shown(name)} may stand for {' and '.join(map(shown, parts))} at once, but an image "
                "can have only one class: it is treated as a separate class"
            )
            break
    nothing = [name for name in ordered if name.casefold() in ("nan", "null", "none", "n/a", "na", "<na>", "?")]
    if nothing:
        others = ",".join(name for name in ordered[:4] if name not in nothing) + (",..." if len(ordered) > 4 else "")
        notes.append(
            f"the label {' and '.join(nothing)} is treated as a class; if "
            f"it means a missing label, name the others: dataset.classes=[{others}]"
        )
    return tuple(notes)


def as_known(name: str, known: Iterable[str]) -> str:
    """Returns the known name that differs at most in its Unicode form, which nobody sees; otherwise the name itself.

    macOS and its archives write `ä` as two characters, keyboards and other systems as one.
    """
    names = list(known)
    if name in names:
        return name
    return next((each for each in names if _composed(each) == _composed(name)), name)


def likeness(name: str) -> str:
    """A key that is equal for names that differ only in Unicode form, case or surrounding spaces."""
    return " ".join(_composed(name).split()).casefold()


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
