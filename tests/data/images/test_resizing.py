"""Every resize method, compared with Pillow's resampling and with its documentation."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.images.resizing import (
    BOX_UNIFORMS,
    Box,
    crop_stored,
    evaluated_as,
    grey,
    middle_box,
    random_box,
    resample,
    resized,
    stored_size,
)

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
SMOOTH = ("bilinear", "bicubic", "lanczos")
sides = st.integers(1, 80)
uniforms = st.lists(st.floats(0, 1, exclude_max=True), min_size=BOX_UNIFORMS, max_size=BOX_UNIFORMS).map(np.array)


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Black and white specks: where resampling errs most."""
    return np.random.default_rng(seed).integers(0, 2, (height, width, channels), dtype=np.uint8) * np.uint8(255)


def by_pillow(pixels: np.ndarray, size: tuple[int, int], interpolation: str, box: Box | None = None) -> np.ndarray:
    """Pillow's answer as integers; overshooting filters in two passes, across and then down.

    (Pillow's own order depends on its version and on the sizes, and what is clipped between the passes on the order.)
    """
    height, width = pixels.shape[:2]
    left, top, box_width, box_height = box or (0, 0, width, height)
    right, bottom = min(width, left + box_width), min(height, top + box_height)
    image = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0])
    kind = FILTERS[interpolation]
    if interpolation in ("bicubic", "lanczos"):
        image = image.resize((size[1], height), kind, box=(left, 0, right, height))
        left, right = 0, size[1]
    image = image.resize(size[::-1], kind, box=(left, top, right, bottom))
    return np.asarray(image).reshape(*size, -1).astype(int)


def apart(first: np.ndarray, second: np.ndarray) -> int:
    assert first.shape == second.shape
    return int(np.abs(first.astype(int) - second).max())


@given(sides, sides, sides, sides, st.sampled_from([1, 3]), st.booleans(), uniforms, st.integers(0, 2**32 - 1))
def test_bilinear_is_within_one_grey_level_of_pillow(
    height: int, width: int, th: int, tw: int, channels: int, cut: bool, u: np.ndarray, seed: int
) -> None:
    box = random_box(height, width, (0.05, 1), (0.3, 3), u) if cut else None
    pixels = noise(height, width, channels, seed)
    assert apart(resample(pixels, (th, tw), "bilinear", box), by_pillow(pixels, (th, tw), "bilinear", box)) <= 1


@given(sides, sides, sides, st.sampled_from(SMOOTH), st.sampled_from([1, 3]), st.integers(0, 2**32 - 1))
def test_one_direction_is_within_one_grey_level_of_pillow(
    height: int, width: int, size: int, interpolation: str, channels: int, seed: int
) -> None:
    pixels = noise(height, width, channels, seed)
    for target in ((height, size), (size, width)):
        assert apart(resample(pixels, target, interpolation), by_pillow(pixels, target, interpolation)) <= 1


@given(sides, sides, sides, sides, st.sampled_from(["bicubic", "lanczos"]), st.booleans(), uniforms)
def test_both_directions_of_overshooting_filters_are_within_two(
    height: int, width: int, th: int, tw: int, interpolation: str, cut: bool, u: np.ndarray
) -> None:
    """What differs by one after the first pass may differ by two after the second, on black and white specks."""
    box = random_box(height, width, (0.05, 1), (0.3, 3), u) if cut else None
    pixels = noise(height, width)
    assert apart(resample(pixels, (th, tw), interpolation, box), by_pillow(pixels, (th, tw), interpolation, box)) <= 2


@pytest.mark.parametrize("interpolation", SMOOTH)
def test_photos_are_within_one_grey_level_of_pillow(photo: Callable[..., Image.Image], interpolation: str) -> None:
    for seed, size in enumerate([(500, 375), (640, 480)]):
        image = photo(size, seed)
        for target in ((150, 150), (64, 96), (224, 224)):
            expected = np.asarray(image.resize(target[::-1], FILTERS[interpolation]))
            assert apart(resample(np.asarray(image), target, interpolation), expected) <= 1


@given(sides, sides, sides, sides, st.booleans(), uniforms)
def test_nearest_is_pillows(height: int, width: int, th: int, tw: int, cut: bool, u: np.ndarray) -> None:
    box = random_box(height, width, (0.05, 1), (0.3, 3), u) if cut else None
    pixels = noise(height, width)
    assert apart(resample(pixels, (th, tw), "nearest", box), by_pillow(pixels, (th, tw), "nearest", box)) == 0


def test_extreme_sizes() -> None:
    for height, width, th, tw in ((1, 1, 300, 200), (2000, 1, 1, 300), (1, 3000, 64, 1), (1500, 1500, 1, 1)):
        pixels = noise(height, width)
        for interpolation in FILTERS:
            found = resample(pixels, (th, tw), interpolation)
            assert apart(found, by_pillow(pixels, (th, tw), interpolation)) <= 2


@pytest.mark.parametrize("interpolation", FILTERS)
def test_a_picture_of_the_right_size_is_left_as_it_is(interpolation: str) -> None:
    pixels = noise(30, 40)
    for resize in ("stretch", "crop", "pad", "random_resized_crop"):
        assert np.array_equal(resized(pixels, (30, 40), resize, interpolation), pixels)


def test_all_but_nearest_antialias() -> None:
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (64, 32))[..., None].repeat(3, axis=2)
    assert set(np.unique(resample(stripes, (8, 8), "nearest")).tolist()) <= {0, 255}
    for interpolation in SMOOTH:
        inner = resample(stripes, (8, 8), interpolation)[:, 1:-1].astype(int)
        assert np.abs(inner - 127.5).max() < 12


# The ways to a size


@given(sides, sides, sides, sides, st.sampled_from(["stretch", "crop", "pad"]), st.sampled_from(list(FILTERS)))
def test_every_way_gives_the_size_asked_for(
    height: int, width: int, th: int, tw: int, resize: str, interpolation: str
) -> None:
    found = resized(noise(height, width), (th, tw), resize, interpolation, 128)
    assert (found.shape, found.dtype) == ((th, tw, 3), np.uint8)


def test_crop_takes_the_middle_in_the_targets_proportions() -> None:
    pixels = np.zeros((40, 100, 3), dtype=np.uint8)
    pixels[:, :29], pixels[:, 71:] = 255, 255  # beside the middle square, and a pixel that antialiasing may look at
    assert middle_box(40, 100, (20, 20)) == (30, 0, 40, 40)
    assert resized(pixels, (20, 20), "crop", "bilinear").max() == 0
    assert resized(pixels, (20, 20), "stretch", "bilinear").max() == 255
    assert resized(pixels.transpose(1, 0, 2), (20, 20), "crop", "bilinear").max() == 0


@given(sides, sides, sides, sides)
def test_the_middle_box_is_the_largest_that_fits(height: int, width: int, th: int, tw: int) -> None:
    left, top, box_width, box_height = middle_box(height, width, (th, tw))
    assert box_width / box_height == pytest.approx(tw / th)
    assert box_width == pytest.approx(width) or box_height == pytest.approx(height)
    assert left == pytest.approx((width - box_width) / 2) and left >= 0
    assert top == pytest.approx((height - box_height) / 2) and top >= 0


@pytest.mark.parametrize("interpolation", FILTERS)
def test_pad_shows_the_whole_picture_in_the_middle(interpolation: str) -> None:
    found = resized(np.full((20, 80, 3), 200, dtype=np.uint8), (40, 40), "pad", interpolation, 7.4)
    expected = np.full((40, 40, 3), 7, dtype=np.uint8)
    expected[15:25] = 200
    assert np.array_equal(found, expected)
    tall = resized(np.full((80, 20, 1), 200, dtype=np.uint8), (40, 40), "pad", interpolation, 255)
    assert np.array_equal(tall[..., 0], np.where(np.isin(np.arange(40), range(15, 25)), 200, 255)[None].repeat(40, 0))


def test_where_nothing_is_random_random_crops_are_the_middle() -> None:
    assert [evaluated_as(name) for name in ("stretch", "crop", "pad", "random_resized_crop")] == [
        *("stretch", "crop", "pad", "crop"),
    ]
    pixels = noise(50, 90)
    random = resized(pixels, (20, 20), "random_resized_crop", "bilinear")
    assert np.array_equal(random, resized(pixels, (20, 20), "crop", "bilinear"))


def test_grey_is_pillows_luma() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    assert np.array_equal(grey(pixels)[..., 0], np.asarray(Image.fromarray(pixels).convert("L")))


# Random boxes


@given(sides, sides, st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)), uniforms)
def test_a_random_box_lies_within_the_picture(
    height: int, width: int, scale: tuple[float, float], u: np.ndarray
) -> None:
    left, top, box_width, box_height = random_box(height, width, sorted(scale), (0.75, 4 / 3), u)
    assert left >= 0 and top >= 0
    assert 1 <= box_width <= width - left + 1e-9
    assert 1 <= box_height <= height - top + 1e-9


def test_random_boxes_are_spread_as_asked_for() -> None:
    rng = np.random.default_rng(0)
    boxes = np.array([random_box(400, 400, (0.2, 0.6), (0.5, 2), rng.random(BOX_UNIFORMS)) for _ in range(4000)])
    left, top, width, height = boxes.T
    share, ratio = width * height / 400**2, width / height
    assert share.min() >= 0.2 - 1e-9 and share.max() <= 0.6 + 1e-9
    assert ratio.min() >= 0.5 - 1e-9 and ratio.max() <= 2 + 1e-9
    assert 0.37 < share.mean() < 0.41  # large and oblong boxes do not fit: a little below the middle
    assert abs(np.log(ratio).mean()) < 0.03
    assert abs((left / (400 - width)).mean() - 0.5) < 0.02
    assert abs((top / (400 - height)).mean() - 0.5) < 0.02


def test_where_no_box_fits_the_middle_is_taken_in_allowed_proportions() -> None:
    for where in (0.0, 0.5, 0.999):
        u = np.full(BOX_UNIFORMS, where)
        assert random_box(10, 1000, (1, 1), (0.5, 2), u) == pytest.approx((490, 0, 20, 10))
        assert random_box(1000, 10, (1, 1), (0.5, 2), u) == pytest.approx((0, 490, 10, 20))
        assert random_box(30, 41, (1, 1), (4 / 3, 4 / 3), u) == pytest.approx((0.5, 0, 40, 30))


def test_the_whole_picture_is_a_box_too() -> None:
    assert random_box(30, 40, (1, 1), (4 / 3, 4 / 3), np.zeros(BOX_UNIFORMS)) == pytest.approx((0, 0, 40, 30))


def test_boxes_are_cut_from_the_stored_picture_in_the_originals_proportions(config: Callable[..., Config]) -> None:
    settings = replace(
        config().loader, target_size=(24, 24), crop_scale=(0.25, 0.25), crop_ratio=(1, 1), resize="random_resized_crop"
    )
    assert stored_size((24, 24)) == (36, 36)
    assert stored_size((25, 150)) == (38, 225)
    # a picture of 200 x 100 whose square box has sides of 70.7: 12.7 of 36 across and 25.5 of 36 down
    stored = np.zeros((36, 36, 3), dtype=np.uint8)
    stored[:, :12], stored[:25] = 255, 255
    u = np.zeros(BOX_UNIFORMS)
    found = crop_stored(stored, 200, 100, settings, u)
    box = random_box(100, 200, (0.25, 0.25), (1, 1), u)
    assert box == pytest.approx((0, 0, 70.71, 70.71), abs=0.01)
    assert found.shape == (24, 24, 3)
    expected = resample(stored, (24, 24), "bilinear", (0, 0, 70.71 * 36 / 200, 70.71 * 36 / 100))
    assert apart(found, expected) <= 1
    last = crop_stored(stored[..., :1], 200, 100, settings, np.full(BOX_UNIFORMS, 0.999999))
    assert last.shape == (24, 24, 1)
    assert last[-1, -1, 0] == 0  # the lower right corner
