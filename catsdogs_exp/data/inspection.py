"""What is in the files: one verdict each. Nothing is moved or deleted; the quarantine is a list."""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data import decoding
from catsdogs_exp.data.cache_folder import cache_folder
from catsdogs_exp.data.decoding import Undecodable
from catsdogs_exp.data.listing import Listing

# what is being done, how many of how many are done
Progress = Callable[[str, int, int], None]

_STORE = f"verdicts-{decoding.VERSION}.sqlite3"
_CHUNK = 256


@dataclass(frozen=True)
class Verdict:
    """What one file is.

    Attributes:
        reason: why it is left out, or `""` for a usable picture.
        note: what is odd about a usable one: `named .jpg, is PNG`, `CMYK`, `EXIF orientation 6`, ...
        width, height: pixels, upright; 0 where unknown.
        size: bytes.
        sha256: hexadecimal digest of the bytes, `""` for a file that cannot be read.
    """

    reason: str
    note: str
    width: int
    height: int
    size: int
    sha256: str


@dataclass(frozen=True)
class Verdicts:
    """The verdicts of a listing as columns: strings [n], int32 [n] and int64 [n]."""

    reason: NDArray[np.str_]
    note: NDArray[np.str_]
    width: NDArray[np.int32]
    height: NDArray[np.int32]
    size: NDArray[np.int64]
    sha256: NDArray[np.str_]


def inspect_file(path: Path) -> Verdict:
    """Decodes one file fully and says what it is. Never raises for a bad file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return Verdict(f"cannot be read: {error.strerror}", "", 0, 0, 0, "")
    digest = hashlib.sha256(data).hexdigest()
    try:
        image, note = decoding.decode_with_note(data, path.suffix)
    except Undecodable as error:
        return Verdict(str(error), "", 0, 0, len(data), digest)
    return Verdict("", note, image.width, image.height, len(data), digest)


def inspect(listing: Listing, workers: int = 0, progress: Progress | None = None) -> Verdicts:
    """Inspects every file of a listing, in threads; verdicts of unchanged files come from the cache.

    Args:
        listing: the files.
        workers: threads; 0 for one a core.
        progress: called with ("inspecting", done, total).
    """
    paths = [os.path.join(listing.root, path) for path in listing.paths.tolist()]
    found: list[Verdict | None] = [None] * len(paths)
    with closing(_open_store()) as store:
        known = _known(store, f"{listing.root}{os.sep}")
        identities = [_identity(path) for path in paths]
        for index, (path, identity) in enumerate(zip(paths, identities, strict=True)):
            if path in known and known[path][0] == identity:
                found[index] = known[path][1]
        missing = [index for index, verdict in enumerate(found) if verdict is None]
        if progress and missing:
            progress("inspecting", 0, len(missing))
        for done in _inspect_missing(missing, paths, found, workers):
            fresh = missing[max(0, done - _CHUNK) : done]
            _remember(store, [(paths[i], identities[i], found[i]) for i in fresh])  # type: ignore[misc]
            if progress:
                progress("inspecting", done, len(missing))
    verdicts = [verdict for verdict in found if verdict is not None]
    text = np.dtypes.StringDType()
    return Verdicts(
        reason=np.array([v.reason for v in verdicts], dtype=text),
        note=np.array([v.note for v in verdicts], dtype=text),
        width=np.array([v.width for v in verdicts], dtype=np.int32),
        height=np.array([v.height for v in verdicts], dtype=np.int32),
        size=np.array([v.size for v in verdicts], dtype=np.int64),
        sha256=np.array([v.sha256 for v in verdicts], dtype=text),
    )


def _inspect_missing(missing: list[int], paths: list[str], found: list[Verdict | None], workers: int) -> Iterator[int]:
    """Fills `found` chunk by chunk; yields how many are done."""
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        for start in range(0, len(missing), _CHUNK):
            chunk = missing[start : start + _CHUNK]
            for index, verdict in zip(chunk, pool.map(lambda i: inspect_file(Path(paths[i])), chunk), strict=True):
                found[index] = verdict
            yield start + len(chunk)


def _identity(path: str) -> tuple[int, int]:
    """Bytes and time of change: what tells that a file is still the one inspected."""
    try:
        status = os.stat(path)
    except OSError:
        return (-1, -1)
    return (status.st_size, status.st_mtime_ns)


def _open_store() -> sqlite3.Connection:
    """The verdicts of earlier runs; a store that is damaged is set aside and begun anew."""
    path = cache_folder() / _STORE
    for attempt in range(2):
        store = sqlite3.connect(path, timeout=60)
        try:
            store.execute(
                "CREATE TABLE IF NOT EXISTS verdicts (path BLOB PRIMARY KEY, bytes INTEGER, mtime_ns INTEGER, "
                "reason TEXT, note TEXT, width INTEGER, height INTEGER, size INTEGER, sha256 TEXT) WITHOUT ROWID"
            )
            if store.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("damaged inside")
            return store
        except sqlite3.DatabaseError:
            store.close()
            if attempt:
                raise
            path.replace(path.with_suffix(".damaged"))
    raise AssertionError


def _known(store: sqlite3.Connection, prefix: str) -> dict[str, tuple[tuple[int, int], Verdict]]:
    low = os.fsencode(prefix)
    rows = store.execute(
        "SELECT path, bytes, mtime_ns, reason, note, width, height, size, sha256 FROM verdicts "
        "WHERE path >= ? AND path < ?",
        (low, low[:-1] + bytes([low[-1] + 1])),
    )
    return {os.fsdecode(row[0]): ((row[1], row[2]), Verdict(*row[3:])) for row in rows}


def _remember(store: sqlite3.Connection, rows: list[tuple[str, tuple[int, int], Verdict]]) -> None:
    """Keeps verdicts, but not those that may have been a passing trouble of the disk."""
    store.executemany(
        "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (os.fsencode(path), *identity, v.reason, v.note, v.width, v.height, v.size, v.sha256)
            for path, identity, v in rows
            if v.sha256
        ],
    )
    store.commit()
