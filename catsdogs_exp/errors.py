"""Exceptions that end a command early, each with its exit code."""

import difflib
import errno
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from catsdogs_exp.platforms import as_meant

_GUESSES = 3  # names that a message suggests
_PART = 4  # letters of a part of a name that identify it


class BadInput(Exception):
    """A user's mistake: a one-line message, no traceback, exit code 2.

    The message names the setting, what is allowed, what was received, and the next step.
    """

    exit_code = 2


class RunFailed(Exception):
    """A run that started and failed: exit code 1. The log is in its folder."""

    exit_code = 1


class Pruned(Exception):
    """A search ended a run early because others perform better. This is not a failure; its folder is kept."""


class Interrupted(BaseException):
    """Ctrl-C, SIGTERM or SIGHUP. Not an `Exception`, so that no handler swallows it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"signal {signal_number}")
        self.exit_code = 128 + signal_number


def is_full(error: BaseException) -> bool:
    """Returns whether writing failed for lack of space: a full disk, a quota, or a file size limit."""
    for each in _causes(error):
        if isinstance(each, OSError) and each.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return True
        if "No space left on device" in str(each) or "Disk quota exceeded" in str(each):  # from C libraries
            return True
    return False


def why_full(error: BaseException) -> str:
    """Returns what `is_full` found, with the file if the system named one: C libraries put much else around it."""
    for each in _causes(error):
        if isinstance(each, OSError) and each.strerror:
            return f"{each.strerror}: {each.filename}" if each.filename else each.strerror
    return "Disk quota exceeded" if "Disk quota exceeded" in str(error) else "No space left on device"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yields an error, what caused it, and so on; chains can be circular."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or each.__context__


def disk_is_full(error: BaseException, next_step: str = "") -> RunFailed:
    """Returns the message for what `is_full` found; `next_step` continues its advice to free some space there."""
    return RunFailed(f"The disk or its quota is full: {why_full(error)}. Free some space there{next_step}")


def of_the_disk(error: OSError) -> BadInput | RunFailed | None:
    """Rewords an error of the file system, wherever it was raised: no permission, a name that is too long, a full disk.

    None for an error that is not about a file.
    """
    if is_full(error):
        return disk_is_full(error)
    if not isinstance(error.filename, str | bytes):
        return None
    return BadInput(
        f"A file or folder cannot be used: {error.strerror or one_line(error)}: {os.fsdecode(error.filename)}. "
        "Check its path and its permissions"
    )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns `" Did you mean X?"`, or `""` if nothing similar is known."""
    names = {name.casefold(): name for name in reversed(list(known))}
    near = [names[each] for each in difflib.get_close_matches(word.casefold(), names, n=_GUESSES, cutoff=0.6)]
    if not near and len(word) >= _PART:  # `plateau` of `reduce_on_plateau`
        near = [name for plain, name in reversed(names.items()) if word.casefold() in plain]
        near = near if len(near) <= _GUESSES else []
    return f" Did you mean {' or '.join(near)}?" if near else ""


def did_you_mean_path(path: str | Path) -> str:
    """Returns `". Did you mean X?"` for a path that does not exist, or the next step for an address, or `""`."""
    if re.match(r"(?:https?|ftp|s3|gs|gdrive):/", str(path), re.IGNORECASE):
        return ". This is an address: download the file, and name it"
    meant = as_meant(path)
    return f". Did you mean {meant}?" if meant else ""


def one_line(error: BaseException) -> str:
    """Formats an error on one line of at most 300 characters, preceded by its type unless it is one of ours."""
    text = " ".join(str(error).split())
    if isinstance(error, BadInput | RunFailed):
        return text
    text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= 300 else f"{text[:300]}..."
