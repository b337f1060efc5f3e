"""What inspection found, as one self-contained HTML page: pictures of every kind of finding, and of each class."""

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from catsdogs_exp.data.images import decoding
from catsdogs_exp.data.inspection.findings import Leak
from catsdogs_exp.data.inspection.quality import brightness, brightness_outliers
from catsdogs_exp.data.inspection.report import KINDS, report
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.sources.listing import SPLITS, UNDECIDED

SIDE = 160
"""Pixels of the longer side of a picture on the page."""

# How much is shown at most, so that the page of 25,000 files is as small as that of 250.
_PICTURES = 16  # of a kind of finding
_CLUSTERS = 12
_IN_CLUSTER = 6
_SAMPLE = 8  # of each class
_SAMPLED = 20  # classes
_CLASSES = 200
_ROWS = 200  # files left out


@dataclass(frozen=True)
class Thumbnail:
    """A thumbnail as a data URI (`""` where the file does not decode), with what stands below it."""

    uri: str
    path: str
    text: str = ""


@dataclass(frozen=True)
class ThumbnailRow:
    """Pictures side by side under a line of text."""

    title: str
    pictures: list[Thumbnail]


@dataclass(frozen=True)
class Section:
    """One kind of finding; `kind` is its name in `KINDS`, and what links lead to."""

    kind: str
    title: str
    count: int
    text: str = ""
    rows: list[tuple[str, str]] = field(default_factory=list)
    clusters: list[ThumbnailRow] = field(default_factory=list)
    pictures: list[Thumbnail] = field(default_factory=list)
    more: str = ""


def write_page(manifest: Manifest, path: Path) -> None:
    """Writes the page; folders on the way must exist.

    Raises:
        OSError: when it cannot be written.
    """
    path.write_text(page(manifest), encoding="utf-8", errors="backslashreplace")


def page(manifest: Manifest) -> str:
    """The page as HTML, without anything that has to be loaded from elsewhere."""
    found = report(manifest)
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(Path(__file__).with_suffix(".html.j2").read_text(encoding="utf-8"))
    return template.render(
        title=f"Inspection of {found['root']}",
        report=found,
        kinds=KINDS,
        side=SIDE,
        most_classes=_CLASSES,
        totals={name: sum(counts[name] for counts in found["counts"].values()) for name in found["classes"]},
        samples=list(_samples(manifest)),
        sections=_sections(manifest, found),
    )


def thumbnail(path: Path) -> str:
    """A small JPEG of a file as a data URI, or `""` where it does not decode."""
    try:
        image = decoding.decode(path.read_bytes())
    except (OSError, decoding.Undecodable):
        return ""
    image.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=75)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def _picture(manifest: Manifest, row: int, text: str = "") -> Thumbnail:
    return Thumbnail(thumbnail(manifest.path(row)), str(manifest.listing.paths[row]), text)


def _samples(manifest: Manifest) -> Iterable[ThumbnailRow]:
    kept = manifest.usable()
    for label, name in enumerate(manifest.classes[:_SAMPLED]):
        rows = kept[manifest.listing.labels[kept] == label]
        chosen = rows[np.linspace(0, len(rows) - 1, min(_SAMPLE, len(rows))).astype(int)] if len(rows) else rows
        yield ThumbnailRow(f"{name}: {len(rows)} images", [_picture(manifest, row) for row in chosen.tolist()])


def _sections(manifest: Manifest, found: dict[str, Any]) -> list[Section]:
    findings, verdicts = manifest.findings, manifest.verdicts
    kept = manifest.usable()
    odd = kept[verdicts.note[kept] != ""].tolist()
    outliers = brightness_outliers(verdicts, kept)
    bright = brightness(verdicts)
    left_out = [(entry["path"], entry["reason"]) for entry in found["left_out"]]
    conflicts = findings.label_conflicts
    return [
        Section(
            "bad",
            "Left out",
            len(left_out),
            "; ".join(f"{count} {reason}" for reason, count in found["reasons"].items()),
            rows=left_out[:_ROWS],
            more=_more(len(left_out), _ROWS, "files"),
        ),
        _leaks("leak", "Copies across splits (leaks)", manifest, findings.leaks),
        _leaks("near_leak", "Near copies across splits", manifest, findings.near_leaks),
        _clusters("label_conflict", "Images under two labels", manifest, conflicts, sum(map(len, conflicts))),
        _clusters("duplicate", "Copies", manifest, findings.duplicates, found["found"]["duplicate"]),
        _clusters(
            "near_duplicate", "Near copies", manifest, findings.near_duplicates, found["found"]["near_duplicate"]
        ),
        Section(
            "odd",
            "Odd, used all the same",
            len(odd),
            "; ".join(f"{count} {note}" for note, count in list(found["notes"].items())[:_ROWS]),
            pictures=[_picture(manifest, row, str(verdicts.note[row])) for row in _one_of_each(manifest, odd)],
            more=_more(len(odd), _PICTURES, "images"),
        ),
        Section(
            "outlier",
            "Far darker or brighter than the rest",
            len(outliers),
            pictures=[_picture(manifest, row, f"brightness {bright[row]:.0f}") for row in outliers[:_PICTURES]],
            more=_more(len(outliers), _PICTURES, "images"),
        ),
    ]


def _one_of_each(manifest: Manifest, rows: Sequence[int]) -> list[int]:
    """Some rows, those first that are the first with their note."""
    first = {str(manifest.verdicts.note[row]): row for row in reversed(rows)}
    return list(dict.fromkeys([*first.values(), *rows]))[:_PICTURES]


def _clusters(kind: str, title: str, manifest: Manifest, clusters: Sequence[Sequence[int]], count: int) -> Section:
    listing = manifest.listing
    shown = [
        ThumbnailRow(
            f"{len(cluster)} images" + (f", {_IN_CLUSTER} of them shown" if len(cluster) > _IN_CLUSTER else ""),
            [_picture(manifest, row, listing.classes[listing.labels[row]]) for row in cluster[:_IN_CLUSTER]],
        )
        for cluster in clusters[:_CLUSTERS]
    ]
    return Section(kind, title, count, clusters=shown, more=_more(len(clusters), _CLUSTERS, "clusters"))


def _leaks(kind: str, title: str, manifest: Manifest, leaks: Sequence[Leak]) -> Section:
    given = manifest.listing.splits
    names = [*SPLITS, ""]  # the last is UNDECIDED's
    assert UNDECIDED == -1
    shown = [
        ThumbnailRow(
            f"{names[given[row]]} and {names[given[other]]}",
            [_picture(manifest, row), _picture(manifest, other)],
        )
        for row, other in leaks[:_CLUSTERS]
    ]
    return Section(kind, title, len(leaks), clusters=shown, more=_more(len(leaks), _CLUSTERS, "pairs"))


def _more(count: int, shown: int, what: str) -> str:
    return f"... and {count - shown} more {what}: --json lists them" if count > shown else ""
