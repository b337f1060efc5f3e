"""`photo_map.jpg` and `photo_map.csv`: validation images as the best network orders them; without TensorFlow."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.insight.photo_map import lay_out
from catsdogs_exp.record.folder.predictions import Predictions
from catsdogs_exp.record.pictures.encoding import jpeg_of
from catsdogs_exp.record.pictures.photo_map import photo_map

PICTURE, PLACES = "photo_map.jpg", "photo_map.csv"
MOST = 200  # images

_COLUMNS = ("column", "row", "path")


@dataclass(frozen=True)
class Place:
    """Where an image is on the map: column and row, from 0, and its path as in `manifest.csv`."""

    column: int
    row: int
    path: str


@dataclass(frozen=True)
class Photos:
    """Images as a network sees them.

    Attributes:
        paths: as in `manifest.csv`, [n].
        images: uint8 [n, height, width, 3 or 1].
        features: float32 [n, f], the penultimate features.
    """

    paths: Sequence[str]
    images: NDArray[np.uint8]
    features: NDArray[np.float32]


def write_photo_map(folder: Path, photos: Photos, predictions: Predictions) -> None:
    """Writes both files to a run folder; none if the network sees all images alike.

    Args:
        folder: of the run.
        photos: of which the first `MOST` that have a prediction are shown.
        predictions: of these images, and of others.
    """
    place_of = {path: place for place, path in enumerate(predictions.paths)}
    known = np.flatnonzero(np.isfinite(photos.features).all(axis=1)).tolist()
    chosen = [place for place in known if photos.paths[place] in place_of][:MOST]
    if len(chosen) < 2:
        return
    found = predictions.rows(np.array([place_of[photos.paths[place]] for place in chosen], np.intp))
    layout = lay_out(photos.features[chosen], found.labels)
    if layout is None:
        return
    picture = photo_map(photos.images[chosen], found.labels, ~found.right, layout, found.classes)
    (folder / PICTURE).write_bytes(jpeg_of(picture))
    with (folder / PLACES).open("w", newline="", encoding="utf-8", errors="surrogateescape") as handle:
        writer = csv.writer(handle)
        writer.writerow(_COLUMNS)
        writer.writerows(zip(layout.columns.tolist(), layout.rows.tolist(), found.paths, strict=True))


def read_places(folder: Path) -> list[Place]:
    """Returns the places of the images; none if there is no map, or its table is damaged."""
    try:
        with (folder / PLACES).open(newline="", encoding="utf-8", errors="surrogateescape") as handle:
            return [Place(int(row["column"]), int(row["row"]), row["path"]) for row in csv.DictReader(handle)]
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return []
