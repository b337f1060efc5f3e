"""Limits OpenCV to one thread while our own threads prepare batches."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_within: list[int] = []  # OpenCV's previous number; each open block adds an entry


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """A context manager in which OpenCV uses only the calling thread: nested threads would only wait for each other.

    The number is global to the process; the last block to exit restores it.
    """
    import cv2  # noqa: PLC0415  (who only inspects does not pay for it)

    with _lock:
        _within.append(_within[0] if _within else cv2.getNumThreads())
        cv2.setNumThreads(1)
    try:
        yield
    finally:
        with _lock:
            before = _within.pop()
            if not _within:
                cv2.setNumThreads(before)
