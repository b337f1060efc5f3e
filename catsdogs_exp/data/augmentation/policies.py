"""RandAugment (Cubuk et al., 2020) and TrivialAugment (Müller and Hutter, 2021): operations sampled from a list.

Operations, directions and ranges are torchvision's, except that the maximum translation is a fraction of the image's
size, so that it means the same at every `target_size`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.augmentation import colour
from catsdogs_exp.data.augmentation.geometry import Affine, Warp, affine

Image = NDArray[np.uint8]

BINS = 31  # strengths 0..30
OPERATIONS = (
    "identity",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
    "rotate",
    "brightness",
    "color",
    "contrast",
    "sharpness",
    "posterize",
    "solarize",
    "autocontrast",
    "equalize",
)


@dataclass(frozen=True)
class _Space:
    """The range of each operation at the greatest strength."""

    shear: float  # pixels per pixel
    translate: float  # fraction of the size
    rotate: float  # degrees
    enhance: float  # factors 1 - e .. 1 + e
    bits: int  # removed by posterize


_SPACES = {
    "randaugment": _Space(shear=0.3, translate=150 / 331, rotate=30.0, enhance=0.9, bits=4),
    # 32 pixels of the usual 224
    "trivialaugment": _Space(shear=0.99, translate=32 / 224, rotate=135.0, enhance=0.99, bits=6),
}


@dataclass(frozen=True)
class Operation:
    """One operation with its value.

    Attributes:
        name: one of `OPERATIONS`.
        value: shear in pixels per pixel, translation as a fraction, rotation in degrees, a factor, bits, or a
            threshold; 0 if the operation has no strength.
    """

    name: str
    value: float = 0.0


def operation(policy: str, name: str, magnitude: int, negative: bool = False) -> Operation:
    """An operation at a strength of 0..30; `negative` reverses its direction, if it has one."""
    space = _SPACES[policy]
    level = magnitude / (BINS - 1)
    signed = -level if negative else level
    if name in ("shear_x", "shear_y"):
        return Operation(name, space.shear * signed)
    if name in ("translate_x", "translate_y"):
        return Operation(name, space.translate * signed)
    if name == "rotate":
        return Operation(name, space.rotate * signed)
    if name in ("brightness", "color", "contrast", "sharpness"):
        return Operation(name, 1 + space.enhance * signed)
    if name == "posterize":
        return Operation(name, 8 - round(space.bits * level))
    if name == "solarize":
        return Operation(name, 255 * (1 - level))
    return Operation(name)


def draw_operations(policy: str, count: int, magnitude: int, u: Sequence[float]) -> tuple[Operation, ...]:
    """Samples the operations for one image.

    Args:
        policy: `randaugment`: `count` operations of one strength; `trivialaugment`: one of random strength.
        count, magnitude: for `randaugment`.
        u: numbers in [0, 1): one for the strength, then two for each operation.
    """
    if policy == "trivialaugment":
        count, magnitude = 1, int(u[0] * BINS)
    return tuple(
        operation(policy, OPERATIONS[int(u[1 + 2 * i] * len(OPERATIONS))], magnitude, u[2 + 2 * i] < 0.5)
        for i in range(count)
    )


def geometry_of(done: Operation, height: int, width: int) -> Affine | None:
    """The map of a geometric operation, None for others. Shears are about the upper left corner, as in Pillow."""
    if done.name == "shear_x":
        return Affine(xy=done.value, x0=done.value * height / 2)
    if done.name == "shear_y":
        return Affine(yx=done.value, y0=done.value * width / 2)
    if done.name == "translate_x":
        return Affine(x0=done.value * width)
    if done.name == "translate_y":
        return Affine(y0=done.value * height)
    if done.name == "rotate":
        return affine(Warp(rotation=done.value), height, width)
    return None


def apply_colour(image: Image, done: Operation) -> Image:
    """Applies a colour operation; geometric operations and the identity leave the image unchanged."""
    if done.name == "brightness":
        return colour.brightness(image, done.value)
    if done.name == "color":
        return colour.saturation(image, done.value)
    if done.name == "contrast":
        return colour.contrast(image, done.value)
    if done.name == "sharpness":
        return colour.sharpness(image, done.value)
    if done.name == "posterize":
        return colour.posterize(image, int(done.value))
    if done.name == "solarize":
        return colour.solarize(image, done.value)
    if done.name == "autocontrast":
        return colour.autocontrast(image)
    if done.name == "equalize":
        return colour.equalize(image)
    return image
