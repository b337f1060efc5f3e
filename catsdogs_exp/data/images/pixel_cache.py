"""Decoded images on disk, shared by all runs: one memory-mapped folder per entry, with a total limit.

An entry `decoded/KEY` holds `pixels.npy`, `entry.json` (a description) and an empty lease file per user. It is created
under a lock and visible only when complete. If space is needed, the least recently used entries are evicted, except
those that a running process uses. (On Linux and macOS even a removed file stays readable for processes that have mapped
it.)
"""

import errno
import json
import os
import re
import shutil
import socket
import time
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from catsdogs_exp import platforms
from catsdogs_exp.data.cache_folder import CacheUnusable, cache_errors, cache_folder, made_once

_FOLDER = "decoded"
_PIXELS, _ABOUT, _LEASE = "pixels.npy", "entry.json", "in-use."
_NAME = re.compile(r"[0-9a-f]{24}(\.part)?")
_NOT_OURS = (errno.EACCES, errno.EPERM, errno.EROFS)
_DAY = 86400.0
# Whether a process on another machine is alive cannot be checked.
_ELSEWHERE = 7 * _DAY


class NoRoom(Exception):
    """An entry does not fit next to those in use. The message gives the reason."""


@dataclass(frozen=True)
class Entry:
    """One entry of the cache.

    Attributes:
        path: its folder.
        size: bytes.
        used: time of last use, in seconds since 1970.
        busy: whether a running process uses or creates it.
        whole: False if a process left it incomplete.
        about: the content of `entry.json`: `data`, `images`, `height`, `width`, `channels`, `resize`, `interpolation`,
            `made`; empty for entries of earlier versions.
    """

    path: Path
    size: int
    used: float
    busy: bool
    whole: bool
    about: dict[str, Any]

    @property
    def key(self) -> str:
        """Its name."""
        return self.path.name.removesuffix(".part")


def has_entry(key: str) -> bool:
    """Returns whether the images are already cached."""
    try:
        return (cache_folder(_FOLDER) / key / _PIXELS).is_file()
    except (CacheUnusable, OSError):
        return False


def open_entry(
    key: str,
    shape: tuple[int, ...],
    about: dict[str, Any],
    fill: Callable[[NDArray[np.uint8]], None],
    limit: int,
) -> NDArray[np.uint8]:
    """Returns the images of an entry, created with `fill` if it does not exist yet.

    Args:
        key: 24 hexadecimal digits that identify exactly these pixels.
        shape: shape of the uint8 array.
        about: description shown to users.
        fill: writes into the array.
        limit: limit for all entries together, in bytes.

    Returns:
        A read-only memory map, protected from removal while it is referenced.

    Raises:
        NoRoom: if the limit does not allow it.
        CacheUnusable: if it cannot be written.
    """
    target = cache_folder(_FOLDER) / key
    with cache_errors(target):
        try:
            return _opened(target, shape, about, fill, limit)
        except _Damaged:
            _remove(target)
        try:
            return _opened(target, shape, about, fill, limit)
        except _Damaged as error:  # in use by others, or no permission to remove it
            raise CacheUnusable("the entry is damaged", target) from error


class _Damaged(Exception):
    """An entry that was truncated or overwritten by others."""


def _opened(
    target: Path,
    shape: tuple[int, ...],
    about: dict[str, Any],
    fill: Callable[[NDArray[np.uint8]], None],
    limit: int,
) -> NDArray[np.uint8]:
    lease = _lease_name()
    with made_once(target) as scratch:
        if scratch is not None:
            array = _reserved(scratch / _PIXELS, shape, limit)
            fill(array)
            array.flush()
            del array
            content = about | {"made": datetime.now(UTC).isoformat(timespec="seconds")}
            (scratch / _ABOUT).write_text(json.dumps(content, indent=1), encoding="utf-8")
        with _unless_not_ours():
            ((target if scratch is None else scratch) / lease).touch()
    try:
        pixels = np.load(target / _PIXELS, mmap_mode="r")
        if (pixels.shape, pixels.dtype) != (shape, np.uint8):
            raise ValueError("other pictures")
        with _unless_not_ours():
            os.utime(target / _PIXELS)
    except (ValueError, EOFError, FileNotFoundError) as error:
        _release(target, lease, os.getpid())
        raise _Damaged from error
    weakref.finalize(pixels, _release, target, lease, os.getpid())
    return pixels  # type: ignore[no-any-return]


def entries() -> list[Entry]:
    """Lists all entries, most recently used first. Other files in the folder are ignored.

    Raises:
        CacheUnusable: if they cannot be listed.
    """
    found = []
    folder = cache_folder(_FOLDER)
    with cache_errors(folder / _ABOUT):
        for path in folder.iterdir():
            if _NAME.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
                with suppress(FileNotFoundError):  # removed in the meantime
                    entry = _entry(path)
                    if entry is not None:
                        found.append(entry)
    return sorted(found, key=lambda entry: entry.used, reverse=True)


def clear(unused_for: float = 0.0) -> tuple[list[Entry], list[Entry]]:
    """Removes entries that are not in use and were not used for the given number of days.

    Returns:
        The removed entries, and those that were kept because they are in use.
    """
    before = time.time() - unused_for * _DAY
    old = [entry for entry in entries() if entry.used <= before]
    removed = [entry for entry in old if not entry.busy and _remove(entry.path)]
    gone = {entry.path for entry in removed}
    return removed, [entry for entry in old if entry.path not in gone]


def room(limit: int) -> tuple[int, int]:
    """Returns the maximum size of a new entry in bytes: by the limit, and by the disk once all unused entries are
    evicted.
    """
    found = entries()
    idle = sum(entry.size for entry in found if not entry.busy)
    busy = sum(entry.size for entry in found if entry.busy)
    return max(0, limit - busy), shutil.disk_usage(cache_folder(_FOLDER)).free + idle


def _reserved(path: Path, shape: tuple[int, ...], limit: int) -> Any:
    """Creates a file of the full size, so that other processes count it when they check for space."""
    size = int(np.prod(shape, dtype=np.int64))
    with FileLock(cache_folder(_FOLDER) / "room.lock"):
        _make_room(size, limit)
        array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
        _allocate(path)
        return array


def _allocate(path: Path) -> None:
    """Allocates the space; otherwise, a full disk would cause a signal that ends the process rather than an error."""
    if not hasattr(os, "posix_fallocate"):
        return
    with path.open("r+b") as handle:
        try:
            os.posix_fallocate(handle.fileno(), 0, path.stat().st_size)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # a file system without support for it
                raise


def _make_room(size: int, limit: int) -> None:
    found = entries()
    total = sum(entry.size for entry in found)
    busy = sum(entry.size for entry in found if entry.busy)
    if busy + size > limit:
        raise NoRoom(f"{gib(busy)} GiB are in use by other runs" if busy else f"they are {gib(size)} GiB")
    for entry in reversed(found):
        if total + size <= limit and shutil.disk_usage(entry.path.parent).free >= size:
            return
        if not entry.busy and _remove(entry.path):
            total -= entry.size
    if total + size > limit:
        raise NoRoom(f"{gib(total)} GiB are in use by other runs")


def gib(size: float) -> str:
    """Formats bytes in GiB."""
    return f"{size / 2**30:.3g}"


def _entry(path: Path) -> Entry | None:
    whole = path.suffix != ".part"
    pixels = path / _PIXELS
    if pixels.is_symlink() or not (pixels.is_file() or not whole):
        return None
    try:
        about = json.loads((path / _ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        about = {}
    status = pixels.stat() if pixels.is_file() else path.stat()
    busy = _is_leased(path) if whole else _is_locked(path.with_suffix(""))
    size = status.st_size if pixels.is_file() else 0
    return Entry(path, size, status.st_mtime, busy, whole, about if isinstance(about, dict) else {})


def _remove(path: Path) -> bool:
    """Removes an entry's own files; returns True unless the entry is in use or belongs to another user."""
    target = path.with_suffix("")
    lock = FileLock(f"{target}.lock")
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):  # in use, or of another user
        return False
    try:
        scratch = target.with_name(f"{target.name}.part")
        if path == target:
            if _is_leased(target):
                return False
            _remove_files(scratch)
            platforms.replace(target, scratch)  # never a half-removed entry under its name
        _remove_files(scratch)
        return True
    except OSError:  # an open file on Windows; or no permission
        return False
    finally:
        lock.release()


def _remove_files(folder: Path) -> None:
    """Removes the cache's files; other files, and their folder, are kept."""
    if folder.is_symlink() or not folder.is_dir():
        return
    for name in [child.name for child in folder.iterdir()]:
        if name in (_PIXELS, _ABOUT) or name.startswith(_LEASE):
            (folder / name).unlink()
    with suppress(OSError):
        folder.rmdir()


def _is_locked(target: Path) -> bool:
    lock = FileLock(f"{target}.lock")
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return True
    lock.release()
    return False


def _lease_name() -> str:
    """Identifies the process that holds the lease: number, start time and machine; several leases of one process are
    distinct.
    """
    started = psutil.Process().create_time()
    return f"{_LEASE}{os.getpid()}.{int(started)}.{uuid.uuid4().hex[:8]}.{socket.gethostname()}"


def _is_leased(path: Path) -> bool:
    return any(_lives(file) for file in path.iterdir() if file.name.startswith(_LEASE))


def _lives(lease: Path) -> bool:
    try:
        number, started, _, host = lease.name.removeprefix(_LEASE).split(".", 3)
        if host != socket.gethostname():
            return time.time() - lease.stat().st_mtime < _ELSEWHERE
        # the start time is derived from the machine's clock, which may be adjusted
        return abs(psutil.Process(int(number)).create_time() - int(started)) < 60
    except psutil.AccessDenied:
        return True
    except (OSError, ValueError, psutil.Error):
        return False


@contextmanager
def _unless_not_ours() -> Iterator[None]:
    """A context whose changes to an entry are left out where they are not allowed: another user's entry, or one on a
    read-only disk, is used without. Only its owner may remove it, and then what is mapped stays readable.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NOT_OURS:
            raise


def _release(target: Path, lease: str, process: int) -> None:
    if os.getpid() != process:  # in a forked process
        return
    with suppress(OSError):
        (target / lease).unlink()
        os.utime(target / _PIXELS)
