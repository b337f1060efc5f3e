"""MixUp and CutMix: the partner, the proportion, and that the label follows the visible pixels."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.config.schema import Augment, Config
from catsdogs_exp.data.augmentation import Mix, apply_mix, describe_mix, draw, draw_mix
from catsdogs_exp.data.randomness import mix_generator


@pytest.fixture(scope="module")
def mixup(config: Callable[..., Config]) -> Augment:
    return config("augment.mixup=0.4").augment


@pytest.fixture(scope="module")
def cutmix(config: Callable[..., Config]) -> Augment:
    return config("augment.cutmix=1").augment


def test_the_share_is_drawn_from_beta(mixup: Augment) -> None:
    shares = np.array([draw_mix(mixup, mix_generator(0, 0, index), 10, (8, 8)).share for index in range(4000)])
    assert ((shares >= 0) & (shares <= 1)).all()
    assert abs(shares.mean() - 0.5) < 0.02
    assert abs(shares.var() - 1 / (4 * (2 * 0.4 + 1))) < 0.01  # of Beta(a, a)


def test_every_image_is_the_partner_alike(mixup: Augment) -> None:
    partners = [draw_mix(mixup, mix_generator(0, 0, index), 10, (8, 8)).partner for index in range(4000)]
    assert all(330 < count < 470 for count in np.bincount(partners, minlength=10))
    assert draw_mix(mixup, mix_generator(0, 0, 0), 1, (8, 8)).partner == 0


def test_mixes_are_a_function_of_seed_epoch_and_index(mixup: Augment) -> None:
    places = [(3, 4, 5), (4, 4, 5), (3, 5, 5), (3, 4, 6), (3, 5, 4), (5, 4, 3)]
    assert len({draw_mix(mixup, mix_generator(*place), 1000, (8, 8)) for place in places}) == len(places)
    assert draw_mix(mixup, mix_generator(3, 4, 5), 1000, (8, 8)) == draw_mix(
        mixup, mix_generator(3, 4, 5), 1000, (8, 8)
    )


def test_mixing_does_not_change_what_single_pictures_draw(config: Callable[..., Config]) -> None:
    without, mixed = config("augment=course").augment, config("augment=course", "augment.mixup=0.2").augment
    assert draw(without, 1, 2, 3) == draw(mixed, 1, 2, 3)


def test_with_both_one_of_them_is_drawn_with_equal_chance(config: Callable[..., Config]) -> None:
    both = config("augment.mixup=0.4", "augment.cutmix=1").augment
    mixes = [draw_mix(both, mix_generator(0, 0, index), 10, (8, 8)) for index in range(2000)]
    assert 0.45 < np.mean([mix.box is None for mix in mixes]) < 0.55


@given(
    alpha=st.sampled_from([1e-300, 1e-6, 0.2, 1.0, 100.0]),
    cuts=st.booleans(),
    place=st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 1000), st.integers(0, 10**6)),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3])),
)
def test_the_label_has_the_share_that_is_seen(
    config: Callable[..., Config], alpha: float, cuts: bool, place: tuple[int, int, int], size: tuple[int, int, int]
) -> None:
    augment = config(f"augment.{'cutmix' if cuts else 'mixup'}={alpha}").augment
    mix = draw_mix(augment, mix_generator(*place), 7, size[:2])
    assert 0 <= mix.share <= 1 and 0 <= mix.partner < 7
    black, white = np.zeros(size, dtype=np.uint8), np.full(size, 255, dtype=np.uint8)
    mixed = apply_mix(black, white, mix)
    assert (mixed.shape, mixed.dtype) == (size, np.uint8)
    if cuts:
        assert (mixed > 0).mean() == pytest.approx(mix.share)
        top, bottom, left, right = mix.box
        assert 0 <= top <= bottom <= size[0] and 0 <= left <= right <= size[1]
    else:
        assert mixed.mean() / 255 == pytest.approx(mix.share, abs=0.51 / 255)
    assert not black.any() and (white == 255).all()


def test_boxes_lie_everywhere_and_are_cut_at_the_edge(cutmix: Augment) -> None:
    mixes = [draw_mix(cutmix, mix_generator(0, 0, index), 10, (60, 90)) for index in range(2000)]
    seen = np.zeros((60, 90))
    for mix in mixes:
        top, bottom, left, right = mix.box
        seen[top:bottom, left:right] += 1
    assert seen.min() > 200
    shares = np.array([mix.share for mix in mixes])
    assert 0.25 < shares.mean() < 0.4  # below a half: what reached beyond the edge does not count


def test_a_box_comes_from_the_same_place_of_the_partner() -> None:
    rng = np.random.default_rng(0)
    image, partner = rng.integers(0, 256, (2, 10, 12, 3), dtype=np.uint8)
    mixed = apply_mix(image, partner, Mix(0, 0.1, (2, 5, 3, 7)))
    assert np.array_equal(mixed[2:5, 3:7], partner[2:5, 3:7])
    mixed[2:5, 3:7] = image[2:5, 3:7]
    assert np.array_equal(mixed, image)


def test_mixes_are_put_in_words() -> None:
    assert describe_mix(Mix(12, 0.314)) == {"mixup": "0.31 of image 12"}
    assert describe_mix(Mix(3, 0.5, (0, 1, 0, 1))) == {"cutmix": "0.50 of image 3"}
