"""The time of an epoch is that of its batches, once images are decoded."""

import pytest

from catsdogs_exp.training.epoch_time import _twice


def test_compiling_does_not_count_and_decoding_counts_once() -> None:
    asked: list[int] = []
    seconds = iter([7.0, 6.0, 3.0])  # compiles; decodes; reads from memory

    def work(most: int) -> tuple[int, float]:
        asked.append(most)
        return most, next(seconds)

    once, more = _twice(work, 1000)
    assert asked == [1, 30, 30]
    assert (once, more) == pytest.approx((0.1, 0.1))


def test_long_steps_are_timed_less_often() -> None:
    done = iter([1, 4, 4])
    asked: list[int] = []

    def work(most: int) -> tuple[int, float]:
        asked.append(most)
        return next(done), 2.0

    assert _twice(work, 1000) == (0.5, 0.0)
    assert asked == [1, 30, 4]


def test_an_epoch_without_validation_images_takes_no_time_for_them() -> None:
    assert _twice(lambda most: (most, 1.0), 0) == (0.0, 0.0)
