"""Crop sensitivity: how often cropping changes a network's prediction, over many images."""

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.images.preparing import read_or_reason
from catsdogs_exp.data.prefetch import ahead
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.crop_grid import COARSE, Grid
from catsdogs_exp.inference.crops import Cropped, CropScores, named, read_cropped, score_crops
from catsdogs_exp.metrics.intervals import bootstrap_interval, wilson_interval

if TYPE_CHECKING:  # it comes with TensorFlow
    from catsdogs_exp.inference.image_predictor import ImagePredictor


@dataclass(frozen=True)
class Flip:
    """An image whose prediction a crop changes.

    Attributes:
        file: the image.
        label: its class. whole, cropped: the predicted classes for the whole image and for the crop that changes the
        prediction most confidently.
        confidence: their probabilities, 0..1.
        box: the crop in pixels: left, top, width, height.
        crop: the crop in words.
        changed: number of crops that change the prediction.
    """

    file: Path
    label: str
    whole: str
    cropped: str
    confidence: tuple[float, float]
    box: tuple[int, int, int, int]
    crop: str
    changed: int


@dataclass(frozen=True)
class CropSensitivity:
    """A network's predictions for n images and their crops.

    Attributes:
        grid: the crops.
        labels: int32 [n].
        whole: int32 [n], the predicted classes.
        cropped: int32 [n, crops], the predicted classes for the crops.
        flips: the images whose prediction a crop changes, most striking first.
        left_out: one line per file that could not be read.
    """

    grid: Grid
    labels: NDArray[np.int32]
    whole: NDArray[np.int32]
    cropped: NDArray[np.int32]
    flips: tuple[Flip, ...]
    left_out: tuple[str, ...]

    @property
    def changed(self) -> NDArray[np.bool_]:
        """Returns whether the prediction for a crop differs from the one for its image: bool [n, crops]."""
        found: NDArray[np.bool_] = self.cropped != self.whole[:, None]
        return found

    def figures(self) -> dict[str, Any]:
        """Returns fractions, 0..1, as plain values.

        `share` is the crop sensitivity: crops whose answer differs from that for the whole image, of all crops; with a
        bootstrap interval over images. `images_changed` is the share of images that at least one crop changes, with
        Wilson's interval; it grows with the number of crops. `corrected`: of the images predicted wrongly as a whole,
        those that some crop makes right; `spoilt`: of those predicted rightly, those that some crop makes wrong; None
        without such images. `accuracy`: of the whole images, and of all crops.
        """
        changed, count = self.changed, len(self.whole)
        of_image = changed.mean(axis=1)
        right = self.whole == self.labels
        crop_right = self.cropped == self.labels[:, None]
        interval = bootstrap_interval(lambda rows: float(of_image[rows].mean()), count)
        per_scale = self.grid.positions**2
        return {
            "share": float(of_image.mean()),
            "share_interval": list(interval),
            "images": count,
            "crops": self.grid.count,
            "images_changed": float(changed.any(axis=1).mean()),
            "images_changed_interval": list(wilson_interval(float(changed.any(axis=1).sum()), count)),
            "scales": [
                {
                    "scale": scale,
                    "share": float(part.mean()),
                    "images_changed": float(part.any(axis=1).mean()),
                    "accuracy": float(crop_right[:, number * per_scale : (number + 1) * per_scale].mean()),
                }
                for number, scale in enumerate(self.grid.scales)
                for part in [changed[:, number * per_scale : (number + 1) * per_scale]]
            ],
            "accuracy": {"whole": float(right.mean()), "crops": float(crop_right.mean())},
            "corrected": _share(crop_right.any(axis=1), ~right),
            "spoilt": _share((~crop_right).any(axis=1), right),
        }


def crop_sensitivity(
    predictor: "ImagePredictor",
    files: Sequence[tuple[Path, str]],
    progress: Callable[[str, int, int], None],
) -> CropSensitivity:
    """Predicts images and their crops; threads read ahead.

    Args:
        predictor: the network's predictor.
        files: files with their classes, which the network must know.
        progress: called with the current task, the number of images done, and the total.

    Raises:
        BadInput: if none of the files can be read.
        RunFailed: if the network returns NaN.
    """
    classes = predictor.card.classes
    labels, whole, cropped, flips, left_out = [], [], [], [], []
    reading = ahead(lambda row: _read(files[row][0], predictor), range(len(files)), os.cpu_count() or 1)
    with closing(reading):
        for done, ((file, name), image) in enumerate(zip(files, reading, strict=True), start=1):
            progress("cropping", done, len(files))
            if isinstance(image, str):
                left_out.append(f"{file}: {image}")
                continue
            scores = score_crops(predictor.probabilities, image)
            labels.append(classes.index(name))
            whole.append(scores.answer)
            cropped.append(scores.answers.astype(np.int32))
            if scores.changed.any():
                flips.append((scores.strength, _flip(file, name, scores, classes)))
    if not whole:
        raise BadInput(f"None of the {len(files)} files is a usable image.")
    return CropSensitivity(
        COARSE,
        np.array(labels, np.int32),
        np.array(whole, np.int32),
        np.stack(cropped),
        tuple(flip for _, flip in sorted(flips, key=lambda pair: -pair[0])),
        tuple(left_out),
    )


def _read(file: Path, predictor: "ImagePredictor") -> Cropped | str:
    return read_or_reason(lambda: read_cropped(file, predictor.card.preparation, COARSE.boxes))


def _flip(file: Path, label: str, scores: CropScores, classes: Sequence[str]) -> Flip:
    place = scores.strongest_change
    assert place is not None
    return Flip(
        file,
        label,
        classes[scores.answer],
        classes[int(scores.answers[place])],
        (float(scores.whole.max()), float(scores.probabilities[place].max())),
        scores.boxes[place],
        named(scores, place),
        int(scores.changed.sum()),
    )


def _share(hits: NDArray[np.bool_], among: NDArray[np.bool_]) -> float | None:
    return float(hits[among].mean()) if among.any() else None
