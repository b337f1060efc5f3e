"""Tests of significance against SciPy, simulations and computations by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from catsdogs_exp.metrics.significance import (
    LEVEL,
    POWER,
    bootstrap_counts,
    bootstrap_means,
    holm,
    images_for_bootstrap,
    images_for_mcnemar,
    mcnemar_exact,
)


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_mcnemar_is_the_binomial_test(first: int, second: int) -> None:
    expected = stats.binomtest(first, first + second, 0.5).pvalue if first + second else 1.0
    assert mcnemar_exact(first, second) == pytest.approx(expected, rel=1e-8, abs=1e-290)  # SciPy's underflows earlier


def test_mcnemar_by_hand() -> None:
    assert mcnemar_exact(0, 5) == 2 / 2**5
    assert mcnemar_exact(1, 5) == pytest.approx(2 * (1 + 6) / 2**6)
    assert mcnemar_exact(7, 7) == 1
    assert mcnemar_exact(0, 0) == 1
    assert mcnemar_exact(400_000, 400_500) == pytest.approx(0.5767, abs=1e-3)  # as the normal distribution has it


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.7, 0.9]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_only_raises_and_keeps_the_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(before <= after <= 1 for before, after in zip(p_values, corrected, strict=True))
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    assert [corrected[place] for place in order] == sorted(corrected)


def test_a_mean_varies_over_resamples_as_its_standard_error_says() -> None:
    rng = np.random.default_rng(1)
    differences = rng.normal([0.0, 0.1, 1.0], 1.0, (1000, 3))
    found = bootstrap_means(differences)
    assert found.difference == pytest.approx(differences.mean(axis=0))
    assert found.deviation == pytest.approx(differences.std(axis=0) / math.sqrt(1000), rel=0.06)
    expected = stats.ttest_1samp(differences, 0).pvalue
    assert found.p_value[:2] == pytest.approx(expected[:2], abs=0.02)
    assert found.p_value[2] < 1e-100  # far beyond what resamples can count


def test_without_a_difference_few_p_values_are_small() -> None:
    rng = np.random.default_rng(2)
    found = bootstrap_means(rng.exponential(1.0, (300, 1000)) - 1, resamples=400)
    assert (found.p_value < 0.05).mean() == pytest.approx(0.05, abs=0.025)


def test_networks_that_say_the_same_are_not_told_apart() -> None:
    found = bootstrap_means(np.zeros((10, 1)))
    assert (found.difference[0], found.deviation[0], found.p_value[0]) == (0, 0, 1)


def test_a_bootstrap_of_counts_is_one_of_images() -> None:
    counts = np.array([700, 60, 90, 150])  # both right, only the first, only the second, none

    def difference(drawn: np.ndarray) -> np.ndarray:
        return (drawn[:, 2] - drawn[:, 1]) / drawn.sum(axis=1)

    by_counts = bootstrap_counts(counts, difference)
    by_images = bootstrap_means(np.repeat([0.0, -1.0, 1.0, 0.0], counts)[:, None], seed=3)
    assert by_counts.difference == pytest.approx(by_images.difference)
    assert by_counts.deviation == pytest.approx(by_images.deviation, rel=0.06)
    assert by_counts.p_value[0] == pytest.approx(mcnemar_exact(60, 90), abs=0.01)


def test_images_needed_by_hand() -> None:
    # Connor's formula for 0.05 and 0.8: (1.95996 * sqrt(0.1) + 0.84162 * sqrt(0.1 - 0.02**2))**2 / 0.02**2
    assert images_for_mcnemar(0.06, 0.04) == 1960
    assert images_for_mcnemar(0.04, 0.06) == 1960
    assert images_for_mcnemar(0.05, 0.05) is None
    assert images_for_mcnemar(0.06, 0.04, comparisons=20) > 1960
    assert images_for_bootstrap(0.1, 0.05, 1000) == math.ceil(1000 * ((1.959964 + 0.841621) / 2) ** 2)
    assert images_for_bootstrap(0.0, 0.05, 1000) is None


def test_on_so_many_images_mcnemar_finds_the_difference_as_often_as_the_power_says() -> None:
    first, second = 0.08, 0.04
    needed = images_for_mcnemar(first, second)
    assert needed is not None
    drawn = np.random.default_rng(0).multinomial(needed, [first, second, 1 - first - second], size=2000)
    found = np.mean([mcnemar_exact(int(a), int(b)) < LEVEL for a, b, _ in drawn])
    assert found == pytest.approx(POWER, abs=0.05)  # the exact test is a little more cautious than the formula


@given(st.integers(0, 200), st.integers(0, 200), st.integers(1, 600), st.integers(1, 500))
def test_what_is_not_significant_needs_more_images_than_there_are(
    first: int, second: int, others: int, comparisons: int
) -> None:
    n = first + second + others
    if mcnemar_exact(first, second) * comparisons > LEVEL and first != second:
        needed = images_for_mcnemar(first / n, second / n, comparisons)
        assert needed is not None and needed > n * 0.9


@pytest.mark.parametrize("images", [1, 2, 3, 5, 8])
def test_a_few_images_prove_nothing_a_sign_test_could_not(images: int) -> None:
    same = bootstrap_means(np.full((images, 1), 0.25))
    alike = bootstrap_means(np.linspace(0.5, 0.6, images)[:, None])
    counts = bootstrap_counts(np.array([images]), lambda drawn: drawn[:, 0] / images)
    for found in (same, alike, counts):
        assert found.p_value[0] >= 2.0 ** (1 - images)


def test_on_few_images_differences_by_chance_are_as_rare_as_the_level_says() -> None:
    rng = np.random.default_rng(4)
    for images in (2, 3, 5, 10, 20):
        found = bootstrap_means(rng.normal(0, 1, (images, 2000)), resamples=400)
        assert (found.p_value < LEVEL).mean() <= LEVEL + 0.015, images


def test_no_number_of_images_is_too_small_for_the_test() -> None:
    for comparisons in (1, 10):
        for needed in (images_for_mcnemar(1, 0, comparisons), images_for_bootstrap(0.3, 0.0, 2, comparisons)):
            assert needed is not None
            assert mcnemar_exact(needed, 0) * comparisons < LEVEL
    assert images_for_mcnemar(1, 0) == 6
