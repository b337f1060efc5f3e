"""Drawing tools: outlines as arrays of complex numbers, frames to place them, an easel to paint on."""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from catsdogs_exp.data.drawing.parts import PARTS

Colour = tuple[int, int, int]


Outline = NDArray[np.complex128]


_T = TypeVar("_T")


PAINTS: tuple[Colour, ...] = (
    (236, 106, 92),
    (244, 178, 84),
    (250, 222, 130),
    (136, 190, 120),
    (92, 160, 150),
    (104, 158, 206),
    (132, 124, 190),
    (206, 134, 180),
    (240, 228, 208),
    (176, 148, 120),
    (96, 112, 128),
    (210, 220, 226),
)


INK: Colour = (46, 36, 40)


PINK: Colour = (250, 180, 176)


WHITE: Colour = (252, 250, 246)


class Dice:
    """Random choices based only on `Generator.random`, the one method whose stream has never changed."""

    def __init__(self, *entropy: int) -> None:
        self.generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(list(entropy))))

    def between(self, low: float, high: float) -> float:
        """A number in `[low, high)`."""
        return low + (high - low) * self.generator.random()

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.generator.random() < probability

    def pick(self, options: Sequence[_T]) -> _T:
        """One of the options, with equal probability."""
        return options[int(self.generator.random() * len(options))]


@dataclass(frozen=True)
class Frame:
    """A rotated, scaled and shifted coordinate system: `z` (complex, y down) maps to `turn * z + shift`."""

    turn: complex
    shift: complex

    def at(self, place: complex, degrees: float = 0.0, scale: float = 1.0) -> Frame:
        """A frame inside this one."""
        return Frame(self.turn * cmath.rect(scale, math.radians(degrees)), self.turn * place + self.shift)

    def points(self, outline: Outline) -> list[float]:
        """The pixels of an outline: x, y, x, y, ..."""
        # Whole pixels of the oversampled canvas: the last bit of a sine must not change the image.
        placed: list[float] = np.rint((outline * self.turn + self.shift).view(np.float64)).tolist()
        return placed

    def width(self, width: float) -> int:
        """The width of a line in pixels."""
        return max(1, round(abs(self.turn) * width))


_CIRCLE: Outline = np.exp(2j * np.pi * np.arange(36) / 36)


def oval(centre: complex, rx: float, ry: float, degrees: float = 0.0) -> Outline:
    """An ellipse, rotated by `degrees`."""
    return (_CIRCLE.real * rx + 1j * _CIRCLE.imag * ry) * cmath.rect(1.0, math.radians(degrees)) + centre


_STEPS = np.arange(6)[:, None] / 6


_SPLINE = 0.5 * np.concatenate(
    [
        -_STEPS + 2 * _STEPS**2 - _STEPS**3,
        2 - 5 * _STEPS**2 + 3 * _STEPS**3,
        _STEPS + 4 * _STEPS**2 - 3 * _STEPS**3,
        -(_STEPS**2) + _STEPS**3,
    ],
    axis=1,
)


def smooth(knots: Iterable[complex], closed: bool = True) -> Outline:
    """A Catmull-Rom curve through the knots."""
    knot = np.array(list(knots), np.complex128)
    ring = np.concatenate([knot[-1:], knot, knot[:2]] if closed else [knot[:1], knot, knot[-1:]])
    spans = len(ring) - 3
    curve: Outline = (_SPLINE @ ring[np.arange(4)[:, None] + np.arange(spans)]).T.ravel()
    return curve if closed else np.append(curve, knot[-1])


def tube(knots: Iterable[complex], start: float, end: float) -> Outline:
    """A limb along the curve, with half widths `start` and `end`, and a rounded end."""
    middle = smooth(knots, closed=False)
    along = np.empty_like(middle)
    along[1:-1], along[0], along[-1] = (
        middle[2:] - middle[:-2],
        middle[1] - middle[0],
        middle[-1] - middle[-2],
    )
    side = 1j * along / np.abs(along) * np.linspace(start, end, len(middle))
    cap = middle[-1] + side[-1] * np.exp(-1j * np.pi * np.arange(1, 8) / 8)
    return np.concatenate([middle + side, cap, (middle - side)[::-1]])


def _grown(outline: Outline, width: float) -> Outline:
    """The outline, expanded. Filled first, it becomes the line around a part, faster than a wide stroke."""
    along = np.concatenate((outline[1:], outline[:1])) - np.concatenate((outline[-1:], outline[:-1]))
    area = float(np.sum(outline.real * along.imag - outline.imag * along.real))
    return outline - math.copysign(width, area) * 1j * along / (np.abs(along) + 1e-9)


def both(outline: Outline) -> tuple[Outline, Outline]:
    """The outline and its mirror image: a left and a right part."""
    return outline, -outline.conj()


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Blends `first` with a fraction `share` of `second`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


class Easel:
    """An image being painted, at the oversampled size.

    Args:
        image: to paint on.
        parts: a second image, mode L, that receives part numbers wherever a part is painted; None for none.
    """

    def __init__(self, image: Image.Image, parts: Image.Image | None = None) -> None:
        self.image = image
        self.pen = ImageDraw.Draw(image)
        self._marker = ImageDraw.Draw(parts) if parts is not None else None
        self._part = 0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """A context manager in which everything painted belongs to this part of `PARTS`."""
        before, self._part = self._part, PARTS.index(name)
        try:
            yield
        finally:
            self._part = before

    def _mark(self, points: list[float]) -> None:
        if self._marker is not None:
            self._marker.polygon(points, fill=self._part)

    def fill(
        self,
        frame: Frame,
        outline: Outline,
        colour: Colour,
        line: Colour | None = None,
        width: float = 0.045,
    ) -> None:
        """Fills a shape, with a line around it if `line` is a colour."""
        if line is not None:
            edge = frame.points(_grown(outline, width))
            self.pen.polygon(edge, fill=line)
            self._mark(edge)
        points = frame.points(outline)
        self.pen.polygon(points, fill=colour)
        self._mark(points)

    def stroke(self, frame: Frame, knots: Iterable[complex], colour: Colour, width: float = 0.045) -> None:
        """Draws a curve through the knots."""
        points = frame.points(tube(knots, width / 2, width / 2))
        self.pen.polygon(points, fill=colour)
        self._mark(points)

    def shade(self, frame: Frame, outline: Outline) -> None:
        """Darkens what has been painted so far."""
        mask = Image.new("L", self.image.size)
        ImageDraw.Draw(mask).polygon(frame.points(outline), fill=70)
        if box := mask.getbbox():
            self.image.paste(INK, box, mask.crop(box))

    def layer(self, frame: Frame, parts: Iterable[Outline], coat: Image.Image, line: Colour) -> None:
        """Paints parts cut out of a coat, with one line around all of them."""
        mask = Image.new("L", self.image.size)
        scissors = ImageDraw.Draw(mask)
        for part in parts:
            edge = frame.points(_grown(part, 0.05))
            self.pen.polygon(edge, fill=line)
            self._mark(edge)
            scissors.polygon(frame.points(part), fill=255)
        if box := mask.getbbox():
            self.image.paste(coat.crop(box), box, mask.crop(box))
