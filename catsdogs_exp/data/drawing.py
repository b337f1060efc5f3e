"""Draws animals: any number of pictures of up to `MAX_CLASSES` classes, without a download.

A class is a `Species`, a row of traits; everything else about a picture (coat, pose, light, background,
occlusion) is drawn from one distribution shared by all classes, so that only shape tells them apart.
"""

from __future__ import annotations

import cmath
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

MAX_CLASSES = 360
"""The largest number of classes `class_names` and `draw` know."""

Colour = tuple[int, int, int]
Outline = NDArray[np.complex128]
T = TypeVar("T")

_OVERSAMPLING = 2


@dataclass(frozen=True)
class Species:
    """What tells one class from another. Ears, muzzle, crown and whiskers together are unique to a class."""

    name: str
    ears: str
    muzzle: str
    whiskers: bool = False
    crown: str = "none"
    pupils: str = "round"
    tail: str = "short"
    tongue: float = 0.0
    build: float = 1.0


_NAMED = (
    Species("cats", "pointed", "short", whiskers=True, pupils="slit", tail="long", build=0.85),
    Species("dogs", "floppy", "long", tail="short", tongue=0.9, build=1.05),
    Species("rabbits", "long", "teeth", whiskers=True, tail="pompom"),
    Species("bears", "round", "broad", tail="none", build=1.25),
    Species("foxes", "pointed", "narrow", tail="bushy", build=0.85),
    Species("mice", "dish", "narrow", whiskers=True, tail="thin", build=0.9),
    Species("pigs", "side", "disc", tail="curly", build=1.25),
    Species("owls", "tufts", "beak", tail="none", build=1.15),
    Species("cows", "side", "broad", crown="horns", tail="thin", build=1.2),
    Species("lions", "round", "long", whiskers=True, crown="mane", tail="thin", build=1.1),
    Species("deer", "side", "narrow", crown="antlers", tail="short", build=0.9),
    Species("goats", "floppy", "narrow", crown="horns", pupils="bar", tail="short"),
    Species("cockatoos", "none", "beak", crown="crest", tail="none", build=0.9),
    Species("hamsters", "round", "teeth", whiskers=True, tail="none", build=1.3),
)

_EARS = ("pointed", "floppy", "long", "round", "dish", "side", "tufts", "none")
_MUZZLES = ("short", "long", "teeth", "broad", "narrow", "disc", "beak")
_CROWNS = ("none", "horns", "antlers", "mane", "crest")
_TAILS = ("long", "short", "pompom", "none", "bushy", "thin", "curly")


def _traits(species: Species) -> tuple[str, str, str, bool]:
    return species.ears, species.muzzle, species.crown, species.whiskers


def _all_species() -> tuple[Species, ...]:
    known = {_traits(species) for species in _NAMED}
    rest = [t for t in itertools.product(_EARS, _MUZZLES, _CROWNS, (False, True)) if t not in known]
    # A stride that shares no factor with the number of combinations visits each once, neighbours far apart.
    stride = next(step for step in range(197, len(rest)) if math.gcd(step, len(rest)) == 1)
    made = []
    for number in range(len(_NAMED), MAX_CLASSES):
        ears, muzzle, crown, whiskers = rest[number * stride % len(rest)]
        made.append(Species(f"creature_{number:03d}", ears, muzzle, whiskers, crown,
                            pupils=("round", "slit", "bar")[number % 3], tail=_TAILS[number % len(_TAILS)]))
    return (*_NAMED, *made)


_SPECIES = _all_species()

# Head outline a muzzle goes with: half widths at brow, cheek and jaw; then how far features stand out of the face.
_FACES = {
    "short": (0.84, 1.16, 0.66, 1.0),
    "long": (0.74, 0.80, 0.55, 1.5),
    "teeth": (0.72, 0.98, 0.70, 1.1),
    "broad": (0.82, 1.04, 0.74, 1.3),
    "narrow": (0.84, 1.04, 0.34, 1.7),
    "disc": (0.80, 1.06, 0.80, 1.5),
    "beak": (0.94, 1.00, 0.72, 1.2),
}

_FURS: tuple[Colour, ...] = (
    (226, 149, 74), (201, 120, 58), (150, 100, 66), (112, 76, 54), (84, 62, 54), (238, 214, 178), (246, 236, 220),
    (214, 186, 148), (160, 158, 160), (122, 128, 140), (92, 98, 112), (66, 62, 68), (196, 170, 140), (178, 134, 98),
)
_EYES: tuple[Colour, ...] = ((122, 186, 82), (240, 190, 60), (96, 160, 226), (222, 130, 50), (150, 140, 220))
_PAINTS: tuple[Colour, ...] = (
    (236, 106, 92), (244, 178, 84), (250, 222, 130), (136, 190, 120), (92, 160, 150), (104, 158, 206),
    (132, 124, 190), (206, 134, 180), (240, 228, 208), (176, 148, 120), (96, 112, 128), (210, 220, 226),
)
_TOYS: tuple[Colour, ...] = (
    (230, 82, 104), (244, 190, 60), (70, 130, 200), (60, 160, 170), (80, 164, 120), (130, 96, 190),
)
_INK: Colour = (46, 36, 40)
_PINK: Colour = (250, 180, 176)
_WHITE: Colour = (252, 250, 246)


class _Dice:
    """Random choices from `Generator.random` alone: the one method whose stream has never changed."""

    def __init__(self, *entropy: int) -> None:
        self.generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(list(entropy))))

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.generator.random()

    def chance(self, probability: float) -> bool:
        return self.generator.random() < probability

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self.generator.random() * len(options))]


@dataclass(frozen=True)
class _Frame:
    """A turned, scaled and shifted place to draw in: `z` (complex, y down) lands on `turn * z + shift`."""

    turn: complex
    shift: complex

    def at(self, place: complex, degrees: float = 0.0, scale: float = 1.0) -> _Frame:
        return _Frame(self.turn * cmath.rect(scale, math.radians(degrees)), self.turn * place + self.shift)

    def points(self, outline: Outline) -> list[float]:
        # Whole pixels of the oversampled canvas: the last bit of a sine must not change a picture.
        placed: list[float] = np.rint((outline * self.turn + self.shift).view(np.float64)).tolist()
        return placed

    def width(self, width: float) -> int:
        return max(1, round(abs(self.turn) * width))


_CIRCLE: Outline = np.exp(2j * np.pi * np.arange(36) / 36)


def _oval(centre: complex, rx: float, ry: float, degrees: float = 0.0) -> Outline:
    return (_CIRCLE.real * rx + 1j * _CIRCLE.imag * ry) * cmath.rect(1.0, math.radians(degrees)) + centre


_STEPS = np.arange(6)[:, None] / 6
_SPLINE = 0.5 * np.concatenate(
    [-_STEPS + 2 * _STEPS**2 - _STEPS**3, 2 - 5 * _STEPS**2 + 3 * _STEPS**3,
     _STEPS + 4 * _STEPS**2 - 3 * _STEPS**3, -_STEPS**2 + _STEPS**3], axis=1)


def _smooth(knots: Iterable[complex], closed: bool = True) -> Outline:
    """A Catmull-Rom curve through the knots."""
    knot = np.array(list(knots), np.complex128)
    ring = np.concatenate([knot[-1:], knot, knot[:2]] if closed else [knot[:1], knot, knot[-1:]])
    spans = len(ring) - 3
    curve: Outline = (_SPLINE @ ring[np.arange(4)[:, None] + np.arange(spans)]).T.ravel()
    return curve if closed else np.append(curve, knot[-1])


def _tube(knots: Iterable[complex], start: float, end: float) -> Outline:
    """A limb along the curve, `start` and `end` wide (half widths), with a rounded end."""
    middle = _smooth(knots, closed=False)
    along = np.empty_like(middle)
    along[1:-1], along[0], along[-1] = middle[2:] - middle[:-2], middle[1] - middle[0], middle[-1] - middle[-2]
    side = 1j * along / np.abs(along) * np.linspace(start, end, len(middle))
    cap = middle[-1] + side[-1] * np.exp(-1j * np.pi * np.arange(1, 8) / 8)
    return np.concatenate([middle + side, cap, (middle - side)[::-1]])


def _grown(outline: Outline, width: float) -> Outline:
    """The outline pushed outwards: filled first, it becomes the line around a part."""
    along = np.concatenate((outline[1:], outline[:1])) - np.concatenate((outline[-1:], outline[:-1]))
    area = float(np.sum(outline.real * along.imag - outline.imag * along.real))
    return outline - math.copysign(width, area) * 1j * along / (np.abs(along) + 1e-9)


def _both(outline: Outline) -> tuple[Outline, Outline]:
    return outline, -outline.conj()


def _mix(first: Colour, second: Colour, share: float) -> Colour:
    """`first` with `share` of `second`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


@dataclass(frozen=True)
class _Look:
    """One animal's colours and proportions."""

    fur: Colour
    mark: Colour
    light: Colour
    line: Colour
    eye: Colour
    pattern: str
    turn: float
    stretch: float


def _look(dice: _Dice) -> _Look:
    fur = _mix(dice.pick(_FURS), dice.pick(_FURS), dice.between(0, 0.3))
    dark = sum(fur) < 330
    mark = _mix(fur, dice.pick(_FURS) if dice.chance(0.4) else (_WHITE if dark else _INK), dice.between(0.3, 0.55))
    light = _mix(fur, _WHITE, dice.between(0.5, 0.85))
    return _Look(fur, mark, light, _mix(fur, _INK, 0.72), dice.pick(_EYES),
                 dice.pick(("plain", "stripes", "stripes", "spots", "patches", "bib")),
                 dice.between(-1, 1), dice.between(0.92, 1.1))


class _Easel:
    """A picture being painted, at the oversampled size."""

    def __init__(self, image: Image.Image) -> None:
        self.image = image
        self.pen = ImageDraw.Draw(image)

    def fill(self, frame: _Frame, outline: Outline, colour: Colour, line: Colour | None = None,
             width: float = 0.045) -> None:
        if line is not None:
            self.pen.polygon(frame.points(_grown(outline, width)), fill=line)
        self.pen.polygon(frame.points(outline), fill=colour)

    def stroke(self, frame: _Frame, knots: Iterable[complex], colour: Colour, width: float = 0.045) -> None:
        self.pen.polygon(frame.points(_tube(knots, width / 2, width / 2)), fill=colour)

    def shade(self, frame: _Frame, outline: Outline) -> None:
        mask = Image.new("L", self.image.size)
        ImageDraw.Draw(mask).polygon(frame.points(outline), fill=70)
        if box := mask.getbbox():
            self.image.paste(_INK, box, mask.crop(box))

    def layer(self, frame: _Frame, parts: Iterable[Outline], coat: Image.Image, line: Colour) -> None:
        """Parts cut out of a coat, with a line around all of them together."""
        mask = Image.new("L", self.image.size)
        scissors = ImageDraw.Draw(mask)
        for part in parts:
            self.pen.polygon(frame.points(_grown(part, 0.05)), fill=line)
            scissors.polygon(frame.points(part), fill=255)
        if box := mask.getbbox():
            self.image.paste(coat.crop(box), box, mask.crop(box))


def _coat(size: tuple[int, int], frame: _Frame, look: _Look, middle: complex, rx: float, ry: float,
          dice: _Dice) -> Image.Image:
    """A sheet of fur to cut an ellipse-like part out of: pattern, hairs, and shade away from the light."""
    easel = _Easel(Image.new("RGB", size, look.fur))
    if look.pattern == "stripes":
        for angle in range(-160, 200, 32):
            way = cmath.rect(1, math.radians(angle + dice.between(-8, 8)))
            base, tip = middle + rx * way.real * 1.1 + 1j * ry * way.imag * 1.1, dice.between(0.4, 0.65)
            point = middle + rx * way.real * (tip + 0.15) + 1j * ry * way.imag * tip
            across = (point - base) / abs(point - base) * 0.13j
            easel.fill(frame, _smooth((base - across, base + across, point)), look.mark)
    elif look.pattern in ("spots", "patches"):
        count, low, high = (16, 0.09, 0.17) if look.pattern == "spots" else (3, 0.4, 0.65)
        for _ in range(count):
            place = cmath.rect(dice.between(0.45, 1.0), dice.between(0, math.tau))
            place = middle + rx * place.real + 1j * ry * place.imag
            radius = dice.between(low, high)
            easel.fill(frame, _oval(place, radius, radius * dice.between(0.7, 1.1), dice.between(0, 90)), look.mark)
    hairs = dice.generator.random((50, 2)) * 2 - 1
    roots = middle + rx * hairs[:, 0] + 1j * ry * hairs[:, 1]
    ends = frame.points(np.stack([roots, roots + 0.05 * hairs[:, 0] + 0.15j], axis=1).ravel())
    tints = _mix(look.fur, look.line, 0.25), _mix(look.fur, _WHITE, 0.16)
    for number in range(len(hairs)):
        easel.pen.line(ends[number * 4:number * 4 + 4], fill=tints[number % 2], width=frame.width(0.03))
    return easel.image


def _tail(easel: _Easel, frame: _Frame, kind: str, look: _Look) -> None:
    if kind == "pompom":
        easel.fill(frame, _oval(0.1 - 0.05j, 0.34, 0.32), look.light, look.line)
    elif kind in ("short", "bushy", "long"):
        knots, start, end = {
            "short": ((0, 0.35 - 0.2j, 0.55 - 0.6j), 0.17, 0.08),
            "bushy": ((0, 0.5 - 0.05j, 0.95 - 0.4j, 1.1 - 1.0j), 0.12, 0.36),
            "long": ((0, 0.6 + 0.08j, 1.0 - 0.3j, 0.95 - 1.0j, 1.25 - 1.45j), 0.15, 0.1),
        }[kind]
        easel.fill(frame, _tube(knots, start, end), look.fur, look.line)
        if kind == "bushy":
            easel.fill(frame, _oval(1.13 - 1.15j, 0.26, 0.3), look.light)
    elif kind in ("thin", "curly"):
        knots = ((0, 0.5 + 0.1j, 0.9 - 0.2j, 1.0 - 0.8j) if kind == "thin"
                 else (0, 0.35, 0.5 - 0.3j, 0.25 - 0.4j, 0.25 - 0.1j, 0.65 - 0.1j))
        easel.fill(frame, _tube(knots, 0.08, 0.06), look.fur, look.line)
        if kind == "thin":
            easel.fill(frame, _oval(1.0 - 0.9j, 0.14, 0.2), look.mark, look.line)


def _paw(easel: _Easel, frame: _Frame, place: complex, colour: Colour, line: Colour) -> None:
    easel.fill(frame, _oval(place, 0.29, 0.18), colour, line)
    for toe in (-0.09, 0.09):
        easel.stroke(frame, (place + toe + 0.02j, place + toe + 0.13j), line, 0.035)


def _body(easel: _Easel, frame: _Frame, pose: str, species: Species, look: _Look, dice: _Dice) -> None:
    """The body below and beside a head at 0 of radius 1."""
    wide = species.build * look.stretch
    paw = look.light if look.pattern == "bib" or dice.chance(0.3) else look.fur
    if pose == "head":
        coat = _coat(easel.image.size, frame, look, 2.2j, 1.4 * wide, 1.6, dice)
        chest = _smooth((-0.5 + 0.3j, -0.85 * wide + 1.3j, -1.2 * wide + 2.6j, -1.4 * wide + 7j,
                         1.4 * wide + 7j, 1.2 * wide + 2.6j, 0.85 * wide + 1.3j, 0.5 + 0.3j))
        easel.layer(frame, (chest,), coat, look.line)
    elif pose == "sitting":
        _tail(easel, frame.at(0.7 * wide + 2.3j), species.tail, look)
        coat = _coat(easel.image.size, frame, look, 1.8j, 1.0 * wide, 1.0, dice)
        half = (-0.45 + 0.5j, -0.66 * wide + 1.1j, -0.98 * wide + 1.95j, -0.86 * wide + 2.55j, 2.66j)
        pear = _smooth((*half, *(-knot.conjugate() for knot in half[-2::-1])))
        easel.layer(frame, (pear,), coat, look.line)
        for side in (-1, 1):
            _paw(easel, frame, side * 0.86 * wide + 2.58j, paw, look.line)
            easel.stroke(frame, (side * 0.45 * wide + 2.0j, side * 0.6 * wide + 1.75j, side * 0.95 * wide + 2j),
                         look.line, 0.04)
        for side, edge in itertools.product((-1, 1), (0.1, 0.5)):
            easel.stroke(frame, (side * edge + 1.5j, side * (edge + 0.02) + 2j, side * (edge - 0.01) + 2.5j), look.line, 0.04)
        for side in (-1, 1):
            _paw(easel, frame, side * 0.31 + 2.6j, paw, look.line)
        if look.pattern == "bib":
            easel.fill(frame, _smooth((-0.42 + 0.8j, 0.42 + 0.8j, 0.3 + 1.4j, 1.75j, -0.3 + 1.4j)), look.light)
    elif pose == "lying":
        _tail(easel, frame.at(2.75 + 1.3j), species.tail, look)
        coat = _coat(easel.image.size, frame, look, 1.5 + 0.85j, 1.6, 0.8 * wide, dice)
        loaf = _smooth((-0.5 + 0.5j, -0.3 + 1.45j, 1.3 + 1.62j, 2.8 + 1.6j, 3.1 + 1.0j, 2.5 + (0.95 - wide * 0.75) * 1j,
                        1.2 + (0.75 - wide * 0.6) * 1j, 0.3 - 0.1j))
        easel.layer(frame, (loaf,), coat, look.line)
        easel.stroke(frame, (1.85 + 1.5j, 1.75 + 0.95j, 2.2 + 0.6j, 2.6 + 0.7j), look.line, 0.04)
        _paw(easel, frame, 2.0 + 1.58j, paw, look.line)
        legs = [_tube((0.6 + 1.3j, 0.1 + 1.4j, -0.45 + 1.45j), 0.22, 0.18),
                _tube((1.1 + 1.4j, 0.7 + 1.5j, 0.25 + 1.55j), 0.22, 0.18)]
        easel.layer(frame, legs, coat, look.line)
        easel.layer(frame, (_oval(1.0 + 1.05j, 0.5, 0.45),), coat, look.fur)
        _paw(easel, frame, -0.55 + 1.47j, paw, look.line)
        _paw(easel, frame, 0.15 + 1.58j, paw, look.line)
    else:
        _tail(easel, frame.at(2.75 + 0.95j), species.tail, look)
        coat = _coat(easel.image.size, frame, look, 1.5 + 1.2j, 1.5, 0.8 * wide, dice)
        far = Image.new("RGB", easel.image.size, _mix(look.fur, look.line, 0.25))
        limbs = [_tube((x + 1.3j, x + 2.1j, x + 2.75j), 0.25, 0.17) for x in (0.85, 2.25, 0.45, 2.65)]
        easel.layer(frame, limbs[:2], far, look.line)
        trunk = _smooth((-0.35 + 0.4j, 0.1 + 1.3j, 0.6 + (1.2 + wide * 0.55) * 1j, 1.6 + (1.2 + wide * 0.5) * 1j,
                         2.7 + 1.75j, 3.0 + 1.15j, 2.6 + 0.7j, 1.5 + 0.65j, 0.6 + 0.2j))
        easel.layer(frame, (*limbs[2:], trunk), coat, look.line)
        for x in (0.4, 2.6):
            _paw(easel, frame, x + 2.85j, paw, look.line)


def _collar(easel: _Easel, head: _Frame, dice: _Dice) -> None:
    paint, bell = dice.pick(_TOYS), dice.pick(_TOYS)
    line = _mix(paint, _INK, 0.6)
    easel.fill(head, _tube((-0.62 + 0.75j, -0.35 + 1.0j, 1.08j, 0.35 + 1.0j, 0.62 + 0.75j), 0.13, 0.13), paint, line)
    if dice.chance(0.5):
        easel.fill(head, _oval(1.27j, 0.17, 0.17), bell, line)
    else:
        for outline in _both(_smooth((1.12j, 0.42 + 0.92j, 0.45 + 1.38j))):
            easel.fill(head, outline, paint, line)
        easel.fill(head, _oval(1.14j, 0.11, 0.12), bell, line)


def _ears(easel: _Easel, head: _Frame, kind: str, look: _Look, dice: _Dice) -> None:
    size = dice.between(0.9, 1.15)
    inner = _mix(_PINK, look.fur, 0.1)
    if kind == "pointed":
        tip = -(0.88 + dice.between(-0.1, 0.12)) - 1.42j * size
        shapes = [((-0.98 - 0.1j, -0.98 - 0.7j, tip, tip + 0.07, -0.55 - 1.05j, -0.12 - 0.7j), look.fur)]
        shapes.append(((-0.88 - 0.4j, -0.9 - 0.75j, tip + 0.05 + 0.16j, -0.6 - 0.98j, -0.28 - 0.7j), inner))
    elif kind == "long":
        lean = dice.between(-0.25, 0.1)
        shapes = [((-0.62 - 0.6j, -0.72 - 1.5j + lean, -0.5 - 2.2j * size + lean, -0.22 - 1.5j + lean, -0.15 - 0.7j),
                   look.fur),
                  ((-0.52 - 0.8j, -0.6 - 1.5j + lean, -0.49 - 2.0j * size + lean, -0.34 - 1.5j + lean, -0.28 - 0.8j),
                   inner)]
    elif kind in ("round", "dish"):
        radius, place = (0.36 * size, -0.72 - 0.72j) if kind == "round" else (0.66 * size, -0.95 - 0.75j)
        shapes = [(tuple(_oval(place, radius, radius)[::4]), look.fur),
                  (tuple(_oval(place + 0.05 + 0.05j, radius * 0.66, radius * 0.66)[::4]), inner)]
    elif kind == "side":
        shapes = [((-0.6 - 0.6j, -1.1 - 0.9j, -1.6 - 0.55j * size, -1.2 - 0.25j, -0.75 - 0.2j), look.fur),
                  ((-0.8 - 0.5j, -1.1 - 0.72j, -1.45 - 0.55j * size, -1.15 - 0.38j), inner)]
    elif kind == "tufts":
        shapes = [((-0.9 - 0.3j, -0.98 - 0.9j, -1.05 - 1.35j * size, -0.6 - 1.0j, -0.1 - 0.75j), look.mark)]
    elif kind == "floppy":
        colour = _mix(look.mark, dice.pick((look.line, look.light)), 0.65)
        if dice.chance(0.2):
            shapes = [((-0.2 - 0.85j, -0.6 - 1.25j, -1.0 - 1.2j, -1.3 - 0.6j, -1.15 - 0.3j, -0.85 - 0.55j), colour)]
        else:
            drop = 0.6 * size
            shapes = [((-0.3 - 0.9j, -0.75 - 0.92j, -1.15 - 0.45j, -1.3 + drop * 0.6j, -1.05 + drop * 1.25j,
                        -0.78 + drop * 0.8j, -0.72 - 0.2j), colour)]
    else:
        shapes = []
    for number, (knots, colour) in enumerate(shapes):
        for outline in _both(_smooth(knots)):
            easel.fill(head, outline, colour, look.line if number == 0 else None, 0.055)


def _crown(easel: _Easel, head: _Frame, kind: str, look: _Look) -> None:
    if kind == "mane":
        rays = [cmath.rect(1.55 if k % 2 else 1.3, k * math.tau / 26) + 0.1j for k in range(26)]
        easel.fill(head, _smooth(rays), _mix(look.mark, look.line, 0.25), look.line)
    elif kind == "crest":
        for lean in (-0.5, 0.5, -0.25, 0.25, 0.0):
            easel.fill(head, _tube((-0.6j + lean * 0.4, lean - 1.2j, lean * 1.8 - 1.6j), 0.12, 0.14), look.mark, look.line)
    elif kind == "horns":
        for outline in _both(_tube((-0.35 - 0.7j, -0.55 - 1.2j, -0.95 - 1.5j), 0.16, 0.04)):
            easel.fill(head, outline, (236, 224, 200), look.line)
    elif kind == "antlers":
        for knots in ((-0.3 - 0.7j, -0.5 - 1.3j, -1.0 - 1.7j), (-0.5 - 1.25j, -0.3 - 1.6j, -0.35 - 1.85j),
                      (-0.75 - 1.5j, -1.1 - 1.35j, -1.35 - 1.4j)):
            for outline in _both(_tube(knots, 0.1, 0.06)):
                easel.fill(head, outline, (150, 112, 80), look.line)


def _eyes(easel: _Easel, head: _Frame, species: Species, look: _Look, dice: _Dice) -> None:
    long = species.muzzle == "long"
    size = dice.between(0.9, 1.15) * (0.19 if long else 0.27)
    for side in (-1, 1):
        spread = (0.37 if long else 0.44) + side * look.turn * -0.05
        eye = head.at(side * spread + look.turn * 0.16 - (0.2 if long else 0.08) * 1j)
        narrow = 1 - 0.18 * max(0.0, side * look.turn)
        tilt = side * -12.0 if species.pupils == "slit" else 0.0
        easel.fill(eye, _oval(0, size * narrow, size * 0.98, tilt), look.eye if not long else _WHITE, _INK, 0.05)
        if species.pupils == "slit":
            easel.fill(eye, _oval(0, size * 0.2, size * 0.82), _INK)
        elif species.pupils == "bar":
            easel.fill(eye, _oval(0, size * 0.7, size * 0.26), _INK)
        else:
            easel.fill(eye, _oval(0, size * 0.8 * narrow, size * 0.82), look.eye)
            easel.fill(eye, _oval(0, size * 0.72 * narrow, size * 0.74), _INK)
        easel.fill(eye, _oval(-size * 0.3 - size * 0.35j, size * 0.24, size * 0.24), _WHITE)
        if long:
            easel.stroke(eye, (side * -0.15 - 0.36j, side * 0.03 - 0.37j, side * 0.2 - 0.26j), look.line, 0.06)


def _muzzle(easel: _Easel, head: _Frame, species: Species, look: _Look, dice: _Dice) -> None:
    kind = species.muzzle
    face = head.at(look.turn * 0.17 * _FACES[kind][3])
    line, dark = look.line, _mix(_INK, look.fur, 0.1)
    nose: Outline
    if kind == "beak":
        easel.fill(face, _smooth((-0.24 + 0.15j, 0.1j, 0.24 + 0.15j, 0.1 + 0.5j, 0.68j, -0.1 + 0.5j)), (240, 172, 70), line)
        return
    if kind == "disc":
        easel.fill(face, _oval(0.38j, 0.42, 0.32), _mix(_PINK, look.fur, 0.25), line)
        for outline in _both(_oval(0.15 + 0.38j, 0.07, 0.11)):
            easel.fill(face, outline, line)
        easel.stroke(face, (-0.3 + 0.76j, 0.84j, 0.3 + 0.76j), line)
        return
    tongue, mouth = dice.chance(species.tongue), 0.55
    if kind in ("short", "teeth"):
        for outline in _both(_oval(0.2 + 0.45j, 0.29, 0.23)):
            easel.fill(face, outline, look.light)
        nose = _smooth((-0.15 + 0.2j, 0.17j, 0.15 + 0.2j, 0.36j))
        nose_colour = _mix(_PINK, dark, dice.pick((0.0, 0.25)))
    elif kind == "long":
        mouth = 0.78
        easel.fill(face, _smooth((-0.4j, -0.14 - 0.2j, -0.3 + 0.14j, -0.54 + 0.5j, -0.4 + 0.92j, 1.06j, 0.4 + 0.92j,
                                  0.54 + 0.5j, 0.3 + 0.14j, 0.14 - 0.2j)), _mix(look.light, _WHITE, 0.7))
        easel.stroke(face, (-0.36 + 0.16j, -0.54 + 0.5j, -0.4 + 0.92j, 1.06j, 0.4 + 0.92j, 0.54 + 0.5j, 0.36 + 0.16j), line)
        nose, nose_colour = _smooth((-0.34 + 0.22j, 0.12j, 0.34 + 0.22j, 0.18 + 0.47j, 0.53j, -0.18 + 0.47j)), dark
    elif kind == "broad":
        easel.fill(face, _oval(0.45j, 0.56, 0.4), look.light, line)
        nose, nose_colour = _oval(0.27j, 0.22, 0.14), dark
    else:
        for outline in _both(_smooth((0.05 + 0.9j, 0.1 + 0.3j, 0.75 + 0.12j, 0.62 + 0.5j))):
            easel.fill(head, outline, look.light)
        nose, nose_colour, mouth = _oval(0.62j, 0.15, 0.12), dark, 0.82
    if tongue:
        tip = face.at(mouth * 1j)
        easel.fill(tip, _smooth((-0.17, 0.17, 0.23 + 0.28j, 0.54j, -0.23 + 0.28j)), (236, 104, 128), line)
        easel.stroke(tip, (0.1j, 0.36j), (176, 52, 78), 0.03)
    wide = 0.34 if kind in ("long", "broad") else 0.24
    for side in (-1, 1):
        easel.stroke(face, (mouth * 1j - 0.02j, side * wide * 0.5 + (mouth + 0.09) * 1j, side * wide + (mouth - 0.03) * 1j), line)
    easel.stroke(face, (0.3j, mouth * 1j), line)
    if kind == "teeth":
        for outline in _both(_smooth((-0.13 + 0.6j, -0.01 + 0.6j, -0.01 + 0.84j, -0.12 + 0.84j))):
            easel.fill(face, outline, _WHITE, line, 0.03)
    easel.fill(face, nose, nose_colour, line)
    shine = nose.mean()
    easel.fill(face, _oval(shine - 0.06 - 0.05j, 0.06, 0.035), _mix(nose_colour, _WHITE, 0.7))


def _head(easel: _Easel, head: _Frame, species: Species, look: _Look, dice: _Dice) -> None:
    brow, cheek, jaw, _ = _FACES[species.muzzle]
    _crown(easel, head, species.crown if species.crown == "mane" else "none", look)
    if species.ears != "floppy":
        _ears(easel, head, species.ears, look, dice)
    brow, cheek, jaw = brow * look.stretch, cheek * look.stretch, jaw * look.stretch
    half = (-0.9j, -brow * 0.62 - 0.82j, -brow - 0.38j, -cheek + 0.2j, -jaw - 0.08 + 0.68j, -jaw * 0.5 + 0.9j)
    skull = _smooth((*half, 0.94j, *(-knot.conjugate() for knot in half[:0:-1])))
    easel.layer(head, (skull,), _coat(easel.image.size, head, look, 0j, 1.0, 0.95, dice), look.line)
    if look.pattern == "bib":
        easel.fill(head, _smooth((-0.86j, 0.2 - 0.3j, 0.3 + 0.5j, 0.85j, -0.3 + 0.5j, -0.2 - 0.3j)), look.light)
    if species.ears == "floppy":
        _ears(easel, head, species.ears, look, dice)
    _crown(easel, head, species.crown if species.crown != "mane" else "none", look)
    _muzzle(easel, head, species, look, dice)
    _eyes(easel, head, species, look, dice)
    if species.whiskers:
        colour = _mix(_WHITE, look.line, float(sum(look.light) + sum(look.fur) > 1000) * 0.8)
        for side, droop in itertools.product((-1, 1), (-0.22, 0.0, 0.22)):
            root = side * 0.34 + look.turn * 0.17 + (0.46 + droop * 0.3) * 1j
            easel.stroke(head, (root, root + side * 0.5 + (droop - 0.06) * 1j,
                                root + side * 1.1 + droop * 1.5j), colour, 0.05)


def _gradient(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    strip = Image.new("RGB", (1, 2), top)
    strip.putpixel((0, 1), bottom)
    return strip.resize((1, size[1]), Image.Resampling.BILINEAR).resize(size, Image.Resampling.NEAREST)


def _backdrop(size: tuple[int, int], horizon: float, dice: _Dice) -> Image.Image:
    """A room, a meadow or a studio, with a floor from `horizon` (pixels from the top) on."""
    width, height = size
    unit = math.sqrt(width * height) / 8
    here = _Frame(complex(unit), 0j)
    kind = dice.pick(("room", "room", "meadow", "meadow", "studio"))
    back = _mix(dice.pick(_PAINTS), dice.pick((_WHITE, _WHITE, (170, 166, 166))), dice.between(0.4, 0.75))
    easel = _Easel(_gradient(size, back, _mix(back, dice.pick(_PAINTS), dice.between(0.1, 0.4))))

    def spot(low: float, high: float) -> complex:
        return complex(dice.between(0, width), dice.between(low, high)) / unit

    def box(left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        easel.pen.rectangle((round(left), round(top), round(right), round(bottom)), fill=colour)

    soft = _mix(back, dice.pick((_WHITE, _INK)), dice.between(0.1, 0.25))
    if kind == "studio":
        for _ in range(int(dice.between(5, 16))):
            radius = dice.between(0.2, 1.1)
            easel.fill(here, _oval(spot(0, height), radius, radius), _mix(back, dice.pick(_PAINTS), dice.between(0.1, 0.45)))
        return easel.image
    if kind == "room":
        paper, step = dice.pick(("stripes", "dots", "plain")), dice.between(0.7, 1.4) * unit
        for column in range(int(width / step) + 1):
            if paper == "stripes":
                box(column * step, 0, (column + 0.5) * step, horizon, soft)
            elif paper == "dots":
                for row in range(int(horizon / step) + 1):
                    easel.fill(here, _oval((column + row % 2 / 2 + 1j * row) * step / unit, 0.13, 0.13), soft)
        for _ in range(int(dice.between(0, 3))):
            corner, paint = spot(-0.3 * height, horizon * 0.6), _mix(back, dice.pick(_PAINTS), 0.5)
            x, y, w, h = corner.real * unit, corner.imag * unit, dice.between(1.2, 3) * unit, dice.between(1.2, 3) * unit
            box(x, y, x + w, y + h, _mix(paint, _INK, 0.25))
            box(x + unit * 0.15, y + unit * 0.15, x + w - unit * 0.15, y + h - unit * 0.15, paint)
        floor = _mix(dice.pick(_PAINTS), (196, 164, 132), dice.between(0.3, 0.8))
        if dice.chance(0.5):
            x, w, paint = dice.between(-0.3, 0.8) * width, dice.between(0.4, 0.8) * width, _mix(back, dice.pick(_PAINTS), 0.6)
            for left, top, right, shade in ((0.0, 2.2, 1.0, 0.0), (0.05, 1.4, 0.95, 0.08), (-0.06, 1.3, 0.1, 0.16),
                                            (0.9, 1.3, 1.06, 0.16)):
                easel.pen.rounded_rectangle((round(x + left * w), round(horizon - top * unit), round(x + right * w),
                                             round(horizon + 0.5 * unit)), round(unit * 0.3), fill=_mix(paint, _INK, shade))
        easel.image.paste(_gradient((width, height), _mix(floor, _INK, 0.25), floor), (0, round(horizon)))
        for row in range(1, int(dice.between(1, 6))):
            y = round(horizon + row * row * unit * 0.2)
            easel.pen.line((0, y, width, y), fill=_mix(floor, _INK, 0.2), width=2)
        return easel.image
    for _ in range(int(dice.between(0, 4))):
        cloud = spot(0, horizon * 0.7)
        for k in range(3):
            easel.fill(here, _oval(cloud + (k - 1) * 0.55, 0.6, 0.4 + 0.2 * (k == 1)), _mix(back, _WHITE, 0.6))
    green = _mix(dice.pick(((120, 176, 90), (160, 186, 96), (86, 146, 96), (206, 190, 120))), dice.pick(_PAINTS), 0.15)
    for _ in range(int(dice.between(0, 3))):
        easel.fill(here, _oval(spot(horizon, horizon + unit), dice.between(2, 5), dice.between(0.6, 2)), _mix(green, back, 0.4))
    for _ in range(int(dice.between(0, 3))):
        tree, radius = spot(horizon - unit, horizon - unit * 0.5), dice.between(0.6, 1.2)
        box(tree.real * unit - 0.15 * unit, tree.imag * unit, tree.real * unit + 0.15 * unit, horizon + unit * 0.3, (120, 84, 62))
        easel.fill(here, _oval(tree - radius * 0.8j, radius, radius * 1.15), _mix(green, _INK, dice.between(0.1, 0.35)))
    easel.image.paste(_gradient((width, height), green, _mix(green, _INK, 0.3)), (0, round(horizon)))
    petals, blades = dice.pick(_PAINTS), (_mix(green, _INK, 0.3), _mix(green, _WHITE, 0.3))
    for _ in range(40):
        root = spot(horizon, height)
        blade = here.points(np.array((root, root - 0.25j + dice.between(-0.12, 0.12))))
        easel.pen.line(blade, fill=dice.pick(blades), width=here.width(0.05))
        if dice.chance(0.15):
            easel.fill(here, _oval(root - 0.25j, 0.12, 0.12), petals)
    return easel.image


def _cover(easel: _Easel, head: _Frame, dice: _Dice) -> None:
    """Something in front of the animal that hides part of it."""
    kind, paint = dice.pick(("bar", "leaf", "ball", "hand")), dice.pick(_PAINTS)
    line = _mix(paint, _INK, 0.6)
    place = head.at(cmath.rect(dice.between(0.9, 1.4), dice.between(0, math.tau)), dice.between(-180, 180), 0.85)
    if kind == "bar":
        width = dice.between(0.15, 0.3)
        easel.fill(place, np.array((-9 - width * 1j, 9 - width * 1j, 9 + width * 1j, -9 + width * 1j)), paint, line)
    elif kind == "leaf":
        green = _mix(paint, (96, 156, 84), 0.7)
        easel.fill(place, _smooth((-0.9, -0.3 - 0.42j, 0.5 - 0.3j, 1.0, 0.5 + 0.3j, -0.3 + 0.42j)), green, line)
        easel.stroke(place, (-1.4 + 0.1j, -0.6, 0.8), line)
    elif kind == "ball":
        easel.fill(place, _oval(0, 0.6, 0.6), paint, line)
        easel.fill(place, _oval(0, 0.22, 0.58), _mix(paint, _WHITE, 0.6))
    else:
        skin = dice.pick(((246, 208, 176), (214, 160, 120), (150, 104, 78), (104, 72, 58)))
        line = _mix(skin, _INK, 0.5)
        easel.fill(place, _tube((6, 3, 0.5), 0.45, 0.4), skin, line)
        for finger in range(4):
            easel.fill(place, _tube((0.6 + (finger - 1.5) * 0.2j, -0.1 + (finger - 1.5) * 0.27j), 0.13, 0.12), skin, line)
        easel.fill(place, _oval(0.5, 0.44, 0.42), skin)


def _photograph(image: Image.Image, dice: _Dice) -> Image.Image:
    """Light falling from one side, exposure, contrast, a little blur and noise."""
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


# What a pose takes up around a head of radius 1 at 0: left, top, right, bottom.
_POSES = {
    "head": (-1.35, -1.5, 1.35, 1.4),
    "sitting": (-1.5, -1.8, 1.7, 2.75),
    "lying": (-1.6, -1.8, 2.5, 1.8),
    "standing": (-1.6, -1.8, 2.7, 2.9),
}


def draw(class_index: int, index: int, seed: int) -> Image.Image:
    """Draws one picture; the same arguments give the same pixels on any machine.

    Args:
        class_index: which class, in `[0, MAX_CLASSES)`; see `class_names`.
        index: which picture of the class, 0 or more.
        seed: which data set, 0 or more.

    Returns:
        An RGB picture of 160 to 320 pixels a side.

    Raises:
        ValueError: an argument is out of its range.
    """
    if not 0 <= class_index < MAX_CLASSES:
        raise ValueError(f"class_index must be between 0 and {MAX_CLASSES - 1}. Received: class_index={class_index}")
    if index < 0 or seed < 0:
        raise ValueError(f"index and seed must be 0 or more. Received: index={index}, seed={seed}")
    species, dice = _SPECIES[class_index], _Dice(seed, class_index, index)
    long, short = dice.between(220, 320), dice.between(0.73, 1.0)
    sides = round(long) * _OVERSAMPLING, round(long * short) * _OVERSAMPLING
    width, height = sides if dice.chance(0.5) else sides[::-1]
    pose = dice.pick(("head", "head", "head", "sitting", "sitting", "sitting", "lying", "standing"))
    left, top, right, bottom = _POSES[pose]
    if species.ears == "long" or species.crown in ("horns", "antlers", "crest"):
        top -= 0.4
    fit = min(width / (right - left), height / (bottom - top))
    unit = fit * (dice.between(0.75, 1.1) if pose == "head" else dice.between(1.0, 1.2))
    x = width / 2 - unit * (left + right) / 2 + dice.between(-0.5, 0.5) * (abs(width - unit * (right - left)) + 0.18 * width)
    y = height / 2 - unit * (top + bottom) / 2 + dice.between(-0.5, 0.5) * (abs(height - unit * (bottom - top)) + 0.16 * height)
    feet = y + unit * bottom
    roll = dice.between(-14, 14)
    body = _Frame(complex(unit), complex(x, y)).at(0, roll * 0.5)
    head = body.at(0, roll * 0.5 + dice.between(-11, 11), 1.0 if pose == "head" else dice.between(1.2, 1.35))
    look = _look(dice)
    easel = _Easel(_backdrop((width, height), min(feet - dice.between(0.1, 1.0) * unit, height * 0.9), dice))
    if pose != "head":
        easel.shade(body, _oval((left + right) / 2 + (bottom - 0.1) * 1j, (right - left) * 0.42, 0.3))
    _body(easel, body, pose, species, look, dice)
    if dice.chance(0.5):
        _collar(easel, head, dice)
    _head(easel, head, species, look, dice)
    if dice.chance(0.25):
        _cover(easel, head, dice)
    image = easel.image.reduce(_OVERSAMPLING)
    if dice.chance(0.5):
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return _photograph(image, dice)


def class_names(count: int) -> list[str]:
    """The names of the first `count` classes: cats, dogs, further animals, then invented creatures.

    Raises:
        ValueError: `count` is not between 2 and `MAX_CLASSES`.
    """
    if not 2 <= count <= MAX_CLASSES:
        raise ValueError(f"dataset.classes must be between 2 and {MAX_CLASSES}. Received: dataset.classes={count}")
    return [species.name for species in _SPECIES[:count]]
