"""What cropping does to one answer, for people and for programs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from catsdogs_exp.inference.crop_grid import Grid
from catsdogs_exp.inference.crops import Cropped, CropScores, heat_maps, in_words, named, said
from catsdogs_exp.record.pictures.crop_figure import MarkedCrop, ScaleMap, crop_figure

# Distinguishable with common colour vision deficiencies.
_BEST, _WORST, _SMALLEST, _LARGEST = (0, 158, 115), (0, 114, 178), (213, 94, 0), (204, 121, 167)


def as_picture(image: Cropped, scores: CropScores, grid: Grid, classes: Sequence[str]) -> Image.Image:
    """The image with its crops, a map per scale, and the sentence: see `crop_figure`."""
    answer = classes[scores.answer]
    changed = scores.changed.reshape(len(grid.scales), grid.positions, grid.positions)
    maps = [
        ScaleMap(
            f"P({answer}) by the centre of crops of {round(100 * scale)} %",
            _size(scores, number * grid.positions**2),
            heat,
            changed[number],
        )
        for number, (scale, heat) in enumerate(zip(grid.scales, heat_maps(scores, grid, scores.answer), strict=True))
    ]
    roles = (
        ("smallest change", scores.smallest_change, _SMALLEST),
        ("largest change", scores.largest_change, _LARGEST),
        ("worst crop", scores.worst, _WORST),
        ("best crop", scores.best, _BEST),
    )
    crops = []
    for place in dict.fromkeys(place for _, place, _ in roles if place is not None):
        names = [(name, colour) for name, mine, colour in roles if mine == place]
        title = ", ".join(name for name, _ in names)
        crops.append(_marked(scores, place, f"{title}:", names[0][1], classes))
    heading = [in_words(scores, classes), f"{scores.changed.sum()} of {grid.count} crops change the answer"]
    return crop_figure(image.pixels, heading, maps, crops)


def as_plain(scores: CropScores, classes: Sequence[str]) -> dict[str, Any]:
    """The answers as plain values: every crop with its box in pixels, place, class and probabilities."""
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
    scores: CropScores, place: int, title: str, colour: tuple[int, int, int], classes: Sequence[str]
) -> MarkedCrop:
    lines = [title, named(scores, place), said(scores.probabilities[place], classes)]
    if scores.changed[place]:
        lines[-1] += f" ({classes[scores.answer]} {scores.probabilities[place, scores.answer]:.2f})"
    return MarkedCrop(scores.boxes[place], colour, tuple(lines))
