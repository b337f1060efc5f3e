"""An animal's coat, its body in four poses, its tail and its collar."""

from __future__ import annotations

import cmath
import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

from catsdogs_exp.data.drawing.brush import (
    INK,
    WHITE,
    Colour,
    Dice,
    Easel,
    Frame,
    both,
    mix,
    oval,
    smooth,
    tube,
)
from catsdogs_exp.data.drawing.species import Species

_FURS: tuple[Colour, ...] = (
    (226, 149, 74),
    (201, 120, 58),
    (150, 100, 66),
    (112, 76, 54),
    (84, 62, 54),
    (238, 214, 178),
    (246, 236, 220),
    (214, 186, 148),
    (160, 158, 160),
    (122, 128, 140),
    (92, 98, 112),
    (66, 62, 68),
    (196, 170, 140),
    (178, 134, 98),
)


_EYES: tuple[Colour, ...] = ((122, 186, 82), (240, 190, 60), (96, 160, 226), (222, 130, 50), (150, 140, 220))


_TOYS: tuple[Colour, ...] = (
    (230, 82, 104),
    (244, 190, 60),
    (70, 130, 200),
    (60, 160, 170),
    (80, 164, 120),
    (130, 96, 190),
)


@dataclass(frozen=True)
class Look:
    """The colours and proportions of one animal."""

    fur: Colour
    mark: Colour
    light: Colour
    line: Colour
    eye: Colour
    pattern: str
    turn: float
    stretch: float


def new_look(dice: Dice) -> Look:
    """Samples a coat and a face from the distribution shared by all classes."""
    fur = mix(dice.pick(_FURS), dice.pick(_FURS), dice.between(0, 0.3))
    dark = sum(fur) < 330
    mark = mix(fur, dice.pick(_FURS) if dice.chance(0.4) else (WHITE if dark else INK), dice.between(0.3, 0.55))
    light = mix(fur, WHITE, dice.between(0.5, 0.85))
    return Look(
        fur,
        mark,
        light,
        mix(fur, INK, 0.72),
        dice.pick(_EYES),
        dice.pick(("plain", "stripes", "stripes", "spots", "patches", "bib")),
        dice.between(-1, 1),
        dice.between(0.92, 1.1),
    )


class Patch(NamedTuple):
    """The approximate ellipse of a fur part: its centre and half axes."""

    middle: complex
    rx: float
    ry: float


def new_coat(size: tuple[int, int], frame: Frame, look: Look, patch: Patch, dice: Dice) -> Image.Image:
    """Draws a sheet of fur to cut parts from, with pattern and hairs."""
    middle, rx, ry = patch
    easel = Easel(Image.new("RGB", size, look.fur))
    if look.pattern == "stripes":
        for angle in range(-160, 200, 32):
            way = cmath.rect(1, math.radians(angle + dice.between(-8, 8)))
            base, tip = middle + rx * way.real * 1.1 + 1j * ry * way.imag * 1.1, dice.between(0.4, 0.65)
            point = middle + rx * way.real * (tip + 0.15) + 1j * ry * way.imag * tip
            across = (point - base) / abs(point - base) * 0.13j
            easel.fill(frame, smooth((base - across, base + across, point)), look.mark)
    elif look.pattern in ("spots", "patches"):
        count, low, high = (16, 0.09, 0.17) if look.pattern == "spots" else (3, 0.4, 0.65)
        for _ in range(count):
            place = cmath.rect(dice.between(0.45, 1.0), dice.between(0, math.tau))
            place = middle + rx * place.real + 1j * ry * place.imag
            radius = dice.between(low, high)
            easel.fill(frame, oval(place, radius, radius * dice.between(0.7, 1.1), dice.between(0, 90)), look.mark)
    hairs = dice.generator.random((50, 2)) * 2 - 1
    roots = middle + rx * hairs[:, 0] + 1j * ry * hairs[:, 1]
    ends = frame.points(np.stack([roots, roots + 0.05 * hairs[:, 0] + 0.15j], axis=1).ravel())
    tints = mix(look.fur, look.line, 0.25), mix(look.fur, WHITE, 0.16)
    for number in range(len(hairs)):
        easel.pen.line(ends[number * 4 : number * 4 + 4], fill=tints[number % 2], width=frame.width(0.03))
    return easel.image


def _tail(easel: Easel, frame: Frame, kind: str, look: Look) -> None:
    if kind == "pompom":
        easel.fill(frame, oval(0.1 - 0.05j, 0.34, 0.32), look.light, look.line)
    elif kind in ("short", "bushy", "long"):
        knots, start, end = {
            "short": ((0, 0.35 - 0.2j, 0.55 - 0.6j), 0.17, 0.08),
            "bushy": ((0, 0.5 - 0.05j, 0.95 - 0.4j, 1.1 - 1.0j), 0.12, 0.36),
            "long": ((0, 0.6 + 0.08j, 1.0 - 0.3j, 0.95 - 1.0j, 1.25 - 1.45j), 0.15, 0.1),
        }[kind]
        easel.fill(frame, tube(knots, start, end), look.fur, look.line)
        if kind == "bushy":
            easel.fill(frame, oval(1.13 - 1.15j, 0.26, 0.3), look.light)
    elif kind in ("thin", "curly"):
        knots = (
            (0, 0.5 + 0.1j, 0.9 - 0.2j, 1.0 - 0.8j)
            if kind == "thin"
            else (0, 0.35, 0.5 - 0.3j, 0.25 - 0.4j, 0.25 - 0.1j, 0.65 - 0.1j)
        )
        easel.fill(frame, tube(knots, 0.08, 0.06), look.fur, look.line)
        if kind == "thin":
            easel.fill(frame, oval(1.0 - 0.9j, 0.14, 0.2), look.mark, look.line)


def _paw(easel: Easel, frame: Frame, place: complex, colour: Colour, line: Colour) -> None:
    easel.fill(frame, oval(place, 0.29, 0.18), colour, line)
    for toe in (-0.09, 0.09):
        easel.stroke(frame, (place + toe + 0.02j, place + toe + 0.13j), line, 0.035)


def draw_body(  # noqa: PLR0913  (where, which pose, whose body, which colours, which chance: nothing of it is one thing)
    easel: Easel, frame: Frame, pose: str, species: Species, look: Look, dice: Dice
) -> None:
    """Draws the body below and next to a head of radius 1 at the origin."""
    wide = species.build * look.stretch
    paw = look.light if look.pattern == "bib" or dice.chance(0.3) else look.fur
    if pose == "head":
        coat = new_coat(easel.image.size, frame, look, Patch(2.2j, 1.4 * wide, 1.6), dice)
        chest = smooth(
            (
                -0.5 + 0.3j,
                -0.85 * wide + 1.3j,
                -1.2 * wide + 2.6j,
                -1.4 * wide + 7j,
                1.4 * wide + 7j,
                1.2 * wide + 2.6j,
                0.85 * wide + 1.3j,
                0.5 + 0.3j,
            )
        )
        easel.layer(frame, (chest,), coat, look.line)
    elif pose == "sitting":
        with easel.part("tail"):
            _tail(easel, frame.at(0.7 * wide + 2.3j), species.tail, look)
        coat = new_coat(easel.image.size, frame, look, Patch(1.8j, 1.0 * wide, 1.0), dice)
        half = (-0.45 + 0.5j, -0.66 * wide + 1.1j, -0.98 * wide + 1.95j, -0.86 * wide + 2.55j, 2.66j)
        pear = smooth((*half, *(-knot.conjugate() for knot in half[-2::-1])))
        easel.layer(frame, (pear,), coat, look.line)
        for side in (-1, 1):
            with easel.part("paws"):
                _paw(easel, frame, side * 0.86 * wide + 2.58j, paw, look.line)
            easel.stroke(
                frame,
                (side * 0.45 * wide + 2.0j, side * 0.6 * wide + 1.75j, side * 0.95 * wide + 2j),
                look.line,
                0.04,
            )
        for side, edge in itertools.product((-1, 1), (0.1, 0.5)):
            easel.stroke(
                frame,
                (side * edge + 1.5j, side * (edge + 0.02) + 2j, side * (edge - 0.01) + 2.5j),
                look.line,
                0.04,
            )
        for side in (-1, 1):
            with easel.part("paws"):
                _paw(easel, frame, side * 0.31 + 2.6j, paw, look.line)
        if look.pattern == "bib":
            easel.fill(frame, smooth((-0.42 + 0.8j, 0.42 + 0.8j, 0.3 + 1.4j, 1.75j, -0.3 + 1.4j)), look.light)
    elif pose == "lying":
        with easel.part("tail"):
            _tail(easel, frame.at(2.75 + 1.3j), species.tail, look)
        coat = new_coat(easel.image.size, frame, look, Patch(1.5 + 0.85j, 1.6, 0.8 * wide), dice)
        loaf = smooth(
            (
                -0.5 + 0.5j,
                -0.3 + 1.45j,
                1.3 + 1.62j,
                2.8 + 1.6j,
                3.1 + 1.0j,
                2.5 + (0.95 - wide * 0.75) * 1j,
                1.2 + (0.75 - wide * 0.6) * 1j,
                0.3 - 0.1j,
            )
        )
        easel.layer(frame, (loaf,), coat, look.line)
        easel.stroke(frame, (1.85 + 1.5j, 1.75 + 0.95j, 2.2 + 0.6j, 2.6 + 0.7j), look.line, 0.04)
        with easel.part("paws"):
            _paw(easel, frame, 2.0 + 1.58j, paw, look.line)
        legs = [
            tube((0.6 + 1.3j, 0.1 + 1.4j, -0.45 + 1.45j), 0.22, 0.18),
            tube((1.1 + 1.4j, 0.7 + 1.5j, 0.25 + 1.55j), 0.22, 0.18),
        ]
        easel.layer(frame, legs, coat, look.line)
        easel.layer(frame, (oval(1.0 + 1.05j, 0.5, 0.45),), coat, look.fur)
        with easel.part("paws"):
            _paw(easel, frame, -0.55 + 1.47j, paw, look.line)
        with easel.part("paws"):
            _paw(easel, frame, 0.15 + 1.58j, paw, look.line)
    else:
        with easel.part("tail"):
            _tail(easel, frame.at(2.75 + 0.95j), species.tail, look)
        coat = new_coat(easel.image.size, frame, look, Patch(1.5 + 1.2j, 1.5, 0.8 * wide), dice)
        far = Image.new("RGB", easel.image.size, mix(look.fur, look.line, 0.25))
        limbs = [tube((x + 1.3j, x + 2.1j, x + 2.75j), 0.25, 0.17) for x in (0.85, 2.25, 0.45, 2.65)]
        easel.layer(frame, limbs[:2], far, look.line)
        trunk = smooth(
            (
                -0.35 + 0.4j,
                0.1 + 1.3j,
                0.6 + (1.2 + wide * 0.55) * 1j,
                1.6 + (1.2 + wide * 0.5) * 1j,
                2.7 + 1.75j,
                3.0 + 1.15j,
                2.6 + 0.7j,
                1.5 + 0.65j,
                0.6 + 0.2j,
            )
        )
        easel.layer(frame, (*limbs[2:], trunk), coat, look.line)
        for x in (0.4, 2.6):
            with easel.part("paws"):
                _paw(easel, frame, x + 2.85j, paw, look.line)


def draw_collar(easel: Easel, head: Frame, dice: Dice) -> None:
    """Draws a collar with a bell or a bow, sometimes as red as a tongue, so that red below the mouth proves nothing."""
    paint, bell = dice.pick(_TOYS), dice.pick(_TOYS)
    line = mix(paint, INK, 0.6)
    easel.fill(head, tube((-0.62 + 0.75j, -0.35 + 1.0j, 1.08j, 0.35 + 1.0j, 0.62 + 0.75j), 0.13, 0.13), paint, line)
    if dice.chance(0.5):
        easel.fill(head, oval(1.27j, 0.17, 0.17), bell, line)
    else:
        for outline in both(smooth((1.12j, 0.42 + 0.92j, 0.45 + 1.38j))):
            easel.fill(head, outline, paint, line)
        easel.fill(head, oval(1.14j, 0.11, 0.12), bell, line)
