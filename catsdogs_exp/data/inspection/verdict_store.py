"""Verdicts of earlier runs, by path and file identity, so that an unchanged folder is not read again.

The store is optional. If it cannot be opened, read or written, inspection continues without it and reports this.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from zlib import crc32

from catsdogs_exp.data.cache_folder import CacheUnusable, cache_folder, why
from catsdogs_exp.data.images import decoding

_LOOK = 1  # change this whenever the same pixels would give another verdict
_LAYOUT = 6  # change this whenever the meaning of a stored row changes
_STORE = f"verdicts-{decoding.VERSION}.{_LOOK}.{_LAYOUT}.sqlite3"
_COLUMNS = "path TEXT PRIMARY KEY, verdict BLOB, crc INTEGER"
_AT_ONCE = 100  # rows of three values: SQLite may be limited to 999 values per statement
_PATIENCE = 20.0  # seconds to wait for another process that writes
# SQLite's other errors (locked, full, read-only, no permission) do not mean that the file is damaged.
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

T = TypeVar("T")


class Store:
    """The verdicts of earlier runs, packed. A damaged store is set aside and a new one is started.

    Attributes:
        trouble: one line that says why verdicts are not saved; `""` if they are.
    """

    def __init__(self, path: Path | None, trouble: str = "") -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None
        self.trouble = trouble
        if path is not None:
            self._tried(lambda _: None, None)

    def known(self, prefix: str) -> dict[str, bytes]:
        """The packed verdicts of all files whose path starts with `prefix` (printable form)."""
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)

        def read(database: sqlite3.Connection) -> dict[str, bytes]:
            rows = database.execute("SELECT * FROM verdicts WHERE path >= ? AND path < ?", (prefix, end))
            # The checksum finds what SQLite does not: bytes changed inside a row.
            return {path: row for path, row, crc in rows if type(row) is bytes and crc32(row) == crc}

        return self._tried(read, {})

    def remember(self, verdicts: Sequence[tuple[str, bytes]]) -> None:
        """Stores packed verdicts by printable path."""
        self._tried(lambda database: self._write(database, verdicts), None)

    def close(self) -> None:
        """Closes the file; the store cannot be used afterwards."""
        if self._database is not None:
            self._database.close()
        self._database = None

    def _tried(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """The result of `work`, on a new store if the old one is damaged; `otherwise` if no store is possible."""
        if self._path is None or self.trouble:
            return otherwise
        for last in (False, True):
            try:
                if self._database is None:
                    self._database = _opened(self._path)
                return work(self._database)
            except (sqlite3.Error, OSError) as error:
                self.close()
                if last or not _is_damage(error) or not self._set_aside():
                    self.trouble = (
                        f"verdicts cannot be saved, so the next run inspects all files again: {why(error)}: "
                        f"{self._path}. Set CATSDOGS_CACHE to another folder"
                    )
                    break
        return otherwise

    def _write(self, database: sqlite3.Connection, verdicts: Sequence[tuple[str, bytes]]) -> None:
        # One statement for many rows: each releases the interpreter lock, which inspecting threads wait for.
        with database:
            for start in range(0, len(verdicts), _AT_ONCE):
                part = verdicts[start : start + _AT_ONCE]
                values = [value for path, row in part for value in (path, row, crc32(row))]
                places = ", ".join(["(?, ?, ?)"] * len(part))
                database.execute(f"INSERT OR REPLACE INTO verdicts VALUES {places}", values)  # noqa: S608

    def _set_aside(self) -> bool:
        """Moves a damaged store out of the way. False if that is not permitted."""
        assert self._path is not None
        try:
            self._path.replace(self._path.with_suffix(".damaged"))
            for ending in ("-wal", "-shm"):  # unwritten changes to the old store do not belong in the new one
                Path(f"{self._path}{ending}").unlink(missing_ok=True)
        except OSError:
            return False
        return True


def _is_damage(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGE  # the lower bits of extended error codes are the basic code


def _opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_PATIENCE)
    try:
        database.execute("PRAGMA journal_mode = WAL")  # two runs inspect the same folder at once
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(f"CREATE TABLE IF NOT EXISTS verdicts ({_COLUMNS}) WITHOUT ROWID")
    except sqlite3.Error:
        database.close()
        raise
    return database


@contextmanager
def open_store() -> Iterator[Store]:
    """The verdicts of earlier runs."""
    try:
        store = Store(cache_folder() / _STORE)
    except CacheUnusable as error:
        store = Store(None, f"verdicts cannot be saved, so the next run inspects all files again. {error}")
    try:
        yield store
    finally:
        store.close()
