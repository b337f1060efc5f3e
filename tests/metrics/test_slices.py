"""Slices: found where a network is worse, with the right numbers; and seldom by luck."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from catsdogs_exp.metrics.slices import find_slices, fisher_more


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_fisher_is_that_of_scipy(size: int, rest: int, data) -> None:
    wrong = data.draw(st.integers(0, size))
    others = data.draw(st.integers(0, rest))
    theirs = fisher_exact([[wrong, size - wrong], [others, rest - others]], alternative="greater").pvalue
    assert fisher_more(wrong, size, wrong + others, size + rest) == pytest.approx(theirs, rel=1e-6, abs=1e-12)


def groups(n: int, seed: int = 0) -> dict[str, list[str]]:
    rng = np.random.default_rng(seed)
    return {
        "brightness": rng.choice(["dark", "middling", "bright"], n).tolist(),
        "aspect": rng.choice(["narrow", "wide"], n).tolist(),
        "folder": rng.choice(["", "a"], n).tolist(),
    }


def test_a_pair_that_is_worse_is_found_with_its_numbers() -> None:
    kinds = groups(600)
    dark_narrow = np.array(
        [one == "dark" and other == "narrow" for one, other in zip(kinds["brightness"], kinds["aspect"], strict=True)]
    )
    rng = np.random.default_rng(1)
    right = rng.uniform(size=600) > np.where(dark_narrow, 0.5, 0.1)
    found = find_slices(kinds, right)
    (pair,) = [each for each in found if each.words == ("dark", "narrow")]
    assert pair.images == dark_narrow.sum() and pair.wrong == (dark_narrow & ~right).sum()
    assert pair.interval[0] < pair.wrong / pair.images < pair.interval[1]
    assert pair.others == pytest.approx((~right & ~dark_narrow).sum() / (~dark_narrow).sum())
    assert pair.sentence().startswith(
        f"wrong on {pair.wrong / pair.images:.2f} of {pair.images} images: dark, narrow ("
    )
    assert found[0] is pair  # the most mistakes beyond the others' share


def test_pairs_that_say_no_more_than_their_group_are_left_out() -> None:
    kinds = groups(600)
    dark = np.array([each == "dark" for each in kinds["brightness"]])
    right = np.random.default_rng(2).uniform(size=600) > np.where(dark, 0.5, 0.1)
    assert [each.words for each in find_slices(kinds, right)] == [("dark",)]


def test_luck_is_seldom_a_slice() -> None:
    found = 0
    for seed in range(60):
        right = np.random.default_rng(1000 + seed).uniform(size=300) > 0.2
        found += bool(find_slices(groups(300, seed), right))
    assert found <= 6  # 0.05 of the families, corrected


def test_small_groups_and_perfect_networks_have_no_slices() -> None:
    kinds = {"folder": ["odd"] * 9 + ["usual"] * 91}
    assert find_slices(kinds, np.arange(100) >= 9) == ()
    assert find_slices(groups(100), np.ones(100, bool)) == ()
    assert find_slices({}, np.ones(5, bool)) == ()
