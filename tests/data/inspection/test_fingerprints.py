"""Fingerprints of pictures: the colour of their border, and whether they have a single colour."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from catsdogs_exp.data.inspection.fingerprints import SIDE, borders, is_flat, is_flat_thumbnail


def test_the_border_is_the_outer_tenth() -> None:
    pictures = np.zeros((40, SIDE, SIDE, 3), np.uint8)
    pictures[:, :, :, 2] = 100
    pictures[:, 3:-3, 3:-3] = 255  # what is inside does not count
    np.testing.assert_allclose(borders(pictures), [[0, 0, 100]] * 40, atol=1e-3)


@given(
    st.integers(0, 190),
    st.lists(st.tuples(st.integers(0, SIDE**2 * 3 - 1), st.integers(0, 14)), max_size=4),
    st.integers(0, 2**16),
)
def test_a_thumbnail_is_as_flat_as_its_image(level: int, spots: list[tuple[int, int]], seed: int) -> None:
    picture = np.full((SIDE, SIDE, 3), level, np.uint8)
    picture += np.random.default_rng(seed).integers(0, 2, picture.shape, np.uint8)
    for place, more in spots:
        picture.reshape(-1)[place] += more
    assert is_flat_thumbnail(picture) == is_flat(Image.fromarray(picture))
