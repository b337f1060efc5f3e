"""The cache folder, for everything that can be recreated: the user's, or `CATSDOGS_CACHE`."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
from filelock import FileLock

from catsdogs_exp import platforms
from catsdogs_exp.errors import BadInput

_OF_DISKS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # errors without a file name


class CacheUnusable(BadInput):
    """The cache folder, or a part of it, cannot be used: no home folder, no permission, a full disk, a file in its
    place.

    Attributes:
        short: a shorter message for commands that continue without it.
    """

    def __init__(self, what: str, folder: Path | str) -> None:
        self.short = f"{what}: {folder} (CATSDOGS_CACHE names another folder)"
        super().__init__(
            f"The cache folder cannot be used: {what}: {folder}. "
            "Set the environment variable CATSDOGS_CACHE to a writable folder with enough space."
        )


def cache_folder(*parts: str) -> Path:
    """Returns (and creates) a subfolder of the cache folder.

    Raises:
        CacheUnusable: if it cannot be created.
    """
    asked = os.environ.get("CATSDOGS_CACHE")
    try:
        root = asked or platformdirs.user_cache_dir("catsdogs_exp", appauthor=False)
        # a run records the folder of its images, and may be opened from elsewhere
        folder = Path(root).expanduser().absolute().joinpath(*parts)
    except RuntimeError as error:  # the user has no entry in the password database, as in some containers
        raise CacheUnusable("there is no home folder", asked or "~") from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CacheUnusable(why(error), folder) from error
    return folder


def why(error: Exception) -> str:
    """Returns the system's description of an error."""
    return (isinstance(error, OSError) and error.strerror) or str(error)


@contextmanager
def made_once(target: Path) -> Iterator[Path | None]:
    """Lets one process create the folder `target` while others wait; never exposes a partial one.

    Yields a scratch folder to fill, which is renamed to `target` at the end, or None if `target` already exists.

    Raises:
        CacheUnusable: if the folder cannot be written.
    """
    with cache_errors(target):
        lock = _lock_of(target)
        if lock is None:
            yield None
            return
        with lock:
            if target.exists():
                yield None
                return
            scratch = target.with_name(f"{target.name}.part")
            remove_tree(scratch)  # left by a process that died
            scratch.mkdir()
            try:
                yield scratch
                platforms.replace(scratch, target)
            except BaseException:
                remove_tree(scratch)
                raise


def _lock_of(target: Path) -> FileLock | None:
    """Returns the lock of a folder; None if another user made it, which is complete then, and owns the lock."""
    if target.is_dir() and not os.access(target.parent, os.W_OK):
        return None
    lock = FileLock(f"{target}.lock")
    try:
        with lock:
            return lock
    except PermissionError:
        if target.is_dir():
            return None
        raise


@contextmanager
def cache_errors(target: Path) -> Iterator[None]:
    """A context manager that converts disk errors, and errors of files in or next to `target`, to `CacheUnusable`.

    Raises:
        CacheUnusable: in place of the original error.
    """
    try:
        yield
    except NotImplementedError as error:  # a file system without locks
        raise CacheUnusable(str(error), target.parent) from error
    except OSError as error:
        named = Path(error.filename) if isinstance(error.filename, str | os.PathLike) else None
        ours = named is not None and target.parent in (named, *named.parents)
        if ours or error.errno in _OF_DISKS:
            raise CacheUnusable(why(error), target.parent) from error
        raise


def remove_tree(folder: Path) -> None:
    """Removes a folder of the cache, including read-only files unpacked from an archive."""
    if folder.is_symlink():  # the target of a link does not belong to the cache
        folder.unlink()
    if not folder.exists():
        return
    for parent, _, files in os.walk(folder, topdown=False):
        Path(parent).chmod(0o700)
        for name in files:
            (Path(parent) / name).unlink()
        for child in Path(parent).iterdir():
            child.rmdir()
    folder.rmdir()
