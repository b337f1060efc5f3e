"""What inspection says of each file: one verdict each, and all of them as columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NO_HASH = 0
"""The perceptual hash of what has none: files that do not decode, and pictures of one colour."""


@dataclass(frozen=True)
class Verdict:
    """What one file is.

    Attributes:
        reason: why it is no usable picture, or `""`.
        note: what is odd about a usable one: `named .jpg, is PNG`, `CMYK`, `EXIF orientation 6`, ...
        width, height: pixels, upright; 0 where unknown.
        size: bytes.
        sha256: hexadecimal digest of the bytes, `""` for a file that cannot be read.
        kind: the format, `JPEG`; `""` where unknown.
        mode: Pillow's name of the pixels' layout, `RGB`; `""` where unknown.
        jfif: where `JFIF` stands in the first 4,096 bytes, -1 where it does not.
        perceptual: 64-bit hash of what the picture looks like, as int64; `NO_HASH` where there is none.
        mean, std: of red, green and blue, 0..255, of the picture shrunk to 32 x 32.
    """

    reason: str
    note: str
    width: int
    height: int
    size: int
    sha256: str
    kind: str = ""
    mode: str = ""
    jfif: int = -1
    perceptual: int = NO_HASH
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Verdicts:
    """The verdicts of a listing as columns of `Verdict`'s names.

    Strings [n]; int32 [n] for `width`, `height`, `jfif`; int64 [n] for `size`, `perceptual`; float32 [n, 3] for
    `mean`, `std`.
    """

    reason: NDArray[np.str_]
    note: NDArray[np.str_]
    width: NDArray[np.int32]
    height: NDArray[np.int32]
    size: NDArray[np.int64]
    sha256: NDArray[np.str_]
    kind: NDArray[np.str_]
    mode: NDArray[np.str_]
    jfif: NDArray[np.int32]
    perceptual: NDArray[np.int64]
    mean: NDArray[np.float32]
    std: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.width)


Row = tuple[Any, ...]
"""A verdict as a flat tuple, as the store keeps it: the first ten fields, three of `mean`, three of `std`."""


def row_of(verdict: Verdict) -> Row:
    """Flattens a verdict."""
    v = verdict
    simple = (v.reason, v.note, v.width, v.height, v.size, v.sha256, v.kind, v.mode, v.jfif, v.perceptual)
    return (*simple, *v.mean, *v.std)


def columns(rows: Sequence[Row]) -> Verdicts:
    """Turns rows into columns."""
    text = np.dtypes.StringDType()
    by_column = list(zip(*rows, strict=True)) or [()] * 16
    reason, note, width, height, size, sha256, kind, mode, jfif, perceptual, *colours = by_column
    colour = np.array(colours, dtype=np.float32)
    return Verdicts(
        reason=np.array(reason, dtype=text),
        note=np.array(note, dtype=text),
        width=np.array(width, dtype=np.int32),
        height=np.array(height, dtype=np.int32),
        size=np.array(size, dtype=np.int64),
        sha256=np.array(sha256, dtype=text),
        kind=np.array(kind, dtype=text),
        mode=np.array(mode, dtype=text),
        jfif=np.array(jfif, dtype=np.int32),
        perceptual=np.array(perceptual, dtype=np.int64),
        mean=np.ascontiguousarray(colour[:3].T),
        std=np.ascontiguousarray(colour[3:].T),
    )
