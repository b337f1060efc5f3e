"""The verdicts of earlier runs, by path, bytes and time of change: an unchanged folder is not read again."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.cache_folder import cache_folder
from catsdogs_exp.data.images import decoding

_LOOK = 1  # changed whenever the same pixels would give another verdict
_LAYOUT = 3  # changed whenever a row of the store means something else
_STORE = f"verdicts-{decoding.VERSION}.{_LOOK}.{_LAYOUT}.sqlite3"
_COLUMNS = "path TEXT PRIMARY KEY, verdict BLOB, crc INTEGER"
_AT_ONCE = 100  # rows of three values: SQLite may allow 999 values a statement


def identities(paths: Sequence[str]) -> NDArray[np.int64]:
    """What tells that files are still those inspected.

    Returns:
        int64 [n, 2]: bytes, and time of change in ns; -1 and -1 where a file cannot be reached.
    """
    found: list[int] = []
    stat = os.stat
    for path in paths:
        try:
            status = stat(path)
        except OSError:
            found += (-1, -1)
        else:
            found += (status.st_size, status.st_mtime_ns)
    return np.array(found, dtype=np.int64).reshape(-1, 2)


class Store:
    """The verdicts of earlier runs, packed. A store that turns out to be damaged is set aside and begun anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._database = _opened(path)
        except sqlite3.DatabaseError:
            self._set_aside()

    def known(self, prefix: str) -> dict[str, bytes]:
        """The packed verdicts of all files whose path starts with `prefix`, printable."""
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        try:
            rows = self._database.execute("SELECT * FROM verdicts WHERE path >= ? AND path < ?", (prefix, end))
            # The sum finds what SQLite does not: bytes that were changed inside a row.
            return {path: row for path, row, crc in rows if type(row) is bytes and crc32(row) == crc}
        except sqlite3.DatabaseError:
            self.close()
            self._set_aside()
            return {}

    def remember(self, verdicts: Sequence[tuple[str, bytes]]) -> None:
        """Keeps packed verdicts by printable path."""
        try:
            self._write(verdicts)
        except sqlite3.OperationalError:  # a full disk and the like: nothing is wrong with the store
            raise
        except sqlite3.DatabaseError:
            self.close()
            self._set_aside()
            self._write(verdicts)

    def close(self) -> None:
        """Closes the file; the store cannot be used any more."""
        self._database.close()

    def _write(self, verdicts: Sequence[tuple[str, bytes]]) -> None:
        # One statement for many rows: each lets go of the interpreter, for which the inspecting threads queue.
        with self._database:
            for start in range(0, len(verdicts), _AT_ONCE):
                part = verdicts[start : start + _AT_ONCE]
                values = [value for path, row in part for value in (path, row, crc32(row))]
                places = ", ".join(["(?, ?, ?)"] * len(part))
                self._database.execute(f"INSERT OR REPLACE INTO verdicts VALUES {places}", values)  # noqa: S608

    def _set_aside(self) -> None:
        self._path.replace(self._path.with_suffix(".damaged"))
        for ending in ("-wal", "-shm"):  # what was not yet written into the old one has no place in the new
            Path(f"{self._path}{ending}").unlink(missing_ok=True)
        self._database = _opened(self._path)


def _opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=60)
    try:
        database.execute("PRAGMA journal_mode = WAL")  # a folder inspected by two runs at once
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(f"CREATE TABLE IF NOT EXISTS verdicts ({_COLUMNS}) WITHOUT ROWID")
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database


@contextmanager
def open_store() -> Iterator[Store]:
    """The verdicts of earlier runs."""
    store = Store(cache_folder() / _STORE)
    try:
        yield store
    finally:
        store.close()
