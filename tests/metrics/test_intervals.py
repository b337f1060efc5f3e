"""Wilson's interval, against SciPy's."""

import pytest
from scipy.stats import binomtest

from catsdogs_exp.metrics.intervals import wilson_interval


@pytest.mark.parametrize(("hits", "count"), [(0, 1), (1, 1), (2, 2), (9, 20), (500, 1000), (999, 1000)])
def test_the_interval_is_scipys(hits: int, count: int) -> None:
    expected = binomtest(hits, count).proportion_ci(method="wilson")
    assert wilson_interval(hits, count) == pytest.approx((expected.low, expected.high))


def test_two_right_images_say_little() -> None:
    low, high = wilson_interval(2, 2)
    assert low < 0.35 and high == 1
