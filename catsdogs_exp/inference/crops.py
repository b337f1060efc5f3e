"""How cropping changes a network's prediction for an image. Arrays in, arrays out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.images import decoding
from catsdogs_exp.data.images.file_identity import read_file
from catsdogs_exp.data.images.preparing import Preparation, fit, image_of
from catsdogs_exp.errors import RunFailed
from catsdogs_exp.inference.crop_grid import Box, Grid

_BATCH = 32

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From uint8 [b, height, width, channels] at the network's size to probabilities, float32 [b, classes]."""


@dataclass(frozen=True)
class Cropped:
    """An image and some of its crops.

    Attributes:
        pixels: uint8 [h, w, 3], upright, at its original size.
        boxes: the crops, in pixels.
        inputs: uint8 [1 + crops, height, width, channels] for the network: the whole image, then its crops.
    """

    pixels: NDArray[np.uint8]
    boxes: tuple[Box, ...]
    inputs: NDArray[np.uint8]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[0], self.pixels.shape[1]


@dataclass(frozen=True)
class CropScores:
    """A network's predictions for an image and its crops.

    Attributes:
        size: height and width of the image.
        boxes: the crops.
        whole: float32 [classes], the probabilities for the whole image.
        probabilities: float32 [crops, classes].
    """

    size: tuple[int, int]
    boxes: tuple[Box, ...]
    whole: NDArray[np.float32]
    probabilities: NDArray[np.float32]

    @property
    def answer(self) -> int:
        """Returns the class predicted for the whole image."""
        return int(self.whole.argmax())

    @property
    def answers(self) -> NDArray[np.intp]:
        """Returns the class predicted for each crop: intp [crops]."""
        found: NDArray[np.intp] = self.probabilities.argmax(axis=1)
        return found

    @property
    def changed(self) -> NDArray[np.bool_]:
        """Returns whether a crop's prediction differs from the one for the whole image: bool [crops]."""
        found: NDArray[np.bool_] = self.answers != self.answer
        return found

    @property
    def best(self) -> int:
        """Returns the crop with the highest probability of the class predicted for the whole image."""
        return int(self.probabilities[:, self.answer].argmax())

    @property
    def worst(self) -> int:
        """Returns the crop with the lowest probability of the class predicted for the whole image."""
        return int(self.probabilities[:, self.answer].argmin())

    @property
    def smallest_change(self) -> int | None:
        """Returns the smallest crop that changes the prediction; of equal ones, the most confident. None if no crop
        does.
        """
        return self._change(-1)

    @property
    def largest_change(self) -> int | None:
        """Returns the largest crop that changes the prediction, which cuts away least; of equal ones, the most
        confident.
        """
        return self._change(1)

    @property
    def strongest_change(self) -> int | None:
        """Returns the crop that changes the prediction most confidently; None if no crop does."""
        if not self.changed.any():
            return None
        return int(np.where(self.changed, self.probabilities.max(axis=1), -1).argmax())

    @property
    def strength(self) -> float:
        """Returns how striking the strongest change is, 0..1: the lower of the two predictions' probabilities; 0
        without one.
        """
        place = self.strongest_change
        return 0.0 if place is None else float(min(self.whole.max(), self.probabilities[place].max()))

    def _change(self, sign: int) -> int | None:
        (changed,) = np.nonzero(self.changed)
        if not len(changed):
            return None
        sure = self.probabilities.max(axis=1)
        area = [box.width * box.height for box in self.boxes]
        return int(max(changed.tolist(), key=lambda place: (sign * area[place], sure[place])))


def read_cropped(path: Path, how: Preparation, boxes: Callable[[tuple[int, int]], Sequence[Box]]) -> Cropped:
    """Reads an image and cuts crops from its full resolution, as an image editor would.

    The whole image is prepared as for any other prediction, and each crop as a separate image.

    Args:
        path: the file.
        how: how images are prepared for the network.
        boxes: maps the image's height and width to its crops.

    Raises:
        Undecodable: with the reason.
        OSError: if the file cannot be read.
        BadInput: if a crop is not within the image.
    """
    data = read_file(path)[0]
    pixels = decoding.pixels(data, levels=how.white_levels)
    cuts = tuple(boxes((pixels.shape[0], pixels.shape[1])))
    parts = [fit(np.ascontiguousarray(cut(pixels, box)), how) for box in cuts]
    return Cropped(pixels, cuts, np.stack([image_of(data, how), *parts]))


def cut(pixels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """Returns a crop's pixels, uint8 [box.height, box.width, channels]: a view."""
    return pixels[box.top : box.top + box.height, box.left : box.left + box.width]


def score_crops(predict: Predict, image: Cropped) -> CropScores:
    """Predicts an image and its crops, in batches.

    Raises:
        RunFailed: if the network answers with NaN.
    """
    inputs = image.inputs
    found = np.concatenate([predict(inputs[at : at + _BATCH]) for at in range(0, len(inputs), _BATCH)])
    if not np.isfinite(found).all():
        raise RunFailed("The network returns NaN: its training has diverged. Train it again with a lower lr")
    return CropScores(image.size, image.boxes, found[0], found[1:])


def heat_maps(scores: CropScores, grid: Grid, label: int) -> NDArray[np.float32]:
    """Returns the probability of a class by the crop's position: float32 [scales, positions, positions], rows from the
    top.

    Args:
        scores: scores of the crops of `grid`.
        grid: the crops.
        label: the class.
    """
    if len(scores.boxes) != grid.count:
        raise ValueError(f"scores must belong to the grid's {grid.count} crops. Received: {len(scores.boxes)}")
    shape = len(grid.scales), grid.positions, grid.positions
    return np.asarray(scores.probabilities[:, label].reshape(shape), np.float32)


def in_words(scores: CropScores, classes: Sequence[str]) -> str:
    """Describes the prediction for the whole image, and for the crop that changes it most confidently, or for the only
    crop.
    """
    whole = f"whole image: {said(scores.whole, classes)}"
    place = 0 if len(scores.boxes) == 1 else scores.strongest_change
    if place is None:
        return f"{whole}; none of {len(scores.boxes)} crops changes the answer"
    return f"{whole}; cropped to {named(scores, place)}: {said(scores.probabilities[place], classes)}"


def named(scores: CropScores, place: int) -> str:
    """Describes a crop by its place and size: `the upper left (60 % of each side)`."""
    box = scores.boxes[place]
    across, down = round(100 * box.width / scores.size[1]), round(100 * box.height / scores.size[0])
    of_both = (
        f"{across} % of each side" if abs(across - down) <= 1 else f"{across} % of the width, {down} % of the height"
    )
    return f"{box.place(scores.size)} ({of_both})"


def said(probabilities: NDArray[np.float32], classes: Sequence[str]) -> str:
    """Formats the predicted class and its probability: `dogs 0.71`."""
    best = int(probabilities.argmax())
    return f"{classes[best]} {probabilities[best]:.2f}"
