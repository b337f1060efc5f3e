"""Student's t and Welch's test against SciPy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from catsdogs_exp.metrics.student import Mean, mean_of, t_quantile_95, t_within, welch

NUMBERS = st.lists(st.floats(0, 1).map(lambda value: round(value, 4)), min_size=2, max_size=8)


@given(st.floats(0, 50), st.integers(1, 300))
def test_the_distribution_is_students(t: float, freedom: int) -> None:
    assert t_within(t, freedom) == pytest.approx(1 - 2 * stats.t.sf(t, freedom), abs=1e-12)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 9, 30, 1000])
def test_its_quantile(freedom: int) -> None:
    assert t_quantile_95(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-12)


@given(NUMBERS)
def test_mean_and_interval(numbers: list[float]) -> None:
    found = mean_of(numbers)
    assert found.interval is not None and found.deviation is not None
    assert found.mean == pytest.approx(sum(numbers) / len(numbers))
    if len(set(numbers)) > 1:
        expected = stats.t.interval(0.95, len(numbers) - 1, found.mean, stats.sem(numbers))
        assert found.interval == pytest.approx(expected)


def test_the_interval_of_a_share_is_one_of_shares() -> None:
    assert mean_of([0.5, 1.0], (0.0, 1.0)).interval == (0.0, 1.0)


def test_one_number_has_no_interval() -> None:
    assert mean_of([0.5]) == Mean(1, 0.5, None, None)


def test_welch_by_scipy_where_the_degrees_of_freedom_are_whole() -> None:
    first, second = [0.5, 0.6, 0.7], [0.8, 0.9, 1.0]  # equal variances: 4 degrees
    assert welch(mean_of(first), mean_of(second)) == pytest.approx(stats.ttest_ind(first, second).pvalue)


@given(NUMBERS, NUMBERS)
def test_welch_is_never_bolder_than_scipy(first: list[float], second: list[float]) -> None:
    found = welch(mean_of(first), mean_of(second))
    if len(set(first)) == 1 and len(set(second)) == 1:
        assert found is None
    else:
        assert found is not None
        sides = [(each.mean, each.deviation, each.n) for each in (mean_of(first), mean_of(second))]
        assert found >= stats.ttest_ind_from_stats(*sides[0], *sides[1], equal_var=False).pvalue - 1e-9


def test_welch_needs_two_numbers_each() -> None:
    assert welch(mean_of([1.0]), mean_of([1.0, 2.0])) is None
