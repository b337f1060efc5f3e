"""The surroundings of an animal: a backdrop, something in front of it, and the light."""

from __future__ import annotations

import cmath
import math

import numpy as np
from PIL import Image, ImageFilter

from catsdogs_exp.data.drawing.brush import (
    INK,
    PAINTS,
    WHITE,
    Colour,
    Dice,
    Easel,
    Frame,
    mix,
    oval,
    smooth,
    tube,
)


def _gradient(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    strip = Image.new("RGB", (1, 2), top)
    strip.putpixel((0, 1), bottom)
    return strip.resize((1, size[1]), Image.Resampling.BILINEAR).resize(size, Image.Resampling.NEAREST)


def backdrop(size: tuple[int, int], horizon: float, dice: Dice) -> Image.Image:
    """A room, a meadow or a studio, with a floor below `horizon` (pixels from the top)."""
    width, height = size
    unit = math.sqrt(width * height) / 8
    here = Frame(complex(unit), 0j)
    kind = dice.pick(("room", "room", "meadow", "meadow", "studio"))
    back = mix(dice.pick(PAINTS), dice.pick((WHITE, WHITE, (170, 166, 166))), dice.between(0.4, 0.75))
    easel = Easel(_gradient(size, back, mix(back, dice.pick(PAINTS), dice.between(0.1, 0.4))))

    def spot(low: float, high: float) -> complex:
        return complex(dice.between(0, width), dice.between(low, high)) / unit

    def box(left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        easel.pen.rectangle((round(left), round(top), round(right), round(bottom)), fill=colour)

    soft = mix(back, dice.pick((WHITE, INK)), dice.between(0.1, 0.25))
    if kind == "studio":
        for _ in range(int(dice.between(5, 16))):
            radius = dice.between(0.2, 1.1)
            easel.fill(
                here,
                oval(spot(0, height), radius, radius),
                mix(back, dice.pick(PAINTS), dice.between(0.1, 0.45)),
            )
        return easel.image
    if kind == "room":
        paper, step = dice.pick(("stripes", "dots", "plain")), dice.between(0.7, 1.4) * unit
        for column in range(int(width / step) + 1):
            if paper == "stripes":
                box(column * step, 0, (column + 0.5) * step, horizon, soft)
            elif paper == "dots":
                for row in range(int(horizon / step) + 1):
                    easel.fill(here, oval((column + row % 2 / 2 + 1j * row) * step / unit, 0.13, 0.13), soft)
        for _ in range(int(dice.between(0, 3))):
            corner, paint = spot(-0.3 * height, horizon * 0.6), mix(back, dice.pick(PAINTS), 0.5)
            x, y, w, h = (
                corner.real * unit,
                corner.imag * unit,
                dice.between(1.2, 3) * unit,
                dice.between(1.2, 3) * unit,
            )
            box(x, y, x + w, y + h, mix(paint, INK, 0.25))
            box(x + unit * 0.15, y + unit * 0.15, x + w - unit * 0.15, y + h - unit * 0.15, paint)
        floor = mix(dice.pick(PAINTS), (196, 164, 132), dice.between(0.3, 0.8))
        if dice.chance(0.5):
            x, w, paint = (
                dice.between(-0.3, 0.8) * width,
                dice.between(0.4, 0.8) * width,
                mix(back, dice.pick(PAINTS), 0.6),
            )
            for left, top, right, shade in (
                (0.0, 2.2, 1.0, 0.0),
                (0.05, 1.4, 0.95, 0.08),
                (-0.06, 1.3, 0.1, 0.16),
                (0.9, 1.3, 1.06, 0.16),
            ):
                easel.pen.rounded_rectangle(
                    (
                        round(x + left * w),
                        round(horizon - top * unit),
                        round(x + right * w),
                        round(horizon + 0.5 * unit),
                    ),
                    round(unit * 0.3),
                    fill=mix(paint, INK, shade),
                )
        easel.image.paste(_gradient((width, height), mix(floor, INK, 0.25), floor), (0, round(horizon)))
        for row in range(1, int(dice.between(1, 6))):
            y = round(horizon + row * row * unit * 0.2)
            easel.pen.line((0, y, width, y), fill=mix(floor, INK, 0.2), width=2)
        return easel.image
    for _ in range(int(dice.between(0, 4))):
        cloud = spot(0, horizon * 0.7)
        for k in range(3):
            easel.fill(here, oval(cloud + (k - 1) * 0.55, 0.6, 0.4 + 0.2 * (k == 1)), mix(back, WHITE, 0.6))
    green = mix(dice.pick(((120, 176, 90), (160, 186, 96), (86, 146, 96), (206, 190, 120))), dice.pick(PAINTS), 0.15)
    for _ in range(int(dice.between(0, 3))):
        easel.fill(
            here,
            oval(spot(horizon, horizon + unit), dice.between(2, 5), dice.between(0.6, 2)),
            mix(green, back, 0.4),
        )
    for _ in range(int(dice.between(0, 3))):
        tree, radius = spot(horizon - unit, horizon - unit * 0.5), dice.between(0.6, 1.2)
        box(
            tree.real * unit - 0.15 * unit,
            tree.imag * unit,
            tree.real * unit + 0.15 * unit,
            horizon + unit * 0.3,
            (120, 84, 62),
        )
        easel.fill(
            here,
            oval(tree - radius * 0.8j, radius, radius * 1.15),
            mix(green, INK, dice.between(0.1, 0.35)),
        )
    easel.image.paste(_gradient((width, height), green, mix(green, INK, 0.3)), (0, round(horizon)))
    petals, blades = dice.pick(PAINTS), (mix(green, INK, 0.3), mix(green, WHITE, 0.3))
    for _ in range(40):
        root = spot(horizon, height)
        blade = here.points(np.array((root, root - 0.25j + dice.between(-0.12, 0.12))))
        easel.pen.line(blade, fill=dice.pick(blades), width=here.width(0.05))
        if dice.chance(0.15):
            easel.fill(here, oval(root - 0.25j, 0.12, 0.12), petals)
    return easel.image


def draw_cover(easel: Easel, head: Frame, dice: Dice) -> None:
    """Draws something in front of the animal that hides part of it."""
    kind, paint = dice.pick(("bar", "leaf", "ball", "hand")), dice.pick(PAINTS)
    line = mix(paint, INK, 0.6)
    place = head.at(cmath.rect(dice.between(0.9, 1.4), dice.between(0, math.tau)), dice.between(-180, 180), 0.85)
    if kind == "bar":
        width = dice.between(0.15, 0.3)
        easel.fill(place, np.array((-9 - width * 1j, 9 - width * 1j, 9 + width * 1j, -9 + width * 1j)), paint, line)
    elif kind == "leaf":
        green = mix(paint, (96, 156, 84), 0.7)
        easel.fill(place, smooth((-0.9, -0.3 - 0.42j, 0.5 - 0.3j, 1.0, 0.5 + 0.3j, -0.3 + 0.42j)), green, line)
        easel.stroke(place, (-1.4 + 0.1j, -0.6, 0.8), line)
    elif kind == "ball":
        easel.fill(place, oval(0, 0.6, 0.6), paint, line)
        easel.fill(place, oval(0, 0.22, 0.58), mix(paint, WHITE, 0.6))
    else:
        skin = dice.pick(((246, 208, 176), (214, 160, 120), (150, 104, 78), (104, 72, 58)))
        line = mix(skin, INK, 0.5)
        easel.fill(place, tube((6, 3, 0.5), 0.45, 0.4), skin, line)
        for finger in range(4):
            easel.fill(
                place,
                tube((0.6 + (finger - 1.5) * 0.2j, -0.1 + (finger - 1.5) * 0.27j), 0.13, 0.12),
                skin,
                line,
            )
        easel.fill(place, oval(0.5, 0.44, 0.42), skin)


def photograph(image: Image.Image, dice: Dice) -> Image.Image:
    """Applies light from one side, exposure, contrast, slight blur and noise."""
    if dice.chance(0.3):
        image = image.filter(ImageFilter.BoxBlur(dice.between(0.3, 0.8)))
    pixels = np.array(image, np.float32)
    height, width, _ = pixels.shape
    gain, contrast = dice.between(0.88, 1.1), dice.between(0.9, 1.1)
    rows = np.linspace(1, 1 + dice.between(-0.25, 0.25), height, dtype=np.float32)[:, None, None]
    columns = np.linspace(1, 1 + dice.between(-0.25, 0.25), width, dtype=np.float32)[:, None]
    pixels *= rows * columns * np.float32(gain * contrast)
    strength = dice.between(0.5, 4.5)
    grain = dice.generator.integers(0, 256, (height, width, 1), np.uint8) * np.float32(strength / 128)
    pixels += grain + np.float32(128 * (1 - contrast) - strength)
    return Image.fromarray(np.clip(pixels, 0, 255, out=pixels).astype(np.uint8))
