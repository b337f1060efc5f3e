"""Occlusion maps of functions whose evidence is known."""

import numpy as np
import pytest

from catsdogs_exp.insight.occlusion import Patch, occlusion_map


def by_corner(images: np.ndarray) -> np.ndarray:
    """The second class by the brightness of the upper left corner, 4 x 4 pixels."""
    bright = images[:, :4, :4].mean(axis=(1, 2, 3)) / 255
    return np.stack([1 - bright, bright], axis=1).astype(np.float32)


@pytest.fixture
def image() -> np.ndarray:
    pixels = np.zeros((16, 20, 3), np.uint8)
    pixels[:4, :4] = 255
    return pixels


def test_the_place_that_decides_is_found_with_both_signs(image) -> None:
    patch = Patch(side=0.25, step=1.0, level=0.0)  # 4 pixels: exactly the corner
    for label, sign in ((1, 1), (0, -1)):
        found = occlusion_map(by_corner, image, label, patch)
        assert found.shape == (16, 20)
        np.testing.assert_allclose(found[:4, :4], sign, atol=1e-6)
        assert not found[4:].any() and not found[:, 4:].any()


def test_overlapping_patches_are_averaged_and_reach_the_edge(image) -> None:
    found = occlusion_map(by_corner, image, 1, Patch(side=0.3, step=0.5, level=0.0))
    assert found[0, 0] == pytest.approx(1) and 0 < found[0, 6] < 1
    assert np.isfinite(found).all()


def test_the_mean_colour_hides_by_default(image) -> None:
    flat = np.full((8, 8, 3), 77, np.uint8)
    assert not occlusion_map(by_corner, flat, 1).any()  # nothing is hidden by what is there already
    assert 0.9 < occlusion_map(by_corner, image, 1)[0, 0] < 1


def test_a_patch_of_no_size_is_refused(image) -> None:
    with pytest.raises(ValueError, match=r"must be > 0 and <= 1. Received: side=0 step=0.5"):
        occlusion_map(by_corner, image, 1, Patch(side=0))
