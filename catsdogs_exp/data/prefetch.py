"""Prefetches batches: threads prepare them in advance, in order, while the network trains."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Protocol, TypeVar

from catsdogs_exp.data.opencv_threads import one_opencv_thread

T = TypeVar("T")
Made_co = TypeVar("Made_co", covariant=True)


class Batched(Protocol[Made_co]):
    """Produces batches; the same number always gives the same batch."""

    @property
    def steps(self) -> int:
        """Total number of batches."""

    @property
    def threads(self) -> int:
        """Threads that prepare batches."""

    def batch(self, epoch: int, step: int) -> Made_co:
        """Returns one batch; `epoch` and `step` count from 0."""


def batches(feed: Batched[T], numbers: range | None = None) -> Generator[T, None, None]:
    """Yields batches prepared in advance by threads.

    Args:
        feed: produces them.
        numbers: which batches, counted from 0 through all epochs; None: all images once.
    """
    with one_opencv_thread():
        yield from ahead(
            lambda number: feed.batch(*divmod(number, feed.steps)),
            range(feed.steps) if numbers is None else numbers,
            feed.threads,
        )


def ahead(work: Callable[[int], T], numbers: Iterable[int], threads: int) -> Generator[T, None, None]:
    """Yields `work(number)` for each number, in order; up to `2 * threads + 1` results are in progress or waiting.

    Nothing starts before the first result is requested. Stopping early leaves nothing running: closing the iterator
    waits for work in progress and drops the rest. An error is raised in place of its result.

    Args:
        work: called in threads; numpy, OpenCV and file reads release the interpreter lock.
        numbers: the numbers, each requested once.
        threads: number of concurrent threads, >= 1.
    """
    numbers = iter(numbers)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ahead")
    try:
        waiting: deque[Future[T]] = deque(pool.submit(work, number) for number in islice(numbers, 2 * threads + 1))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(work, number) for number in islice(numbers, 1))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
