"""Formats names and numbers for messages."""

import re
from collections.abc import Iterable

_MOST = 4  # maximum names in a sentence


def shown(name: str) -> str:
    """A name as it can appear in one line of text."""
    return name if name.isprintable() and not re.search(r"^\s|\s$", name) else repr(name)


def some(names: Iterable[str], most: int = 5) -> str:
    """The first few names of many, `a, b, c, ...`."""
    every = list(names)
    return ", ".join(every[:most]) + (", ..." if len(every) > most else "")


def listed(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`, `a, b, c, d, ...`."""
    every = [shown(name) for name in names]
    if len(every) > _MOST:
        return some(every, _MOST)
    return " and ".join([", ".join(every[:-1]), every[-1]] if len(every) > 1 else every)


def counted(count: int, what: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
