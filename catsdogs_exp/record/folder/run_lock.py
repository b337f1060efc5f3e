"""One process at a time in a run folder. The lock is the operating system's: it goes with the process that held it."""

import datetime
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from catsdogs_exp.errors import BadInput

_LOCK, _OWNER = ".lock", ".owner.json"


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Nobody else trains in `folder` meanwhile.

    Raises:
        BadInput: when another process does, naming it. That a process which was killed left its files does not count.
    """
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise BadInput(
            f"The run is being trained by {_owner(folder)}: {folder}. Wait for it, or stop it first"
        ) from error
    owner = folder / _OWNER
    try:
        moment = datetime.datetime.now().isoformat(sep=" ", timespec="seconds")
        owner.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": moment}))
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _owner(folder: Path) -> str:
    try:
        found = json.loads((folder / _OWNER).read_text())
        return f"process {int(found['pid'])} on {found['host']} since {found['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
