"""Finds the image part that a channel detects: network dissection (Bau et al., 2017), with a held-out threshold.

Bau et al. fix the threshold at the 99.5th percentile of a channel's activations. This limits the score of parts that
cover more than 0.5 % of an image. Here, each channel and part uses the quantile that scores best on one half of the
images; the score is measured on the other half.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.insight.receptive_field import Axis, Field

MOST_CELLS = 48  # grid cells along the longer side of an image, for comparing activations with masks
BINS = 256  # number of thresholds to try
CLEARLY = 1.5  # required ratio to the best score of the untrained network
CERTAIN = 0.99  # quantile of the scores with shuffled masks
SHUFFLES = 8  # how often masks are shuffled between images


@dataclass(frozen=True)
class Concepts:
    """The parts shown by masks.

    Attributes:
        names: names of the parts, such as `eye` or `ear: floppy`.
        labels: for each part, the mask values that belong to it.
    """

    names: tuple[str, ...]
    labels: tuple[tuple[int, ...], ...]

    def matrix(self, values: int) -> NDArray[np.bool_]:
        """Returns which mask values belong to which part: bool [parts, values]."""
        found = np.zeros((len(self.names), values), bool)
        for part, labels in enumerate(self.labels):
            found[part, list(labels)] = True
        return found


@dataclass(frozen=True)
class Dissection:
    """How well each channel of a layer detects each part.

    Attributes:
        iou: float64 [channels, parts], intersection over union on images not used for the thresholds.
        chance: float64 [parts], the `CERTAIN` quantile of all channels' scores with masks shuffled between images.
        threshold: float32 [channels, parts], the lowest activation that counts as a detection.
    """

    iou: NDArray[np.float64]
    chance: NDArray[np.float64]
    threshold: NDArray[np.float32]


def mask_grid(size: tuple[int, int], most: int = MOST_CELLS) -> tuple[int, int]:
    """Returns rows and columns of the grid for comparing activations with masks, for an image of this size in
    pixels.
    """
    factor = min(1.0, most / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def aligned(
    answers: NDArray[np.float32], field: Field, image_size: tuple[int, int], grid: tuple[int, int]
) -> NDArray[np.float32]:
    """Places a layer's activations in the image: each unit is at the centre of its receptive field.

    Args:
        answers: float32 [height, width, channels], activations for one image.
        field: receptive field of the layer's units.
        image_size: height and width of the image in pixels.
        grid: rows and columns of the result, see `mask_grid`.

    Returns:
        float32 [rows, columns, channels], bilinear between units, the nearest unit beyond the outermost.
    """
    rows = ((np.arange(grid[0]) + 0.5) * image_size[0] / grid[0] - 0.5 - field.rows.centre) / field.rows.step
    columns = ((np.arange(grid[1]) + 0.5) * image_size[1] / grid[1] - 0.5 - field.columns.centre) / field.columns.step
    x, y = (part.astype(np.float32) for part in np.meshgrid(columns, rows))
    planes = [  # OpenCV's remap supports at most four channels
        cv2.remap(np.ascontiguousarray(answers[..., c : c + 4]), x, y, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        for c in range(0, answers.shape[-1], 4)
    ]
    return np.concatenate([plane.reshape(*grid, -1) for plane in planes], axis=-1)


def evenly(units: tuple[int, int], image_size: tuple[int, int]) -> Field:
    """Returns positions for units whose receptive field is unknown: evenly spaced over the image."""
    steps = [size / count for size, count in zip(image_size, units, strict=True)]
    rows, columns = (Axis(step, (step - 1) / 2, (step - 1) / 2) for step in steps)
    return Field(rows, columns)


def shrunk_mask(mask: NDArray[np.uint8], grid: tuple[int, int]) -> NDArray[np.uint8]:
    """Shrinks a mask of part labels, uint8 [height, width], to the grid: the label at the centre of each cell."""
    rows = ((np.arange(grid[0]) + 0.5) * mask.shape[0] / grid[0]).astype(np.intp)
    columns = ((np.arange(grid[1]) + 0.5) * mask.shape[1] / grid[1]).astype(np.intp)
    return np.ascontiguousarray(mask[rows[:, None], columns])


def binned(answers: NDArray[np.float32], edges: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Returns the index of the threshold interval of each activation.

    Args:
        answers: float32 [rows, columns, channels] of one image, aligned.
        edges: float32 [channels, BINS - 1], see `quantile_edges`.

    Returns:
        uint8 [channels, rows * columns].
    """
    flat = answers.reshape(-1, answers.shape[-1])
    found = [np.searchsorted(each, flat[:, c], side="right") for c, each in enumerate(edges)]
    return np.asarray(found, dtype=np.uint8)


def dissect(
    bins: NDArray[np.uint8],
    masks: NDArray[np.uint8],
    edges: NDArray[np.float32],
    concepts: Concepts,
    shuffles: int = SHUFFLES,
) -> Dissection:
    """Scores the channels of a layer.

    Args:
        bins: uint8 [images, channels, cells], see `binned`.
        masks: uint8 [images, cells], the part in each cell.
        edges: float32 [channels, BINS - 1].
        concepts: the parts.
        shuffles: how often masks are shuffled between images; 0: `chance` is 0.
    """
    rng = np.random.default_rng(0)
    half = rng.permutation(len(masks)) % 2 == 0
    values = int(max(masks.max(), *(max(labels) for labels in concepts.labels))) + 1
    belongs = concepts.matrix(values).astype(np.int64)
    scores = _held_out(bins, masks, half, belongs)
    threshold = np.take_along_axis(edges[:, None, :], (scores.bin - 1)[..., None], -1)[..., 0]
    chance = np.zeros(len(concepts.names))
    if shuffles:
        by_chance = [_held_out(bins, masks[rng.permutation(len(masks))], half, belongs).iou for _ in range(shuffles)]
        chance = np.quantile(np.concatenate(by_chance), CERTAIN, axis=0)
    return Dissection(scores.iou, chance, threshold)


class _Scores(NamedTuple):
    iou: NDArray[np.float64]  # [channels, parts]
    bin: NDArray[np.intp]  # the lowest bin that counts


def _held_out(
    bins: NDArray[np.uint8], masks: NDArray[np.uint8], half: NDArray[np.bool_], belongs: NDArray[np.int64]
) -> _Scores:
    """Chooses thresholds on one half of the images and scores on the other."""
    values = belongs.shape[1]
    labels = masks.astype(np.int32)
    iou, chosen = [], []
    for channel in range(bins.shape[1]):
        pairs = bins[:, channel].astype(np.int32) * values + labels
        ious = []
        for part in (half, ~half):
            counts = np.bincount(pairs[part].ravel(), minlength=BINS * values).reshape(BINS, values)
            inside = belongs @ counts.T  # [parts, bins]
            above_inside = inside[:, ::-1].cumsum(1)[:, ::-1]
            above = counts.sum(1)[::-1].cumsum()[::-1]
            union = inside.sum(1, keepdims=True) + above - above_inside
            ious.append(above_inside / np.maximum(union, 1))
        best = ious[0][:, 1:].argmax(1) + 1  # with bin 0, all places count, which carries no information
        chosen.append(best)
        iou.append(ious[1][np.arange(len(best)), best])
    return _Scores(np.array(iou), np.array(chosen))


def quantile_edges(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the activations that separate each channel's bins: denser towards the strongest ones, to resolve small
    parts.

    Args:
        samples: float32 [n, channels], activations at random places.

    Returns:
        float32 [channels, BINS - 1], ascending.
    """
    shares = 1 - np.geomspace(1, 1e-3, BINS)[1:]  # half of all activations are below the first fifth of the thresholds
    edges = np.quantile(samples, shares, axis=0).T.astype(np.float32)
    return np.maximum.accumulate(edges, axis=1)


def name_channels(
    trained: Dissection, untrained_best: NDArray[np.float64], concepts: Concepts
) -> list[tuple[str, float] | None]:
    """Returns the part that each channel detects, with its score; None if the evidence is insufficient.

    A channel is named if its score exceeds `CLEARLY` times the best that any channel of the untrained network reaches
    for the same part, and the score with shuffled masks. Among several parts, the one with the largest lead is used.

    Args:
        trained: the dissection of the network's layer.
        untrained_best: float64 [parts], the best score of the same network without training.
        concepts: the parts.
    """
    names: list[tuple[str, float] | None] = []
    for iou in trained.iou:
        lead = iou / np.maximum(untrained_best, 1e-6)
        fits = (lead >= CLEARLY) & (iou > trained.chance)
        if not fits.any():
            names.append(None)
            continue
        part = int(np.where(fits, lead, -1).argmax())
        names.append((concepts.names[part], float(iou[part])))
    return names


def concepts_of(names: Sequence[str]) -> Concepts:
    """Creates parts from the names of mask values; `ear: floppy` and `ear: pointed` also form the part `ear`.

    Args:
        names: names of the values 0, 1, ...; `""` for values that are no part.
    """
    groups: dict[str, list[int]] = {}
    for value, name in enumerate(names):
        if name:
            groups.setdefault(name, []).append(value)
    for value, name in enumerate(names):
        whole, kind = name.partition(":")[::2]
        if kind and sum(other.partition(":")[0] == whole and ":" in other for other in names) > 1:
            groups.setdefault(whole, []).append(value)
    return Concepts(tuple(groups), tuple(tuple(values) for values in groups.values()))
