"""What patterns such as `photos/*.jpg` and `photos/**` match, by the rule by which training lists folders."""

import fnmatch
import glob
import os
from collections.abc import Sequence
from pathlib import Path

from catsdogs_exp.data.sources.clutter import is_clutter
from catsdogs_exp.data.sources.walking import Walker
from catsdogs_exp.natural_sort import natural_key
from catsdogs_exp.platforms import is_folder

_ANY_DEPTH = "**"


def matching(pattern: str, walker: Walker) -> list[Path]:
    """Returns the files and folders that a pattern matches, in natural order; with `**`, only files.

    Args:
        pattern: of a path; `**` stands for any number of folders.
        walker: follows links once, leaves out hidden files and clutter, and remembers what it left out.

    Raises:
        BadInput: for a folder that cannot be read.
    """
    parts = Path(pattern).parts
    if _ANY_DEPTH in parts:
        return _at_any_depth(parts, walker)
    names = sorted(glob.glob(pattern), key=natural_key)  # noqa: PTH207  (absolute patterns, too)
    kept = [Path(name) for name in names if not _names_clutter(Path(name).parts, parts)]
    walker.leave_out(len(names) - len(kept), ": hidden or left behind by a system or program")
    return kept


def _names_clutter(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Returns whether a wildcard stands for a folder or file of clutter; what was typed literally is wanted."""
    return any(glob.has_magic(wild) and is_clutter(part) for part, wild in zip(parts, pattern, strict=True))


def _at_any_depth(pattern: Sequence[str], walker: Walker) -> list[Path]:
    at = pattern.index(_ANY_DEPTH)
    top, rest = Path(*pattern[:at]), pattern[at:]
    tops = matching(str(top), walker) if glob.has_magic(str(top)) and not os.path.lexists(top) else [top]
    found = [
        folder / name
        for folder in tops
        if is_folder(folder)
        for name in walker.below(folder)
        if _matches_or_is_inside(name.split("/"), rest)
    ]
    return sorted(found, key=lambda path: natural_key(str(path)))


def _matches_or_is_inside(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Returns whether a path matches, or a folder around it does: `**/cats` stands for the files in these folders."""
    return any(_matches(parts[:count], pattern) for count in range(1, len(parts) + 1))


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == _ANY_DEPTH:
        return any(_matches(parts[count:], pattern[1:]) for count in range(len(parts) + 1))
    return bool(parts) and fnmatch.fnmatch(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])
