"""The verdicts of earlier runs, by path and identity of the file: an unchanged folder is not read again.

The store is a help. Where it cannot be opened, read or written, inspection goes on without it and says so.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from zlib import crc32

from catsdogs_exp.data.cache_folder import CacheUnusable, cache_folder, why
from catsdogs_exp.data.images import decoding

_LOOK = 1  # changed whenever the same pixels would give another verdict
_LAYOUT = 5  # changed whenever a row of the store means something else
_STORE = f"verdicts-{decoding.VERSION}.{_LOOK}.{_LAYOUT}.sqlite3"
_COLUMNS = "path TEXT PRIMARY KEY, verdict BLOB, crc INTEGER"
_AT_ONCE = 100  # rows of three values: SQLite may allow 999 values a statement
_PATIENCE = 20.0  # seconds to wait for another process that writes
# All else that SQLite raises (locked, full, read-only, no rights) says nothing against what is in the file.
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

T = TypeVar("T")


class Store:
    """The verdicts of earlier runs, packed. A store that turns out to be damaged is set aside and begun anew.

    Attributes:
        trouble: why verdicts are not kept, a line; `""` where they are.
    """

    def __init__(self, path: Path | None, trouble: str = "") -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None
        self.trouble = trouble
        if path is not None:
            self._tried(lambda _: None, None)

    def known(self, prefix: str) -> dict[str, bytes]:
        """The packed verdicts of all files whose path starts with `prefix`, printable."""
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)

        def read(database: sqlite3.Connection) -> dict[str, bytes]:
            rows = database.execute("SELECT * FROM verdicts WHERE path >= ? AND path < ?", (prefix, end))
            # The sum finds what SQLite does not: bytes that were changed inside a row.
            return {path: row for path, row, crc in rows if type(row) is bytes and crc32(row) == crc}

        return self._tried(read, {})

    def remember(self, verdicts: Sequence[tuple[str, bytes]]) -> None:
        """Keeps packed verdicts by printable path."""
        self._tried(lambda database: self._write(database, verdicts), None)

    def close(self) -> None:
        """Closes the file; the store cannot be used any more."""
        if self._database is not None:
            self._database.close()
        self._database = None

    def _tried(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """What `work` gives, on a new store if the old one is damaged; `otherwise` where there can be none."""
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
                        f"verdicts on the files are not kept, so the next run inspects them all again: {why(error)}: "
                        f"{self._path}. CATSDOGS_CACHE names another folder"
                    )
                    break
        return otherwise

    def _write(self, database: sqlite3.Connection, verdicts: Sequence[tuple[str, bytes]]) -> None:
        # One statement for many rows: each lets go of the interpreter, for which the inspecting threads queue.
        with database:
            for start in range(0, len(verdicts), _AT_ONCE):
                part = verdicts[start : start + _AT_ONCE]
                values = [value for path, row in part for value in (path, row, crc32(row))]
                places = ", ".join(["(?, ?, ?)"] * len(part))
                database.execute(f"INSERT OR REPLACE INTO verdicts VALUES {places}", values)  # noqa: S608

    def _set_aside(self) -> bool:
        """Gives the place of a damaged store free. False where that is not allowed."""
        assert self._path is not None
        try:
            self._path.replace(self._path.with_suffix(".damaged"))
            for ending in ("-wal", "-shm"):  # what was not yet written into the old one has no place in the new
                Path(f"{self._path}{ending}").unlink(missing_ok=True)
        except OSError:
            return False
        return True


def _is_damage(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGE  # the lower bits of extended codes are the plain one


def _opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_PATIENCE)
    try:
        database.execute("PRAGMA journal_mode = WAL")  # a folder inspected by two runs at once
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
        store = Store(None, f"verdicts on the files are not kept, so the next run inspects them all again. {error}")
    try:
        yield store
    finally:
        store.close()
