"""Prefetching in threads: results in order, bounded, errors in their place, nothing left behind."""

import threading
import time

import pytest

from catsdogs_exp.data.prefetch import ahead


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_order_however_long_each_takes(threads: int) -> None:
    def work(number: int) -> int:
        time.sleep(0.004 * (number % 3 == 0))
        return number * number

    assert list(ahead(work, range(4, 20), threads)) == [number * number for number in range(4, 20)]


def test_no_more_is_begun_than_may_wait() -> None:
    begun: list[int] = []
    results = ahead(begun.append, range(1000), 2)
    assert not begun  # nothing before it is asked for
    next(results)
    deadline = time.monotonic() + 60
    while len(begun) < 6 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)  # the next would have begun
    assert sorted(begun) == list(range(6))  # the one taken, and five
    results.close()


def test_an_error_comes_out_where_its_result_would_have() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise ValueError("the fourth")
        return number

    results = ahead(work, range(10), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="the fourth"):
        next(results)


def test_who_stops_early_leaves_no_thread() -> None:
    before = threading.active_count()
    results = ahead(lambda number: time.sleep(0.01), range(1000), 3)
    next(results)
    assert threading.active_count() > before
    results.close()
    assert threading.active_count() == before
