"""Crops of an image: a grid of positions and scales, or a single one that a user names."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from catsdogs_exp.errors import BadInput

_DOWN, _ACROSS = ("upper", "middle", "lower"), ("left", "middle", "right")


class Box(NamedTuple):
    """A crop, in pixels of the upright image, within it, at least one pixel each way."""

    left: int
    top: int
    width: int
    height: int

    def place(self, size: tuple[int, int]) -> str:
        """Describes where a crop is in an image of `size`, height and width: `the upper left`, `the middle`,
        `the whole`.

        This is the third of the image that contains the crop's centre, measured between the outermost positions that a
        crop of this size can take.
        """
        down, across = _third(self.top, size[0] - self.height), _third(self.left, size[1] - self.width)
        if (self.height, self.width) == size:
            return "the whole"
        if down == across == 1:
            return "the middle"
        if down == 1:
            return f"the {_ACROSS[across]}"
        if across == 1:
            return "the top" if down == 0 else "the bottom"
        return f"the {_DOWN[down]} {_ACROSS[across]}"


def _third(start: int, room: int) -> int:
    return 1 if room <= 0 else min(2, 3 * start // room)


@dataclass(frozen=True)
class Grid:
    """Crops with the image's aspect ratio, evenly spaced from edge to edge.

    Attributes:
        scales: sides of the crops, as fractions of the image's sides, each > 0 and < 1; largest first.
        positions: number of positions per scale, in each direction, >= 2.
    """

    scales: tuple[float, ...] = (0.8, 0.6, 0.4)
    positions: int = 7

    @property
    def count(self) -> int:
        """Returns the number of crops."""
        return len(self.scales) * self.positions**2

    def boxes(self, size: tuple[int, int]) -> list[Box]:
        """Returns the crops of an image of `size`, height and width: by scale, then row by row, left to right."""
        return [box for scale in self.scales for box in self._of_scale(size, scale)]

    def _of_scale(self, size: tuple[int, int], scale: float) -> Iterator[Box]:
        height, width = (max(1, round(scale * side)) for side in size)
        for top in self._starts(size[0] - height):
            for left in self._starts(size[1] - width):
                yield Box(left, top, width, height)

    def _starts(self, room: int) -> list[int]:
        return [round(room * place / (self.positions - 1)) for place in range(self.positions)]


COARSE = Grid(positions=3)
"""The grid for many images."""


@dataclass(frozen=True)
class NamedCrop:
    """A crop as typed: left, top, width and height.

    Attributes:
        text: as typed.
        numbers: pixels, or fractions of the image's width and height.
        fractions: whether the numbers are fractions.
    """

    text: str
    numbers: tuple[float, float, float, float]
    fractions: bool

    @classmethod
    def parse(cls, text: str) -> "NamedCrop":
        """Reads `x,y,w,h`: whole numbers are pixels; with a decimal point, fractions of the width and height.

        Raises:
            BadInput: for anything else, or a crop without area.
        """
        words = [word.strip() for word in text.split(",")]
        whole = all(word.isascii() and word.isdigit() for word in words)
        fractions = not whole and all(_is_fraction(word) for word in words)
        if len(words) != 4 or not (whole or fractions) or any(len(word) > 20 for word in words):
            raise BadInput(
                "--crop must be x,y,w,h: left, top, width and height, either in pixels (whole numbers, 40,20,300,200) "
                f"or as fractions of the image (0.1,0.1,0.5,0.5). Received: --crop {text}"
            )
        x, y, w, h = (float(word) for word in words)
        if not (w > 0 and h > 0):
            raise BadInput(f"--crop must have a width and a height > 0. Received: --crop {text}")
        if fractions and (x + w > 1 + 1e-9 or y + h > 1 + 1e-9):
            raise BadInput(f"--crop must be within the image: x + w and y + h <= 1. Received: --crop {text}")
        return cls(text, (x, y, w, h), fractions)

    def box(self, size: tuple[int, int]) -> Box:
        """Returns the crop of an image of `size`, height and width; fractions are rounded to pixels, at least one.

        Raises:
            BadInput: if it is not within the image.
        """
        x, y, w, h = self.numbers
        if self.fractions:
            left, right = _rounded(x, w, size[1])
            top, bottom = _rounded(y, h, size[0])
            return Box(left, top, right - left, bottom - top)
        box = Box(int(x), int(y), int(w), int(h))
        if box.left + box.width > size[1] or box.top + box.height > size[0]:
            raise BadInput(
                f"--crop must be within the image, which is {size[1]} pixels wide and {size[0]} high. "
                f"Received: --crop {self.text}"
            )
        return box


def _is_fraction(word: str) -> bool:
    plain = word.isascii() and word.replace(".", "", 1).isdigit()
    return plain and 0 <= float(word) <= 1


def _rounded(start: float, length: float, side: int) -> tuple[int, int]:
    """Returns the first pixel, and the one after the last."""
    first = min(math.floor(start * side + 0.5), side - 1)
    return first, max(first + 1, min(side, math.floor((start + length) * side + 0.5)))
