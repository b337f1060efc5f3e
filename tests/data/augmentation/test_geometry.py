"""Geometry without Keras: exact flips, shifts and quarter turns, directions, and composed maps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.data.augmentation.geometry import Affine, Warp, affine, apply_affine

FILL_MODES = ("nearest", "reflect", "wrap", "constant")


def picture(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def warped(image: np.ndarray, fill_mode: str = "nearest", fill_value: float = 0, **warp: float) -> np.ndarray:
    return apply_affine(image, affine(Warp(**warp), *image.shape[:2]), fill_mode, fill_value)


@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_no_warp_leaves_the_picture(fill_mode: str) -> None:
    image = picture(31, 44)
    assert warped(image, fill_mode, 99) is image


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("size", [(31, 44), (32, 45), (1, 7), (1, 1)])
def test_flips_are_exact(size: tuple[int, int], channels: int) -> None:
    image = picture(*size, channels)
    assert np.array_equal(warped(image, flip_x=True), image[:, ::-1])
    assert np.array_equal(warped(image, flip_y=True), image[::-1])
    assert np.array_equal(warped(image, flip_x=True, flip_y=True), image[::-1, ::-1])


def test_a_shift_by_whole_pixels_is_exact() -> None:
    image = picture(40, 50)
    left = warped(image, "constant", 7, shift_x=0.2)
    assert np.array_equal(left[:, :-10], image[:, 10:])
    assert (left[:, -10:] == 7).all()
    down = warped(image, shift_y=-0.25)
    assert np.array_equal(down[10:], image[:-10])
    assert (down[:10] == image[0]).all()
    assert np.array_equal(warped(image, "reflect", shift_x=0.2)[:, -10:], image[:, -1:-11:-1])


def test_wrapping_lets_the_last_column_and_the_first_coincide() -> None:
    """SciPy's way, so Keras's: the period is one pixel short."""
    image = picture(40, 50)
    assert np.array_equal(warped(image, "wrap", shift_x=0.2), image[:, [*range(10, 50), *range(1, 11)]])


@pytest.mark.parametrize(("degrees", "quarters"), [(90, 1), (180, 2), (-90, 3)])
def test_rotations_by_quarters_are_exact(degrees: float, quarters: int) -> None:
    image = picture(40, 40)
    assert np.array_equal(warped(image, rotation=degrees), np.rot90(image, quarters))


def test_shear_slides_the_rows_along_themselves() -> None:
    image = np.zeros((41, 41, 3), dtype=np.uint8)
    image[:, 20] = 255
    sheared = warped(image, "constant", shear=30.0)[..., 0]
    # Keras's shear keeps the length of a line: it slides by the sine and squeezes by the cosine.
    assert [int(row.argmax()) for row in sheared[10:31:10]] == [15, 20, 25]


def test_zoom_below_one_enlarges_about_the_centre() -> None:
    image = np.zeros((40, 40, 3), dtype=np.uint8)
    image[15:25, 15:25] = 255
    grown = warped(image, zoom_y=0.5, zoom_x=0.5)[..., 0] > 127
    wide = warped(image, zoom_x=0.5)[..., 0] > 127
    assert (grown.any(axis=1).sum(), grown.any(axis=0).sum()) == (20, 20)
    assert (wide.any(axis=1).sum(), wide.any(axis=0).sum()) == (10, 20)
    assert np.array_equal(grown, grown[::-1, ::-1])


def test_a_flip_is_of_the_warped_picture() -> None:
    image = picture(40, 40)
    changes = {"rotation": 25.0, "shift_x": 0.1, "shear": 10.0}
    straight, flipped = (warped(image, **changes, flip_x=flip) for flip in (False, True))
    assert np.abs(flipped.astype(int) - straight[:, ::-1]).max() <= 1


def test_two_maps_in_one_are_one_after_the_other() -> None:
    first, second = affine(Warp(rotation=30, zoom_x=0.8), 40, 60), affine(Warp(shear=20, shift_y=0.1), 40, 60)
    whole = first.then(second).pixels(40, 60)
    square = [np.vstack([each.pixels(40, 60), [0, 0, 1]]) for each in (first, second)]
    assert np.allclose(whole, (square[0] @ square[1])[:2])
    assert np.allclose(Affine().pixels(30, 50), [[1, 0, 0], [0, 1, 0]])


@given(
    size=st.tuples(st.integers(1, 12), st.integers(1, 12), st.sampled_from([1, 3])),
    rotation=st.floats(-180, 180),
    zoom=st.floats(1e-3, 1e12),
    shift=st.floats(-1, 1),
    fill_mode=st.sampled_from(FILL_MODES),
)
def test_any_warp_of_any_size_gives_values_that_were_there(
    size: tuple[int, int, int], rotation: float, zoom: float, shift: float, fill_mode: str
) -> None:
    image = np.full(size, 90, dtype=np.uint8)
    result = warped(image, fill_mode, 90, rotation=rotation, zoom_x=zoom, shift_y=shift)
    assert (result.shape, result.dtype) == (size, np.uint8)
    assert (result == 90).all()
