"""The photo map of a run's report: the picture, and a link over each photo."""

from collections.abc import Sequence
from dataclasses import dataclass

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
    place_of = {path: place for place, path in enumerate(found.paths)}
    photos = []
    for each in places:
        place = place_of.get(each.path)
        if place is None:  # the tables are of different epochs
            continue
        said, own = (found.classes[int(labels[place])] for labels in (found.predicted, found.labels))
        labelled = "" if said == own else f", labelled {own}"
        photos.append(
            PhotoLink(
                100 * TILE * each.column / width,
                100 * (top_of(found.classes) + TILE * each.row) / height,
                100 * PHOTO / width,
                100 * PHOTO / height,
                f"{each.path}: {said} {found.confidence[place]:.3f}{labelled}",
                "" if facts.root is None else (facts.root / each.path).absolute().as_uri(),
            )
        )
    return PhotoMap(uri, width, photos)
