"""The photo map of a run's report: the picture, and a link over each photo."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from catsdogs_exp.record.photo_map import Place
from catsdogs_exp.record.pictures.photo_map import PHOTO, TILE, size_of, top_of
from catsdogs_exp.report.run_facts import RunFacts


@dataclass(frozen=True)
class PhotoLink:
    """A photo on the picture.

    Attributes:
        left, top, width, height: where it is, in percent of the picture.
        title: its path and the prediction.
        link: to the file; `""` if it has moved.
    """

    left: float
    top: float
    width: float
    height: float
    title: str
    link: str


@dataclass(frozen=True)
class PhotoMap:
    """The photo map: the picture as a data URI, its width in pixels, and its photos."""

    uri: str
    width: int
    photos: list[PhotoLink]


def photo_map_of(uri: str, places: Sequence[Place], facts: RunFacts) -> PhotoMap | None:
    """Returns the photo map; None for a run without predictions.

    Args:
        uri: of the picture.
        places: of its photos, at least one.
        facts: of the run.
    """
    found = facts.predictions
    if found is None:
        return None
    columns, rows = (1 + max(each) for each in zip(*((each.column, each.row) for each in places), strict=True))
    width, height = size_of(columns, rows, found.classes)
    row_of = {path: row for row, path in enumerate(found.paths)}
    places = [each for each in places if each.path in row_of]  # all, unless the tables are of different epochs
    found = found.rows(np.array([row_of[each.path] for each in places], np.intp))
    photos = []
    for each, said, label, confidence in zip(places, found.predicted, found.labels, found.confidence, strict=True):
        labelled = "" if said == label else f", labelled {found.classes[label]}"
        photos.append(
            PhotoLink(
                100 * TILE * each.column / width,
                100 * (top_of(found.classes) + TILE * each.row) / height,
                100 * PHOTO / width,
                100 * PHOTO / height,
                f"{each.path}: {found.classes[said]} {confidence:.3f}{labelled}",
                "" if facts.root is None else (facts.root / each.path).absolute().as_uri(),
            )
        )
    return PhotoMap(uri, width, photos)
