"""A whole image: pose and position, backdrop, animal, cover, light."""

from __future__ import annotations

from PIL import Image

from catsdogs_exp.data.drawing.body import draw_body, draw_collar, new_look
from catsdogs_exp.data.drawing.brush import Dice, Easel, Frame, oval
from catsdogs_exp.data.drawing.head import draw_head
from catsdogs_exp.data.drawing.scenery import backdrop, draw_cover, photograph
from catsdogs_exp.data.drawing.species import MAX_CLASSES, SPECIES

_OVERSAMPLING = 2


# Extent of a pose around a head of radius 1 at the origin: left, top, right, bottom.
_POSES = {
    "head": (-1.35, -1.5, 1.35, 1.4),
    "sitting": (-1.5, -1.8, 1.7, 2.75),
    "lying": (-1.6, -1.8, 2.5, 1.8),
    "standing": (-1.6, -1.8, 2.7, 2.9),
}


def draw(class_index: int, index: int, seed: int) -> Image.Image:
    """Draws one image; the same arguments give the same pixels on any machine.

    Args:
        class_index: the class, in `[0, MAX_CLASSES)`; see `class_names`.
        index: index of the image within the class, >= 0.
        seed: seed of the data set, >= 0.

    Returns:
        An RGB image with sides of 160 to 320 pixels.

    Raises:
        ValueError: for an argument out of range.
    """
    image, _, dice = _painted(class_index, index, seed, with_parts=False)
    return photograph(image, dice)


def draw_parts(class_index: int, index: int, seed: int) -> Image.Image:
    """Returns the parts of the image that `draw` returns for the same arguments.

    Returns:
        An image of mode L and the same size: the number of the part at each pixel, see `PARTS`.

    Raises:
        ValueError: for an argument out of range.
    """
    _, parts, _ = _painted(class_index, index, seed, with_parts=True)
    assert parts is not None
    return parts


def _painted(class_index: int, index: int, seed: int, with_parts: bool) -> tuple[Image.Image, Image.Image | None, Dice]:
    """Returns the image before light and noise, its parts, and the random generator to continue with."""
    if not 0 <= class_index < MAX_CLASSES:
        raise ValueError(f"class_index must be between 0 and {MAX_CLASSES - 1}. Received: class_index={class_index}")
    if index < 0 or seed < 0:
        raise ValueError(f"index and seed must be 0 or more. Received: index={index}, seed={seed}")
    species, dice = SPECIES[class_index], Dice(seed, class_index, index)
    long, short = dice.between(220, 320), dice.between(0.73, 1.0)
    sides = round(long) * _OVERSAMPLING, round(long * short) * _OVERSAMPLING
    width, height = sides if dice.chance(0.5) else sides[::-1]
    pose = dice.pick(("head", "head", "head", "sitting", "sitting", "sitting", "lying", "standing"))
    left, top, right, bottom = _POSES[pose]
    # Tall heads need space above; otherwise, the features that identify the class would be cut off.
    if species.ears == "long" or species.crown in ("horns", "antlers", "crest"):
        top -= 0.4
    fit = min(width / (right - left), height / (bottom - top))
    unit = fit * (dice.between(0.75, 1.1) if pose == "head" else dice.between(1.0, 1.2))
    x = (
        width / 2
        - unit * (left + right) / 2
        + dice.between(-0.5, 0.5) * (abs(width - unit * (right - left)) + 0.18 * width)
    )
    y = (
        height / 2
        - unit * (top + bottom) / 2
        + dice.between(-0.5, 0.5) * (abs(height - unit * (bottom - top)) + 0.16 * height)
    )
    feet = y + unit * bottom
    roll = dice.between(-14, 14)
    body = Frame(complex(unit), complex(x, y)).at(0, roll * 0.5)
    head = body.at(0, roll * 0.5 + dice.between(-11, 11), 1.0 if pose == "head" else dice.between(1.2, 1.35))
    look = new_look(dice)
    parts = Image.new("L", (width, height)) if with_parts else None
    easel = Easel(backdrop((width, height), min(feet - dice.between(0.1, 1.0) * unit, height * 0.9), dice), parts)
    if pose != "head":
        easel.shade(body, oval((left + right) / 2 + (bottom - 0.1) * 1j, (right - left) * 0.42, 0.3))
    with easel.part("body"):
        draw_body(easel, body, pose, species, look, dice)
    if dice.chance(0.5):
        with easel.part("collar"):
            draw_collar(easel, head, dice)
    with easel.part("head"):
        draw_head(easel, head, species, look, dice)
    if dice.chance(0.25):
        with easel.part("cover"):
            draw_cover(easel, head, dice)
    image = easel.image.reduce(_OVERSAMPLING)
    if parts is not None:
        parts = parts.resize(image.size, Image.Resampling.NEAREST)
    if dice.chance(0.5):
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        parts = parts.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if parts is not None else None
    return image, parts, dice
