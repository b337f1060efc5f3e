"""Intervals: Wilson's against SciPy's, the bootstrap against Wilson's."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from catsdogs_exp.metrics.intervals import bootstrap_interval, wilson_interval


@pytest.mark.parametrize(("hits", "count"), [(0, 1), (1, 1), (2, 2), (9, 20), (500, 1000), (999, 1000)])
def test_the_interval_is_scipys(hits: int, count: int) -> None:
    expected = binomtest(hits, count).proportion_ci(method="wilson")
    assert wilson_interval(hits, count) == pytest.approx((expected.low, expected.high))


def test_two_right_images_say_little() -> None:
    low, high = wilson_interval(2, 2)
    assert low < 0.35 and high == 1


def test_the_bootstrap_of_a_share_is_close_to_wilsons() -> None:
    right = np.arange(400) < 300
    low, high = bootstrap_interval(lambda rows: float(right[rows].mean()), 400)
    assert (low, high) == pytest.approx(wilson_interval(300, 400), abs=0.01)
    assert bootstrap_interval(lambda rows: float(right[rows].mean()), 400) == (low, high)  # the same draws


def test_what_is_undefined_for_some_draws_is_left_out_of_them() -> None:
    low, high = bootstrap_interval(lambda rows: 1.0 if 0 in rows else None, 3)
    assert (low, high) == (1.0, 1.0)
    assert all(math.isnan(end) for end in bootstrap_interval(lambda _: None, 3))
