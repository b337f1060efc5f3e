"""Familiarity: ordinary images are familiar, others are not, whatever the scale of the features."""

import numpy as np
import pytest

from catsdogs_exp.metrics.familiarity import FEWEST, NEAREST, RARE, Familiarity, familiarity


def clouds(count: int, directions: np.ndarray, seed: int) -> np.ndarray:
    """Features near some directions."""
    rng = np.random.default_rng(seed)
    return directions[rng.integers(0, len(directions), count)] * 7 + rng.normal(0, 1, (count, directions.shape[1]))


def test_other_directions_are_unlike() -> None:
    axes = np.eye(32)
    known = familiarity(clouds(200, axes[:2], 0), clouds(300, axes[:2], 1))
    assert known is not None and known.checked == 300
    ordinary, other = known.similarity(clouds(300, axes[:2], 2)), known.similarity(clouds(300, axes[5:7], 3))
    assert (ordinary < known.limit).mean() < 0.05
    assert (other < known.limit).mean() == 1
    more = clouds(9, axes[:2], 4)
    scaled = familiarity(1000 * clouds(200, axes[:2], 0) + 3, 1000 * clouds(300, axes[:2], 1) + 3)
    assert scaled is not None  # neither the unit nor the origin of features matters
    np.testing.assert_allclose(scaled.similarity(1000 * more + 3), known.similarity(more), atol=1e-3)


def test_the_limit_leaves_one_in_a_hundred_outside() -> None:
    rng = np.random.default_rng(0)
    held_out = rng.normal(1, 1, (1000, 8))
    known = familiarity(rng.normal(1, 1, (100, 8)), held_out)
    assert known is not None
    assert (known.similarity(held_out) < known.limit).mean() == RARE


def test_the_similarity_by_hand() -> None:
    zero = np.zeros(2, np.float32)
    known = Familiarity(np.array([[1, 0], [0, 1]], np.float16), zero, 0.5, 20)
    np.testing.assert_allclose(known.similarity(np.array([[2.0, 0], [3, 3], [0, 0]])), [0.5, 0.5**0.5, 0], atol=1e-6)
    moved = Familiarity(known.features, np.array([10, 20], np.float32), 0.5, 20)
    np.testing.assert_allclose(moved.similarity(np.array([[12.0, 20], [13, 23]])), [0.5, 0.5**0.5], atol=1e-6)
    many = Familiarity(np.array([[1.0, 0]] * NEAREST + [[0, 1.0]] * 5, np.float16), zero, 0.5, 20)
    np.testing.assert_allclose(many.similarity(np.array([[1.0, 0]])), [1])
    assert np.isnan(known.similarity(np.array([[np.nan, 1.0]]))).all()


def test_what_cannot_be_known() -> None:
    some = np.ones((FEWEST, 3))
    assert familiarity(some[1:], some) is None and familiarity(some, some[1:]) is None
    assert familiarity(some, some * np.nan) is None and familiarity(some * np.inf, some) is None
    assert familiarity(some, some) is not None


@pytest.mark.parametrize("count", [1, 3, NEAREST, 50])
def test_few_known_images_are_all_used(count: int) -> None:
    known = Familiarity(np.eye(64)[:count].astype(np.float16), np.zeros(64, np.float32), 0.0, 20)
    np.testing.assert_allclose(known.similarity(np.eye(64)[:1]), [1 / min(NEAREST, count)])
