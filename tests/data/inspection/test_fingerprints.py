"""Fingerprints of pictures: the colour of their border."""

import numpy as np

from catsdogs_exp.data.inspection.fingerprints import SIDE, borders


def test_the_border_is_the_outer_tenth() -> None:
    pictures = np.zeros((40, SIDE, SIDE, 3), np.uint8)
    pictures[:, :, :, 2] = 100
    pictures[:, 3:-3, 3:-3] = 255  # what is inside does not count
    np.testing.assert_allclose(borders(pictures), [[0, 0, 100]] * 40, atol=1e-3)
