"""How many threads OpenCV uses by itself: one, while batches are prepared in several of our own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_within: list[int] = []  # OpenCV's number from before, once for each block that is open


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Within it OpenCV works in the calling thread alone: threads inside threads only wait for each other.

    The number is one for the whole process: the last block that ends puts it back.
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
