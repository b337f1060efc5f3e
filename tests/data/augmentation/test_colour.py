"""Colour operations compared with Pillow; blur, noise and erasing with their definitions."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from catsdogs_exp.data.augmentation import colour, detail

FACTORS = (0.0, 0.25, 0.5, 0.9, 1.0, 1.1, 1.5, 1.99, 4.0)


def picture(channels: int = 3, height: int = 41, width: int = 30) -> np.ndarray:
    """Noise on a slope, not of the full range."""
    rng = np.random.default_rng(channels)
    slope = np.linspace(20, 200, width)[:, None] * np.linspace(0.5, 1, channels)
    return np.clip(slope + rng.normal(0, 25, (height, width, channels)), 8, 240).astype(np.uint8)


def pillow(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def apart(ours: np.ndarray, theirs: Image.Image) -> int:
    return int(np.abs(ours.astype(int) - np.asarray(theirs).reshape(ours.shape)).max())


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize(
    ("ours", "theirs", "tolerance"),
    [
        (colour.brightness, ImageEnhance.Brightness, 1),
        (colour.contrast, ImageEnhance.Contrast, 1),
        (colour.saturation, ImageEnhance.Color, 2),  # the grey is not rounded on the way: 0.5 x (factor - 1)
        (colour.sharpness, ImageEnhance.Sharpness, 2),  # nor is the smoothed picture
    ],
)
def test_enhancing_is_pillows(
    ours: Callable[[np.ndarray, float], np.ndarray],
    theirs: Callable[[Image.Image], ImageEnhance.Brightness],
    tolerance: int,
    factor: float,
    channels: int,
) -> None:
    image = picture(channels)
    result = ours(image, factor)
    assert (result.shape, result.dtype) == (image.shape, np.uint8)
    assert apart(result, theirs(pillow(image)).enhance(factor)) <= tolerance
    if factor == 1:
        assert np.array_equal(result, image)


@pytest.mark.parametrize("factor", [0.37, 0.71, 0.93, 1.07])
@pytest.mark.parametrize("change", [colour.brightness, colour.contrast])
def test_results_are_rounded_so_that_nothing_darkens(
    change: Callable[[np.ndarray, float], np.ndarray], factor: float
) -> None:
    image = picture(1)
    fixed = 0 if change is colour.brightness else round(image.mean())  # the level that stays
    apart = change(image, factor) - ((image.astype(float) - fixed) * factor + fixed)
    inside = (image > 60) & (image < 200)  # what is clipped is another matter
    assert np.abs(apart[inside]).max() <= 0.5 + 1e-9
    assert abs(apart[inside].mean()) < 0.1


@pytest.mark.parametrize("channels", [3, 1])
def test_operations_are_pillows(channels: int) -> None:
    image = picture(channels)
    for bits in range(1, 9):
        assert apart(colour.posterize(image, bits), ImageOps.posterize(pillow(image), bits)) == 0
    for threshold in (0, 1, 100, 254, 255, 256):
        assert apart(colour.solarize(image, threshold), ImageOps.solarize(pillow(image), threshold)) == 0
    assert apart(colour.autocontrast(image), ImageOps.autocontrast(pillow(image))) <= 1
    assert apart(colour.equalize(image), ImageOps.equalize(pillow(image))) == 0


@pytest.mark.parametrize("value", [0, 77, 255])
def test_a_picture_of_one_colour_has_no_contrast_to_stretch(value: int) -> None:
    image = np.full((20, 20, 3), value, dtype=np.uint8)
    assert np.array_equal(colour.autocontrast(image), image)
    assert np.array_equal(colour.equalize(image), image)


def test_grey_is_pillows() -> None:
    image = picture()
    grey = colour.greyscale(image)
    assert apart(colour.grey(image)[..., None], pillow(image).convert("L")) <= 1
    assert (grey == grey[..., :1]).all()
    assert np.array_equal(colour.greyscale(picture(1)), picture(1))


def test_hues_go_round_the_circle() -> None:
    red, green, blue = (np.full((2, 3, 3), each, dtype=np.uint8) for each in ((255, 0, 0), (0, 255, 0), (0, 0, 255)))
    for start, degrees, end in ((red, 120, green), (green, 120, blue), (blue, 120, red), (red, -120, blue)):
        assert np.abs(colour.hue(start, degrees).astype(int) - end).max() <= 6  # one of the 256 steps around
    image = picture()
    assert colour.hue(image, 0.1) is image
    assert np.array_equal(colour.hue(image, 180), colour.hue(image, -180))
    hue, *rest = pillow(image).convert("HSV").split()
    turned = Image.fromarray(np.asarray(hue) + np.uint8(30 * 256 // 360))
    theirs = np.asarray(Image.merge("HSV", [turned, *rest]).convert("RGB"))
    assert np.abs(colour.hue(image, 30).astype(int) - theirs).mean() < 2


def test_grey_pictures_have_no_colours() -> None:
    image = picture(1)
    assert colour.hue(image, 90) is image
    assert colour.saturation(image, 0) is image


@given(factor=st.floats(0, 1e308))
def test_huge_factors_end_in_black_and_white(factor: float) -> None:
    image = picture()
    for change in (colour.brightness, colour.contrast, colour.saturation):
        assert change(image, factor).dtype == np.uint8


def test_blurring_spreads_by_the_deviation() -> None:
    image = np.zeros((61, 61, 3), dtype=np.uint8)
    image[28:33, 28:33] = 255
    for sigma in (0.5, 2.0, 5.0):
        spread = detail.blur(image, sigma)[..., 0].astype(float)
        rows = np.arange(61) - 30
        variance = (spread.sum(axis=1) * rows**2).sum() / spread.sum()
        assert abs(variance - (2 + sigma**2)) < 0.08 * (2 + sigma**2)  # 2: of five rows; the tails are cut
    flat = np.full((3, 5, 1), 200, dtype=np.uint8)
    assert np.array_equal(detail.blur(flat, 30.0), flat)


def test_noise_has_its_deviation_and_its_key() -> None:
    image = np.full((80, 80, 3), 128, dtype=np.uint8)
    for deviation in (3.0, 20.0):
        noisy = detail.add_noise(image, deviation, 7).astype(float)
        assert abs(noisy.mean() - 128) < 0.5
        assert abs(noisy.std() - deviation) < 0.05 * deviation
        assert abs(np.corrcoef(noisy[..., 0].ravel(), noisy[..., 1].ravel())[0, 1]) < 0.05
    assert np.array_equal(detail.add_noise(image, 5, 7), detail.add_noise(image, 5, 7))
    assert not np.array_equal(detail.add_noise(image, 5, 7), detail.add_noise(image, 5, 8))
    assert {0, 255} <= set(detail.add_noise(image, 255, 1).ravel().tolist())  # cut off, not wrapped


@pytest.mark.parametrize(("area", "ratio"), [(0.1, 1.0), (0.25, 2.0), (0.3, 0.5)])
def test_erased_rectangles_have_their_area_and_shape(area: float, ratio: float) -> None:
    image = np.zeros((80, 120, 3), dtype=np.uint8)
    erased = detail.erase(image, detail.Erased(area, ratio, 0.5, 0.25), 127.5)[..., 0] == 128
    down, across = erased.any(axis=1).sum(), erased.any(axis=0).sum()
    assert erased.sum() == down * across
    assert abs(erased.mean() - area) < 0.02 and abs(across / down - ratio) < 0.1
    assert not image.any()


@given(
    size=st.tuples(st.integers(1, 20), st.integers(1, 20), st.sampled_from([1, 3])),
    area=st.floats(1e-6, 1),
    ratio=st.floats(0.01, 100),
    places=st.tuples(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True)),
    side=st.floats(1e-6, 1),
)
def test_something_is_erased_of_pictures_of_any_size(
    size: tuple[int, int, int], area: float, ratio: float, places: tuple[float, float], side: float
) -> None:
    image = np.zeros(size, dtype=np.uint8)
    for result in (
        detail.erase(image, detail.Erased(area, ratio, *places), 9),
        detail.cut_out(image, detail.Cut(side, *places), 9),
    ):
        assert result.shape == size and set(result.ravel().tolist()) <= {0, 9} and result.any()


def test_a_cutout_may_reach_beyond_the_edge() -> None:
    image = np.zeros((20, 30, 3), dtype=np.uint8)
    inside = detail.cut_out(image, detail.Cut(0.5, 0.5, 0.5), 255)[..., 0] > 0
    corner = detail.cut_out(image, detail.Cut(0.5, 0.0, 0.0), 255)[..., 0] > 0
    assert inside.sum() == 100 and inside[5:15, 10:20].all()
    assert corner.sum() == 25 and corner[:5, :5].all()
