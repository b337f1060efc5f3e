"""Locks a run folder for one process. The operating system releases the lock when the process ends."""

import datetime
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from catsdogs_exp.errors import BadInput, is_full

_LOCK, _OWNER = ".lock", ".owner.json"
KILLED = "killed"
_PATIENCE = 0.5  # seconds: processes that check whether a run is alive hold its lock for a moment


@contextmanager
def owned(folder: Path, patience: float = 0.0, say: Callable[[str], None] = lambda text: None) -> Iterator[None]:
    """A context manager in which no other process trains in `folder`.

    Args:
        folder: of a run or a sweep.
        patience: seconds for another process to end.
        say: called with a message if this takes longer than a moment.

    Raises:
        BadInput: if another process does; names it. Files left behind by a killed process do not count. Or if the
            folder cannot be written.
    """
    lock = FileLock(folder / _LOCK)
    try:
        try:
            lock.acquire(timeout=_PATIENCE, poll_interval=0.05)
        except Timeout:
            if patience:
                say(f"waits until {_owner(folder)} has left it: {folder}")
            lock.acquire(timeout=patience, poll_interval=0.05)
    except Timeout as error:
        raise BadInput(
            f"The run is being trained by {_owner(folder)}: {folder}. Wait for it, or stop it first"
        ) from error
    except OSError as error:
        if is_full(error):
            raise
        raise BadInput(f"The run folder cannot be written: {folder}: {error.strerror}") from error
    owner = folder / _OWNER
    try:
        moment = datetime.datetime.now().isoformat(sep=" ", timespec="seconds")
        owner.write_text(
            json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": moment}), encoding="utf-8"
        )
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def true_status(folder: Path, written: Any) -> Any:
    """Returns the status in a run's `result.json`, but `killed` if it is `running` and no process trains it."""
    return KILLED if written == "running" and is_abandoned(folder) else written


def is_held(folder: Path) -> bool:
    """Returns whether another process trains in a folder, on this machine or another one, as far as its lock tells."""
    return _is_locked(folder) is True


def is_abandoned(folder: Path) -> bool:
    """Whether no process trains in a folder any more: the one that did was killed before it could record this.

    False for a folder used by another machine, or whose lock cannot be checked.
    """
    try:
        owner = json.loads((folder / _OWNER).read_text(encoding="utf-8"))
        if owner["host"] != socket.gethostname():
            return False
    except (FileNotFoundError, json.JSONDecodeError):  # empty after a loss of power: the lock decides
        pass
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return os.access(folder / _LOCK, os.R_OK | os.W_OK) and _is_locked(folder) is False


def _is_locked(folder: Path) -> bool | None:
    """Returns whether a process holds a folder's lock; None if there is no lock, or it cannot be checked."""
    path = folder / _LOCK
    if not path.is_file():
        return None
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except (OSError, NotImplementedError):  # no permission, or a file system without locks
        return None
    lock.release()
    return False


def _owner(folder: Path) -> str:
    try:
        found = json.loads((folder / _OWNER).read_text(encoding="utf-8"))
        return f"process {int(found['pid'])} on {found['host']} since {found['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
