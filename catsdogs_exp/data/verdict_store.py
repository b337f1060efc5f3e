"""The verdicts of earlier runs, by path, bytes and time of change: an unchanged folder is not read again."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from catsdogs_exp.data import decoding
from catsdogs_exp.data.cache_folder import cache_folder
from catsdogs_exp.data.verdicts import Row

Identity = tuple[int, int]
"""Bytes and time of change in ns: what tells that a file is still the one inspected."""

_LOOK = 1  # changed whenever the same pixels would give another verdict
_STORE = f"verdicts-{decoding.VERSION}.{_LOOK}.sqlite3"
_SHA256 = 5  # its place in a row
_COLUMNS = (
    "path TEXT PRIMARY KEY, bytes INTEGER, mtime_ns INTEGER, reason TEXT, note TEXT, width INTEGER, height INTEGER, "
    "size INTEGER, sha256 TEXT, kind TEXT, mode TEXT, jfif INTEGER, perceptual INTEGER, "
    "red REAL, green REAL, blue REAL, red_std REAL, green_std REAL, blue_std REAL"
)


def identity(path: str) -> Identity:
    """What tells that a file is still the one inspected; (-1, -1) where it cannot be reached."""
    try:
        status = os.stat(path)
    except OSError:
        return (-1, -1)
    return (status.st_size, status.st_mtime_ns)


@contextmanager
def open_store() -> Iterator[sqlite3.Connection]:
    """The verdicts of earlier runs; a store that is damaged is set aside and begun anew."""
    path = cache_folder() / _STORE
    for attempt in range(2):
        store = sqlite3.connect(path, timeout=60)
        try:
            store.execute("PRAGMA journal_mode = WAL")  # a folder inspected by two runs at once
            store.execute("PRAGMA synchronous = NORMAL")
            store.execute(f"CREATE TABLE IF NOT EXISTS verdicts ({_COLUMNS}) WITHOUT ROWID")
            if store.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("damaged inside")
            break
        except sqlite3.DatabaseError:
            store.close()
            if attempt:
                raise
            path.replace(path.with_suffix(".damaged"))
    try:
        yield store
    finally:
        store.close()


def known(store: sqlite3.Connection, prefix: str) -> dict[str, tuple[Identity, Row]]:
    """The verdicts of all files whose path starts with `prefix`, printable."""
    rows = store.execute(
        "SELECT * FROM verdicts WHERE path >= ? AND path < ?", (prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1))
    )
    return {row[0]: (row[1:3], row[3:]) for row in rows}


def remember(store: sqlite3.Connection, rows: Sequence[tuple[str, Identity, Row]]) -> None:
    """Keeps verdicts by printable path, but not those that may have been a passing trouble of the disk."""
    store.executemany(
        f"INSERT OR REPLACE INTO verdicts VALUES ({', '.join('?' * 19)})",  # noqa: S608
        [(path, *identity, *row) for path, identity, row in rows if row[_SHA256]],
    )
    store.commit()
