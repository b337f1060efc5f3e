"""The same parameters give the picture that `ImageDataGenerator` gives, in every fill mode.

Keras 3 has two slips, which are not copied: `get_random_transform` draws `tx`, the columns, from `height_shift_range`,
and `apply_transform` turns about (height / 2, width / 2) in (x, y), so only square pictures are held against it; the
others against SciPy, with the right centre.
"""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from catsdogs_exp.data.augmentation import Drawn, apply
from catsdogs_exp.data.augmentation.colour import brightness, channel_shift
from catsdogs_exp.data.augmentation.geometry import Warp, affine, apply_affine

ndimage = pytest.importorskip("scipy.ndimage")
FILL_MODES = ("nearest", "reflect", "wrap", "constant")
FILL_VALUE = 77
TIMES = 30
pytestmark = pytest.mark.filterwarnings("ignore:.*scipy.ndimage.interpolation.*:DeprecationWarning")


def picture(rng: np.random.Generator, height: int, width: int, channels: int = 3) -> np.ndarray:
    """Blobs of a few pixels: a difference in place is a large difference in value."""
    coarse = rng.integers(0, 256, (height // 6 + 2, width // 6 + 2, channels), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).reshape(height, width, channels)


def warps(rng: np.random.Generator, height: int, width: int) -> Iterator[Warp]:
    """All changes together, far beyond what is usual; each alone; and whole pixels, where rounding decides."""
    for _ in range(TIMES):
        yield Warp(
            rotation=rng.uniform(-180, 180),
            shear=rng.uniform(-60, 60),
            shift_y=rng.uniform(-0.6, 0.6),
            shift_x=rng.uniform(-0.6, 0.6),
            zoom_y=rng.uniform(0.3, 1.9),
            zoom_x=rng.uniform(0.3, 1.9),
            flip_x=bool(rng.integers(2)),
            flip_y=bool(rng.integers(2)),
        )
    yield Warp(rotation=rng.uniform(-40, 40))
    yield Warp(shear=rng.uniform(-40, 40))
    yield Warp(zoom_y=0.7, zoom_x=1.4)
    yield Warp(shift_y=rng.uniform(-0.3, 0.3))
    yield Warp(shift_y=5 / height, shift_x=-7 / width)
    yield Warp(flip_x=True, flip_y=True)
    yield Warp()


def most_apart(ours: np.ndarray, theirs: np.ndarray, warp: Warp, fill_mode: str) -> float:
    """The greatest difference in grey levels: 0.5 where ours are rounded and theirs are not.

    Left out are pixels that come from the very edge, where the last bit decides whether they lie outside: there the
    modes `wrap` and `constant` jump.
    """
    difference = np.abs(ours.astype(float) - theirs).max(axis=-1)
    if fill_mode in ("wrap", "constant"):
        height, width = ours.shape[:2]
        y, x = np.mgrid[:height, :width]
        for (a, b, c), size in zip(written_out(warp, height, width), (width, height), strict=True):
            periods = (a * x + b * y + c) / (size - 1)
            difference[np.abs(periods - np.rint(periods)) < 1e-7] = 0
    return float(difference.max())


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("channels", [3, 1])
def test_a_warp_is_what_image_data_generator_makes(fill_mode: str, channels: int) -> None:
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    keras = ImageDataGenerator(fill_mode=fill_mode, cval=FILL_VALUE)
    rng = np.random.default_rng(channels)
    for size in (150, 31, 64):
        for warp in warps(rng, size, size):
            image = picture(rng, size, size, channels)
            parameters = {
                "theta": warp.rotation,
                "tx": warp.shift_x * size,
                "ty": warp.shift_y * size,
                "shear": warp.shear,
                "zx": warp.zoom_x,
                "zy": warp.zoom_y,
                "flip_horizontal": warp.flip_x,
                "flip_vertical": warp.flip_y,
            }
            theirs = keras.apply_transform(image.astype(np.float32), parameters)
            ours = apply_affine(image, affine(warp, size, size), fill_mode, FILL_VALUE)
            assert most_apart(ours, theirs, warp, fill_mode) < 0.51, warp


@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_a_picture_that_is_not_square_is_turned_about_its_centre(fill_mode: str) -> None:
    rng = np.random.default_rng(0)
    for height, width in ((40, 90), (121, 80)):
        for warp in warps(rng, height, width):
            image = picture(rng, height, width)
            (xx, xy, x0), (yx, yy, y0) = written_out(warp, height, width)
            theirs = np.stack(
                [
                    ndimage.affine_transform(
                        channel.astype(np.float32),
                        [[yy, yx], [xy, xx]],  # rows first
                        [y0, x0],
                        order=1,
                        mode=fill_mode,
                        cval=FILL_VALUE,
                    )
                    for channel in np.moveaxis(image, -1, 0)
                ],
                axis=-1,
            )
            ours = apply_affine(image, affine(warp, height, width), fill_mode, FILL_VALUE)
            assert most_apart(ours, theirs, warp, fill_mode) < 0.51, warp


def written_out(warp: Warp, height: int, width: int) -> list[list[float]]:
    """Keras's product of matrices, about the right centre, and the flips."""
    a, s = np.deg2rad(warp.rotation), np.deg2rad(warp.shear)
    centre = np.array([[1, 0, width / 2 - 0.5], [0, 1, height / 2 - 0.5], [0, 0, 1]])
    whole = centre @ np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    whole = whole @ np.array([[1, 0, warp.shift_x * width], [0, 1, warp.shift_y * height], [0, 0, 1]])
    whole = whole @ np.array([[1, -np.sin(s), 0], [0, np.cos(s), 0], [0, 0, 1]])
    whole = whole @ np.diag([warp.zoom_x, warp.zoom_y, 1])
    whole = whole @ np.diag([-1 if warp.flip_x else 1, -1 if warp.flip_y else 1, 1]) @ np.linalg.inv(centre)
    return whole[:2].tolist()


def test_shifts_follow_their_names() -> None:
    """Where Keras 3 does not: with `width_shift_range` alone it moves the rows."""
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    drawn = ImageDataGenerator(width_shift_range=0.4).get_random_transform((100, 100, 3), seed=0)
    assert drawn["tx"] == 0 and drawn["ty"] != 0  # and apply_transform takes ty for the rows
    image = picture(np.random.default_rng(0), 40, 50)
    moved = apply_affine(image, affine(Warp(shift_x=0.1), 40, 50))
    assert np.array_equal(moved[:, :-5], image[:, 5:])


@pytest.mark.parametrize("factor", [0.0, 0.3, 0.5, 0.97, 1.0, 1.3, 2.0, 7.5])
def test_brightness_is_image_data_generators(factor: float) -> None:
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    image = picture(np.random.default_rng(1), 30, 30)
    theirs = ImageDataGenerator().apply_transform(image.astype(np.float32), {"brightness": factor})
    assert np.abs(brightness(image, factor) - theirs).max() <= 1


@pytest.mark.parametrize("levels", [-300.0, -40.5, 0.0, 20.25, 255.0])
def test_a_channel_shift_is_image_data_generators(levels: float) -> None:
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    image = picture(np.random.default_rng(2), 30, 30) // 2 + 30
    theirs = ImageDataGenerator().apply_transform(image.astype(np.float32), {"channel_shift_intensity": levels})
    assert np.abs(channel_shift(image, levels) - theirs).max() < 1


def test_all_of_it_in_keras_order(config) -> None:
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    image = picture(np.random.default_rng(3), 60, 60)
    parameters = {"theta": 20, "zx": 0.8, "flip_horizontal": True, "channel_shift_intensity": 30, "brightness": 1.4}
    theirs = ImageDataGenerator(fill_mode="reflect").apply_transform(image.astype(np.float32), parameters)
    drawn = Drawn(Warp(rotation=20, zoom_x=0.8, flip_x=True), brightness=1.4, channel_shift=30)
    ours = apply(image, drawn, config("augment.fill_mode=reflect").augment)
    assert np.abs(ours - theirs).max() <= 2.4  # 1.4 x the rounding between the steps
