"""The warp, held against ImageDataGenerator's own arithmetic with an explicit bilinear sampling."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catsdogs_exp.config.schema import Augment, Config
from catsdogs_exp.data.augmentation import Warp, apply_warp, changes_pictures, draw_warp, matrix

FILL_MODES = ("nearest", "reflect", "wrap", "constant")


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth, so that a small difference in place is a small difference in value; and not symmetric."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [
        127 + 60 * np.sin(rng.uniform(0.02, 0.12) * y + rng.uniform(0, 6)) + 60 * np.cos(rng.uniform(0.02, 0.12) * x)
        for _ in range(3)
    ]
    return np.clip(np.stack(waves, axis=-1), 0, 255).astype(np.uint8)


def reference(image: np.ndarray, warp: Warp, fill_mode: str, fill_value: float) -> np.ndarray:
    """Keras's `apply_affine_transform` and then the flips.

    Two slips of Keras's are left out: it takes `height_shift_range` for the columns, and the centre of a picture that
    is not square for (height / 2, width / 2) in (x, y).
    """
    height, width = image.shape[:2]
    theta, shear = np.deg2rad(warp.rotation), np.deg2rad(warp.shear)
    transform = np.array([[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, 1]])
    transform = transform @ np.array([[1, 0, warp.shift_x * width], [0, 1, warp.shift_y * height], [0, 0, 1]])
    transform = transform @ np.array([[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]])
    transform = transform @ np.array([[warp.zoom_x, 0, 0], [0, warp.zoom_y, 0], [0, 0, 1]])
    offset = np.array([[1, 0, width / 2 - 0.5], [0, 1, height / 2 - 0.5], [0, 0, 1]])
    transform = offset @ transform @ np.linalg.inv(offset)
    # "Matrix construction assumes that coordinates are x, y. However, regular numpy arrays use y, x indexing."
    transform[:, [0, 1]] = transform[:, [1, 0]]
    transform[[0, 1]] = transform[[1, 0]]
    rows, columns = np.mgrid[:height, :width]
    source = np.tensordot(transform[:2], np.stack([rows, columns, np.ones_like(rows)]), axes=1)
    result = sampled(image.astype(float), source[0], source[1], fill_mode, fill_value)
    if warp.flip_x:
        result = result[:, ::-1]
    if warp.flip_y:
        result = result[::-1]
    return result


def sampled(image: np.ndarray, y: np.ndarray, x: np.ndarray, fill_mode: str, fill_value: float) -> np.ndarray:
    """Bilinear values of the picture, continued beyond its edges, at real coordinates."""
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    dy, dx = (y - top)[..., None], (x - left)[..., None]

    def at(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        values = image[continued(row, height, fill_mode), continued(column, width, fill_mode)]
        if fill_mode == "constant":
            outside = (row < 0) | (row >= height) | (column < 0) | (column >= width)
            values = np.where(outside[..., None], fill_value, values)
        return values

    upper = at(top, left) * (1 - dx) + at(top, left + 1) * dx
    lower = at(top + 1, left) * (1 - dx) + at(top + 1, left + 1) * dx
    return upper * (1 - dy) + lower * dy


def continued(index: np.ndarray, size: int, fill_mode: str) -> np.ndarray:
    if fill_mode == "wrap":
        return index % size
    if fill_mode == "reflect":  # dcba|abcd|dcba
        folded = index % (2 * size)
        return np.where(folded < size, folded, 2 * size - 1 - folded)
    return np.clip(index, 0, size - 1)


def difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(float) - second.astype(float)).mean())


WARPS = st.builds(
    Warp,
    rotation=st.floats(-180, 180),
    shear=st.floats(-60, 60),
    shift_y=st.floats(-0.5, 0.5),
    shift_x=st.floats(-0.5, 0.5),
    zoom_y=st.floats(0.3, 1.7),
    zoom_x=st.floats(0.3, 1.7),
    flip_x=st.booleans(),
    flip_y=st.booleans(),
)


@given(
    warp=WARPS,
    height=st.integers(40, 90),
    width=st.integers(40, 90),
    fill_mode=st.sampled_from(FILL_MODES),
    fill_value=st.floats(0, 255),
)
@example(
    Warp(rotation=30, shear=20, shift_y=0.2, shift_x=-0.1, zoom_y=0.8, zoom_x=1.2, flip_x=True), 60, 80, "nearest", 0
)
def test_a_warp_is_what_image_data_generator_makes(
    warp: Warp, height: int, width: int, fill_mode: str, fill_value: float
) -> None:
    image = picture(height, width)
    warped = apply_warp(image, warp, fill_mode, fill_value)
    assert (warped.shape, warped.dtype) == (image.shape, np.uint8)
    assert difference(warped, reference(image, warp, fill_mode, fill_value)) < 1.5


@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_no_warp_leaves_the_picture(fill_mode: str) -> None:
    image = picture(31, 44)
    assert np.array_equal(apply_warp(image, Warp(), fill_mode, 99), image)


@pytest.mark.parametrize("size", [(31, 44), (32, 45)])
def test_flips_are_exact(size: tuple[int, int]) -> None:
    image = picture(*size)
    assert np.array_equal(apply_warp(image, Warp(flip_x=True)), image[:, ::-1])
    assert np.array_equal(apply_warp(image, Warp(flip_y=True)), image[::-1])
    assert np.array_equal(apply_warp(image, Warp(flip_x=True, flip_y=True)), image[::-1, ::-1])


def test_a_shift_by_whole_pixels_is_exact() -> None:
    image = picture(40, 50)
    left = apply_warp(image, Warp(shift_x=0.2), "constant", 7)
    assert np.array_equal(left[:, :-10], image[:, 10:])
    assert (left[:, -10:] == 7).all()
    down = apply_warp(image, Warp(shift_y=-0.25), "nearest")
    assert np.array_equal(down[10:], image[:-10])
    assert (down[:10] == image[0]).all()
    assert np.array_equal(apply_warp(image, Warp(shift_x=0.2), "wrap"), np.roll(image, -10, axis=1))
    assert np.array_equal(apply_warp(image, Warp(shift_x=0.2), "reflect")[:, -10:], image[:, -1:-11:-1])


@pytest.mark.parametrize(("degrees", "quarters"), [(90, 1), (180, 2), (-90, 3)])
def test_rotations_by_quarters_are_exact(degrees: float, quarters: int) -> None:
    image = picture(40, 40)
    assert np.array_equal(apply_warp(image, Warp(rotation=degrees)), np.rot90(image, quarters))


def test_shear_slides_the_rows_along_themselves() -> None:
    image = np.zeros((41, 41, 3), dtype=np.uint8)
    image[:, 20] = 255
    sheared = apply_warp(image, Warp(shear=30.0), "constant")[..., 0]
    # Keras's shear keeps the length of a line: it slides by the sine and squeezes by the cosine.
    assert [int(row.argmax()) for row in sheared[10:31:10]] == [15, 20, 25]


def test_zoom_below_one_enlarges_about_the_centre() -> None:
    image = np.zeros((40, 40, 3), dtype=np.uint8)
    image[15:25, 15:25] = 255
    grown = apply_warp(image, Warp(zoom_y=0.5, zoom_x=0.5))[..., 0] > 127
    wide = apply_warp(image, Warp(zoom_x=0.5))[..., 0] > 127
    assert (grown.any(axis=1).sum(), grown.any(axis=0).sum()) == (20, 20)
    assert (wide.any(axis=1).sum(), wide.any(axis=0).sum()) == (10, 20)
    assert np.array_equal(grown, grown[::-1, ::-1])


def test_a_flip_is_of_the_warped_picture() -> None:
    image = picture(40, 40)
    warp = {"rotation": 25.0, "shift_x": 0.1, "shear": 10.0}
    straight, flipped = (apply_warp(image, Warp(**warp, flip_x=flip)) for flip in (False, True))
    assert difference(flipped, straight[:, ::-1]) < 0.5


def test_the_matrix_of_no_warp_is_the_identity() -> None:
    assert np.allclose(matrix(Warp(), 30, 50), [[1, 0, 0], [0, 1, 0]])


# What is drawn


@pytest.fixture(scope="module")
def course(config: Callable[..., Config]) -> Augment:
    return config("augment=course", "augment.vertical_flip=true", "augment.shear_range=10").augment


def test_draws_keep_to_their_ranges_and_fill_them(course: Augment) -> None:
    warps = [draw_warp(course, 0, 0, index) for index in range(2000)]
    for name, low, high in (
        ("rotation", -40, 40),
        ("shear", -10, 10),
        ("shift_y", -0.2, 0.2),
        ("shift_x", -0.2, 0.2),
        ("zoom_y", 0.8, 1.2),
        ("zoom_x", 0.8, 1.2),
    ):
        values = np.array([getattr(warp, name) for warp in warps])
        margin = (high - low) / 100
        assert low <= values.min() < low + margin
        assert high - margin < values.max() <= high
        assert abs(values.mean() - (low + high) / 2) < 3 * margin
    for name in ("flip_x", "flip_y"):
        assert 0.45 < np.mean([getattr(warp, name) for warp in warps]) < 0.55


def test_draws_are_a_function_of_seed_epoch_and_index(course: Augment) -> None:
    assert draw_warp(course, 3, 4, 5) == draw_warp(course, 3, 4, 5)
    places = [(3, 4, 5), (4, 4, 5), (3, 5, 5), (3, 4, 6), (3, 5, 4), (5, 4, 3)]
    assert len({draw_warp(course, *place) for place in places}) == len(places)


def test_one_setting_does_not_change_what_the_others_draw(config: Callable[..., Config]) -> None:
    alone = draw_warp(config("augment.rotation_range=40.0").augment, 1, 2, 3)
    together = draw_warp(config("augment=course").augment, 1, 2, 3)
    assert alone == Warp(rotation=together.rotation)
    assert alone.rotation != 0


def test_without_augmentation_nothing_is_drawn(config: Callable[..., Config]) -> None:
    assert {draw_warp(config().augment, 0, 0, index) for index in range(20)} == {Warp()}
    assert not changes_pictures(config().augment)


@pytest.mark.parametrize(
    "setting",
    [
        "rotation_range=1",
        "width_shift_range=0.1",
        "height_shift_range=0.1",
        "shear_range=1",
        "zoom_range=0.1",
        "horizontal_flip=true",
        "vertical_flip=true",
    ],
)
def test_each_setting_changes_pictures(config: Callable[..., Config], setting: str) -> None:
    augment = config(f"augment.{setting}").augment
    assert changes_pictures(augment)
    image = picture(40, 50)
    warps = [draw_warp(augment, 0, 0, index) for index in range(20)]
    assert any(not np.array_equal(apply_warp(image, warp), image) for warp in warps)


def test_filling_alone_changes_nothing(config: Callable[..., Config]) -> None:
    assert not changes_pictures(config("augment.fill_mode=constant", "augment.fill_value=200").augment)
