"""Reports files that take long to read, such as those on a network folder that stopped responding."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS = 30.0  # an image normally takes milliseconds
_LOOKS = 10  # within this time

_reading: dict[int, tuple[str, float]] = {}  # thread -> the file it is reading, and since when


@contextmanager
def noted(path: Path | str) -> Iterator[None]:
    """A context manager that registers this thread as reading a file."""
    _reading[threading.get_ident()] = (str(path), time.monotonic())
    try:
        yield
    finally:
        _reading.pop(threading.get_ident(), None)


@contextmanager
def watched(say: Callable[[str], None], seconds: float = SECONDS) -> Iterator[None]:
    """A context manager that reports, once, a file that takes longer than this many seconds to read."""
    over = threading.Event()
    thread = threading.Thread(target=_watch, args=(say, seconds, over), daemon=True, name="slow reads")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _watch(say: Callable[[str], None], seconds: float, over: threading.Event) -> None:
    told: set[str] = set()
    while not over.wait(seconds / _LOOKS):
        for path, since in list(_reading.values()):
            if time.monotonic() - since >= seconds and path not in told:
                told.add(path)
                say(
                    f"still reading {path} after {seconds:g} s: does the disk or network folder respond? "
                    "Still waiting; Ctrl-C ends the run, `resume` continues it"
                )
