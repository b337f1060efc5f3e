"""Prefetching: threads prepare batches ahead, in order, while the network trains."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Protocol, TypeVar

from catsdogs_exp.data.opencv_threads import one_opencv_thread

T = TypeVar("T")
Made_co = TypeVar("Made_co", covariant=True)


class Batched(Protocol[Made_co]):
    """What makes batches, the same one for the same number every time."""

    @property
    def steps(self) -> int:
        """Batches in all images."""

    @property
    def threads(self) -> int:
        """Threads that prepare batches."""

    def batch(self, epoch: int, step: int) -> Made_co:
        """One batch; `epoch` and `step` count from 0."""


def batches(feed: Batched[T], numbers: range | None = None) -> Generator[T, None, None]:
    """Batches, made ahead in threads.

    Args:
        feed: what makes them.
        numbers: which, from 0 and on through the epochs; None: all images once.
    """
    with one_opencv_thread():
        yield from ahead(
            lambda number: feed.batch(*divmod(number, feed.steps)),
            range(feed.steps) if numbers is None else numbers,
            feed.threads,
        )


def ahead(work: Callable[[int], T], numbers: Iterable[int], threads: int) -> Generator[T, None, None]:
    """`work(number)` for each number, in their order; up to `2 * threads + 1` wait for their turn, begun or done.

    Nothing begins before the first result is asked for. Whoever stops early leaves nothing running: closing the
    iterator waits for what has begun and drops the rest. An error comes out where its result would have.

    Args:
        work: called in threads; numpy, OpenCV and file reads let others run meanwhile.
        numbers: which, each asked for once.
        threads: how many work at the same time, >= 1.
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
