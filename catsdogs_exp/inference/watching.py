"""Files that arrive in a folder, each once it is complete."""

import os
from dataclasses import dataclass
from pathlib import Path

from catsdogs_exp.data.sources.walking import Walker
from catsdogs_exp.errors import BadInput
from catsdogs_exp.natural_sort import natural_key

SETTLE = 0.5
"""Seconds that a file must be unchanged before it is read."""
PATIENCE = 10.0
"""Seconds without change after which a file that cannot be read counts as unreadable rather than half written."""

_State = tuple[int, int]  # bytes, nanoseconds of the last change


@dataclass
class _Arriving:
    state: _State
    since: float


class FolderWatch:
    """Watches a folder and the folders in it, by the rule by which a training lists them.

    Files that are there at the beginning have not arrived: they are left alone until they change.

    Args:
        folder: the folder to watch.

    Raises:
        BadInput: if it is not a folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise BadInput(f"--watch must be a folder. Received: --watch {folder}")
        self._folder = folder
        self._arriving: dict[str, _Arriving] = {}
        self._done = self._states()

    def settled(self, now: float) -> list[Path]:
        """New or changed files that have not changed for a moment, in natural order.

        They are returned again each time until `finish` is called.

        Args:
            now: seconds of a clock that never goes back.
        """
        states = self._states()
        self._done = {name: state for name, state in self._done.items() if states.get(name) == state}
        found = {}
        for name, state in states.items():
            if name in self._done:
                continue
            known = self._arriving.get(name)
            same = known is not None and known.state == state
            found[name] = known if same and known is not None else _Arriving(state, now)
        self._arriving = found
        ready = [name for name, each in found.items() if now - each.since >= SETTLE]
        return [self._folder / name for name in sorted(ready, key=natural_key)]

    def may_be_half_written(self, path: Path, now: float) -> bool:
        """Whether a file that cannot be read may still become readable."""
        known = self._arriving.get(self._name(path))
        return known is not None and now - known.since < PATIENCE

    def finish(self, path: Path) -> None:
        """Marks a file as done until it changes again."""
        name = self._name(path)
        self._done[name] = self._arriving.pop(name).state

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _names(self) -> list[str]:
        try:
            return Walker().files(self._folder)
        except BadInput:  # a folder inside may just have been removed
            return Walker().files(self._folder)

    def _states(self) -> dict[str, _State]:
        found = {}
        for name in self._names():
            try:
                status = os.stat(self._folder / name)
            except OSError:  # gone again, or a broken link
                continue
            found[name] = status.st_size, status.st_mtime_ns
        return found
