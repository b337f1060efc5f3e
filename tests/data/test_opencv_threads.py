"""OpenCV's threads: one while batches are prepared, then as many as before."""

import threading

import cv2
import pytest

from catsdogs_exp.data.opencv_threads import one_opencv_thread
from catsdogs_exp.data.prefetch import batches


def test_the_last_block_puts_the_number_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        first, second = one_opencv_thread(), one_opencv_thread()
        with first:
            second.__enter__()
        assert cv2.getNumThreads() == 1  # the second is still open
        second.__exit__(None, None, None)
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)


def test_batches_are_prepared_with_one_thread_each() -> None:
    class Feed:
        steps, threads = 4, 2

        def batch(self, epoch: int, step: int) -> tuple[int, bool]:
            return cv2.getNumThreads(), threading.current_thread() is threading.main_thread()

    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        assert list(batches(Feed())) == [(1, False)] * 4
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)
