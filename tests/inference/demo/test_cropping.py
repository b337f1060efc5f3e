"""Crops: what is read from a request, and their pixels."""

import numpy as np
import pytest

from catsdogs_exp.data.images import resizing
from catsdogs_exp.data.images.preparing import LARGE, Preparation
from catsdogs_exp.inference.crop_grid import Box
from catsdogs_exp.inference.demo.cropping import prepared, read_crop, smaller
from catsdogs_exp.inference.demo.refusal import Refused


def test_the_whole_image_is_no_crop() -> None:
    assert read_crop("", 30, 20) is read_crop("0,0,30,20", 30, 20) is None
    assert read_crop("1,2,29,18", 30, 20) == Box(1, 2, 29, 18)
    with pytest.raises(Refused, match=r"within the image of 30 x 20. Received: crop=2,2,29,18"):
        read_crop("2,2,29,18", 30, 20)


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_crop_is_prepared_as_an_image_of_its_own(resize: str, channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
    how = Preparation((20, 24), resize, channels=channels)
    alone = resizing.resized(np.ascontiguousarray(pixels[10:50, 30:80]), (20, 24), resize, "bilinear")
    expected = resizing.grey(alone) if channels == 1 else alone
    assert np.array_equal(prepared({1: pixels}, Box(30, 10, 50, 40), how), expected)


def test_a_crop_of_a_large_image_differs_little() -> None:
    """From a smaller copy, at whatever place its pixels begin."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (150, 191, 3), np.uint8)
    pixels = np.asarray(resizing.resample(small, (1801, 2303), "bicubic"))
    assert pixels.shape[0] * pixels.shape[1] >= LARGE
    copies = smaller(pixels)
    assert {factor: copy.shape[:2] for factor, copy in copies.items()} == {2: (901, 1152), 4: (451, 576), 8: (226, 288)}
    how = Preparation((40, 40))
    for crop in (Box(1, 1, 2001, 1700), Box(333, 77, 1001, 902), Box(1002, 900, 1301, 901)):
        exact = prepared({1: pixels}, crop, how).astype(int)
        found = prepared({1: pixels, **copies}, crop, how).astype(int)
        assert np.abs(found - exact).max() <= 8  # at its edges, where a reduced pixel may lie half within
        assert np.abs(found - exact).mean() < 0.5
    assert smaller(pixels[:100]) == {}
