"""How cropping changes one prediction, for readers and for programs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from catsdogs_exp.inference.crop_grid import Grid
from catsdogs_exp.inference.crops import Cropped, CropScores, heat_maps, in_words, named, said
from catsdogs_exp.record.pictures.crop_figure import MarkedCrop, ScaleMap, crop_figure

# Distinguishable with common colour vision deficiencies.
_HIGHEST, _LOWEST, _SMALLEST, _LARGEST = (0, 158, 115), (0, 114, 178), (213, 94, 0), (204, 121, 167)


def as_picture(image: Cropped, scores: CropScores, grid: Grid, classes: Sequence[str]) -> Image.Image:
    """Draws the image with its crops, one map per scale, and the sentence: see `crop_figure`."""
    answer = classes[scores.answer]
    changed = scores.changed.reshape(len(grid.scales), grid.positions, grid.positions)
    maps = [
        ScaleMap(
            f"crops of {round(100 * scale)} %: P({answer})",
            _size(scores, number * grid.positions**2),
            heat,
            changed[number],
        )
        for number, (scale, heat) in enumerate(zip(grid.scales, heat_maps(scores, grid, scores.answer), strict=True))
    ]
    roles = (
        ("smallest change", scores.smallest_change, _SMALLEST),
        ("largest change", scores.largest_change, _LARGEST),
        (f"lowest P({answer})", scores.worst, _LOWEST),
        (f"highest P({answer})", scores.best, _HIGHEST),
    )
    crops = []
    for place in dict.fromkeys(place for _, place, _ in roles if place is not None):
        here = [(role, colour) for role, mine, colour in roles if mine == place]
        crops.append(_marked(scores, place, here, classes))
    heading = [
        in_words(scores, classes),
        f"{scores.changed.sum()} of {grid.count} crops change the answer: dots at their centres",
    ]
    return crop_figure(image.pixels, heading, maps, crops)


def as_plain(scores: CropScores, classes: Sequence[str]) -> dict[str, Any]:
    """Returns the predictions as plain values: every crop with its box in pixels, place, class and probabilities."""
    crops = [
        {
            "box": list(box),
            "place": box.place(scores.size),
            **_answer(probabilities, classes),
        }
        for box, probabilities in zip(scores.boxes, scores.probabilities, strict=True)
    ]
    return {
        "width": scores.size[1],
        "height": scores.size[0],
        **_answer(scores.whole, classes),
        "crops": crops,
        "changed": float(scores.changed.mean()),
        "smallest_change": scores.smallest_change,
        "largest_change": scores.largest_change,
        "strongest_change": scores.strongest_change,
        "best": scores.best,
        "worst": scores.worst,
        "words": in_words(scores, classes),
    }


def _answer(probabilities: np.ndarray[Any, Any], classes: Sequence[str]) -> dict[str, Any]:
    best = int(probabilities.argmax())
    return {
        "class": classes[best],
        "probability": float(probabilities[best]),
        "probabilities": dict(zip(classes, map(float, probabilities), strict=True)),
    }


def _size(scores: CropScores, place: int) -> tuple[float, float]:
    box = scores.boxes[place]
    return box.width / scores.size[1], box.height / scores.size[0]


def _marked(
    scores: CropScores, place: int, roles: Sequence[tuple[str, tuple[int, int, int]]], classes: Sequence[str]
) -> MarkedCrop:
    """Labels a crop with its roles, one per line, in the colour of the first."""
    *others, last = (role for role, _ in roles)
    lines = [*(f"{role}," for role in others), f"{last}:", named(scores, place)]
    lines.append(said(scores.probabilities[place], classes))
    if scores.changed[place]:
        lines.append(f"{classes[scores.answer]} {scores.probabilities[place, scores.answer]:.2f}")
    return MarkedCrop(scores.boxes[place], roles[0][1], tuple(lines))
