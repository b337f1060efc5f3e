"""RandAugment and TrivialAugment: torchvision's list, ranges and directions; single operations are Pillow's."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.augmentation import Drawn, apply, draw
from catsdogs_exp.data.augmentation.geometry import Warp
from catsdogs_exp.data.augmentation.policies import OPERATIONS, Operation, operation


@pytest.fixture
def photo() -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return cv2.resize(coarse, (80, 60), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize(
    ("name", "rand", "trivial"),
    [  # at strengths 0, 9 and 30, from torchvision's `_augmentation_space`
        ("shear_x", (0, 0.09, 0.3), (0, 0.297, 0.99)),
        ("shear_y", (0, 0.09, 0.3), (0, 0.297, 0.99)),
        ("translate_x", (0, 45 / 331, 150 / 331), (0, 9.6 / 224, 32 / 224)),
        ("translate_y", (0, 45 / 331, 150 / 331), (0, 9.6 / 224, 32 / 224)),
        ("rotate", (0, 9, 30), (0, 40.5, 135)),
        ("brightness", (1, 1.27, 1.9), (1, 1.297, 1.99)),
        ("color", (1, 1.27, 1.9), (1, 1.297, 1.99)),
        ("contrast", (1, 1.27, 1.9), (1, 1.297, 1.99)),
        ("sharpness", (1, 1.27, 1.9), (1, 1.297, 1.99)),
        ("posterize", (8, 7, 4), (8, 6, 2)),
        ("solarize", (255, 178.5, 0), (255, 178.5, 0)),
        ("autocontrast", (0, 0, 0), (0, 0, 0)),
        ("equalize", (0, 0, 0), (0, 0, 0)),
        ("identity", (0, 0, 0), (0, 0, 0)),
    ],
)
def test_ranges_are_torchvisions(name: str, rand: tuple[float, ...], trivial: tuple[float, ...]) -> None:
    for policy, expected in (("randaugment", rand), ("trivialaugment", trivial)):
        assert [operation(policy, name, m).value for m in (0, 9, 30)] == pytest.approx(expected)
        middle = 1 if name in ("brightness", "color", "contrast", "sharpness") else 0
        signed = name not in ("posterize", "solarize")
        turned = [2 * middle - value if signed else value for value in expected]
        assert [operation(policy, name, m, True).value for m in (0, 9, 30)] == pytest.approx(turned)


@pytest.mark.parametrize("magnitude", [0, 9, 17, 30])
@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_are_pillows(
    config: Callable[..., Config], photo: np.ndarray, name: str, magnitude: int, negative: bool
) -> None:
    done = operation("randaugment", name, magnitude, negative)
    v = done.value
    image = Image.fromarray(photo)
    black = {"resample": Image.Resampling.BILINEAR, "fillcolor": 0}
    theirs = {
        "identity": lambda: image,
        "shear_x": lambda: image.transform(image.size, Image.Transform.AFFINE, (1, v, 0, 0, 1, 0), **black),
        "shear_y": lambda: image.transform(image.size, Image.Transform.AFFINE, (1, 0, 0, v, 1, 0), **black),
        "translate_x": lambda: image.transform(
            image.size, Image.Transform.AFFINE, (1, 0, v * image.width, 0, 1, 0), **black
        ),
        "translate_y": lambda: image.transform(
            image.size, Image.Transform.AFFINE, (1, 0, 0, 0, 1, v * image.height), **black
        ),
        "rotate": lambda: image.rotate(v, **black),
        "brightness": lambda: ImageEnhance.Brightness(image).enhance(v),
        "color": lambda: ImageEnhance.Color(image).enhance(v),
        "contrast": lambda: ImageEnhance.Contrast(image).enhance(v),
        "sharpness": lambda: ImageEnhance.Sharpness(image).enhance(v),
        "posterize": lambda: ImageOps.posterize(image, int(v)),
        "solarize": lambda: ImageOps.solarize(image, v),
        "autocontrast": lambda: ImageOps.autocontrast(image),
        "equalize": lambda: ImageOps.equalize(image),
    }[name]()
    settings = config("augment.fill_mode=constant").augment
    ours = apply(photo, Drawn(Warp(), operations=(done,)), settings)
    difference = np.abs(ours.astype(int) - np.asarray(theirs))
    # Pillow rounds on the way; and beyond the middle of the outermost pixels it still paints the picture
    assert (difference <= 2).mean() > (0.95 if name.startswith(("shear", "translate", "rotate")) else 1 - 1e-9)


def drawn_operations(config: Callable[..., Config], *settings: str) -> list[tuple[Operation, ...]]:
    augment = config(*settings).augment
    return [draw(augment, 0, 0, index).operations for index in range(1500)]


def test_randaugment_draws_operations_of_one_strength(config: Callable[..., Config]) -> None:
    drawn = drawn_operations(config, "augment=randaugment", "augment.num_ops=3", "augment.magnitude=20")
    assert {len(operations) for operations in drawn} == {3}
    counts = {name: sum(o.name == name for each in drawn for o in each) for name in OPERATIONS}
    expected = 1500 * 3 / len(OPERATIONS)
    assert all(0.75 * expected < count < 1.25 * expected for count in counts.values())
    values = {o.value for each in drawn for o in each if o.name == "rotate"}
    assert values == {-20.0, 20.0}


def test_more_operations_begin_with_the_same_ones(config: Callable[..., Config]) -> None:
    two, fourteen = (drawn_operations(config, "augment=randaugment", f"augment.num_ops={n}") for n in (2, 14))
    assert [each[:2] for each in fourteen] == two


def test_trivialaugment_draws_one_operation_of_any_strength(config: Callable[..., Config]) -> None:
    drawn = drawn_operations(config, "augment.policy=trivialaugment", "augment.num_ops=5")
    assert {len(operations) for operations in drawn} == {1}
    degrees = {round(abs(o.value) / 4.5) for (o,) in drawn if o.name == "rotate"}
    assert degrees <= set(range(31)) and len(degrees) > 20


def test_geometry_is_composed_in_order(config: Callable[..., Config], photo: np.ndarray) -> None:
    first, second = operation("randaugment", "rotate", 20), operation("randaugment", "shear_x", 20)
    settings = config().augment

    def after(*operations: Operation) -> np.ndarray:
        return apply(photo, Drawn(Warp(), operations=operations), settings).astype(int)

    both = after(first, second)
    one_by_one = apply(after(first).astype(np.uint8), Drawn(Warp(), operations=(second,)), settings)
    assert np.abs(both - one_by_one)[15:-15, 15:-15].mean() < 4  # one interpolation against two
    assert np.abs(both - after(second, first)).mean() > 4
