"""Groups a run's images by its manifest: class, size, aspect ratio, folder."""

import csv
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.record.folder.predictions import Predictions

_NARROW, _WIDE = 0.8, 1.25  # width / height


def groups_of_images(folder: Path | None, predictions: Predictions) -> dict[str, list[str]]:
    """Returns the group of each image by kind, as required by `find_slices`; `""` for an image in none.

    Args:
        folder: of the run, whose `manifest.csv` has the sizes of the images; None if they are not the run's, although
            some may have the same names.
        predictions: of n images.
    """
    rows = {} if folder is None else _manifest(folder / "manifest.csv")
    found = [rows.get(path, {}) for path in predictions.paths]
    width, height = (np.array([_number(row.get(side)) for row in found]) for side in ("width", "height"))
    with np.errstate(invalid="ignore", divide="ignore"):
        aspects = (width / height).tolist()
    return {
        "class": [predictions.classes[label] for label in predictions.labels.tolist()],
        "size": lowest_and_highest(width * height, "small", "large"),
        "aspect": ["narrow" if each < _NARROW else "wide" if each > _WIDE else "" for each in aspects],
        "folder": _folders(predictions),
    }


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


def _manifest(path: Path) -> Mapping[str, Mapping[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as handle:
            return {row["path"]: row for row in csv.DictReader(handle)}
    except (OSError, KeyError, ValueError, csv.Error):
        return {}


def lowest_and_highest(values: NDArray[np.floating], low: str, high: str) -> list[str]:
    """Labels the lowest and the highest fifth of values that differ."""
    known = values[np.isfinite(values)]
    below, above = np.quantile(known, [0.2, 0.8]).tolist() if len(known) else (0.0, 0.0)
    if below == above:
        return [""] * len(values)
    return [low if each <= below else high if each >= above else "" for each in values.tolist()]


def _folders(predictions: Predictions) -> list[str]:
    """Returns the folder of each image, if folders differ from classes."""
    folders = [str(PurePosixPath(path).parent) for path in predictions.paths]
    if len(set(folders)) <= len(set(predictions.labels.tolist())):
        return [""] * len(folders)
    return [f"in {folder}" for folder in folders]
