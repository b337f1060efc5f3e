"""Maps over images: colour where there is evidence, grey elsewhere, readable without colour vision."""

import numpy as np
import pytest

from catsdogs_exp.record.pictures.heat_overlay import heat_overlay


@pytest.fixture
def image() -> np.ndarray:
    return np.full((30, 60, 3), 90, np.uint8)


def colourful(pixels: np.ndarray) -> np.ndarray:
    return np.ptp(pixels.astype(int), axis=-1)


def test_only_the_place_with_evidence_is_coloured(image) -> None:
    heat = np.zeros((6, 12), np.float32)
    heat[:2, :2] = 3.0
    drawn = np.asarray(heat_overlay(image, heat, side=120))
    assert drawn.shape == (60, 120, 3)
    assert colourful(drawn)[5, 5] > 60 and drawn[5, 5].mean() > 130  # by lightness too
    assert not colourful(drawn)[30:, 60:].any() and drawn[50, 100].tolist() == [90, 90, 90]


def test_against_the_class_is_blue_and_for_it_orange(image) -> None:
    heat = np.zeros((6, 12), np.float32)
    heat[:3, :3], heat[:3, -3:] = 1, -1
    drawn = np.asarray(heat_overlay(image, heat, side=120)).astype(int)
    assert drawn[8, 8, 0] > drawn[8, 8, 2] + 30
    assert drawn[8, -8, 2] > drawn[8, -8, 0] + 30


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_nothing_to_show_leaves_the_image_grey(value: float) -> None:
    grey = np.full((10, 10, 1), 40, np.uint8)
    drawn = np.asarray(heat_overlay(grey, np.full((2, 2), value, np.float32), side=20))
    assert drawn.shape == (20, 20, 3) and (drawn == 40).all()
