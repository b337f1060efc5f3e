"""A page with the findings of an inspection: images of each class and of every kind of finding."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from catsdogs_exp.data.inspection.findings import Leak
from catsdogs_exp.data.inspection.marks import own_marks
from catsdogs_exp.data.inspection.quality import blank_images, brightness, brightness_outliers
from catsdogs_exp.data.inspection.report import KINDS, report
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.sources.listing import SPLITS, UNDECIDED
from catsdogs_exp.report import page
from catsdogs_exp.report.thumbnails import Thumbnail, ThumbnailRow, thumbnail

# Maximum numbers shown, so that the page for 25,000 files is as small as that for 250.
_THUMBNAILS = 16  # per kind of finding
_CLUSTERS = 12
_IN_CLUSTER = 6
_SAMPLE = 8  # per class
_SAMPLED = 20  # classes
_CLASSES = 200
_ROWS = 200  # files left out


@dataclass(frozen=True)
class Table:
    """The arguments of the macro `table`."""

    head: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Finding:
    """A section with one kind of finding.

    Attributes:
        kind: its name in `KINDS`, and the section's anchor.
        title: the heading.
        count: number of files found.
        unit: of `listed` and `shown`: `files`, `clusters`, ...
        listed: number available.
        shown: number shown.
        text: a paragraph above them.
        rows, clusters, thumbnails: what is shown, in one of these forms.
    """

    kind: str
    title: str
    count: int
    unit: str
    listed: int
    shown: int
    text: str = ""
    rows: Sequence[tuple[str, str]] = ()
    clusters: Sequence[ThumbnailRow] = field(default_factory=list)
    thumbnails: Sequence[Thumbnail] = field(default_factory=list)


def write_page(manifest: Manifest, path: Path) -> None:
    """Writes the page; its folder must exist.

    Raises:
        BadInput: if it cannot be written.
    """
    page.write(inspection_page(manifest), path)


def inspection_page(manifest: Manifest) -> str:
    """The page as HTML."""
    found = report(manifest)
    return page.render(
        "inspection.html.j2",
        title=f"Inspection of {found['root']}",
        report=found,
        kinds=KINDS,
        classes=_classes(found),
        samples=list(_samples(manifest)),
        sizes=_sizes(found),
        rules=[
            (f"{rule} (used)" if rule == found["rule"] else rule, count)
            for rule, count in found["counts_by_rule"].items()
        ],
        findings=_findings(manifest, found),
    )


def _classes(found: dict[str, Any]) -> Table:
    """Images per class and split."""
    splits = found["counts"]
    counts = [(name, [splits[split].get(name, 0) for split in splits]) for name in found["classes"][:_CLASSES]]
    return Table(("class", *splits, "total"), [(name, *row, sum(row)) for name, row in counts])


def _sizes(found: dict[str, Any]) -> Table:
    measured = (("width", "width"), ("height", "height"), ("width / height", "aspect_ratio"))
    return Table(
        ("", "min", "p5", "median", "p95", "max"),
        [(name, *found[key].values()) for name, key in measured if found[key]],
    )


def _thumbnail(manifest: Manifest, row: int, text: str = "") -> Thumbnail:
    return thumbnail(manifest.path(row), str(manifest.listing.paths[row]), (text,) if text else ())


def _samples(manifest: Manifest) -> Iterable[ThumbnailRow]:
    """Some images per class, evenly spread over its files."""
    kept = manifest.usable()
    for label, name in enumerate(manifest.classes[:_SAMPLED]):
        rows = kept[manifest.listing.labels[kept] == label]
        chosen = rows[np.linspace(0, len(rows) - 1, min(_SAMPLE, len(rows))).astype(int)] if len(rows) else rows
        yield ThumbnailRow(f"{name}: {len(rows)} images", [_thumbnail(manifest, row) for row in chosen.tolist()])


def _findings(manifest: Manifest, found: dict[str, Any]) -> list[Finding]:
    findings, counts = manifest.findings, found["found"]
    return [
        _left_out(found),
        _leaks("leak", "Copies across splits (leaks)", manifest, findings.leaks),
        _leaks("near_leak", "Near copies across splits", manifest, findings.near_leaks),
        _clusters("label_conflict", "Images under two labels", manifest, findings.label_conflicts, counts),
        _clusters("duplicate", "Copies", manifest, findings.duplicates, counts),
        _clusters("near_duplicate", "Near copies", manifest, findings.near_duplicates, counts),
        _odd(manifest, found),
        _outliers(manifest),
        _blank(manifest),
        _cues(manifest),
    ]


def _left_out(found: dict[str, Any]) -> Finding:
    rows = [(entry["path"], entry["reason"]) for entry in found["left_out"]]
    reasons = "; ".join(f"{reason}: {count}" for reason, count in found["reasons"].items())
    shown = rows[:_ROWS]
    return Finding("bad", "Left out", len(rows), "files", len(rows), len(shown), text=reasons, rows=shown)


def _odd(manifest: Manifest, found: dict[str, Any]) -> Finding:
    kept, notes = manifest.usable(), manifest.verdicts.note
    own = own_marks(notes[kept].tolist())
    odd = [row for row, note in zip(kept.tolist(), own, strict=True) if note]
    shown = [_thumbnail(manifest, row, str(notes[row])) for row in _one_of_each(manifest, odd)]
    text = "; ".join(f"{note}: {count}" for note, count in list(found["notes"].items())[:_ROWS])
    return Finding("odd", "Odd, used anyway", len(odd), "images", len(odd), len(shown), text=text, thumbnails=shown)


def _outliers(manifest: Manifest) -> Finding:
    outliers = brightness_outliers(manifest.verdicts, manifest.usable())
    bright = brightness(manifest.verdicts)
    shown = [_thumbnail(manifest, row, f"brightness {bright[row]:.0f}") for row in outliers[:_THUMBNAILS]]
    title = "Far darker or brighter than the rest"
    return Finding("outlier", title, len(outliers), "images", len(outliers), len(shown), thumbnails=shown)


def _blank(manifest: Manifest) -> Finding:
    blank = blank_images(manifest.verdicts, manifest.usable())
    shown = [_thumbnail(manifest, row) for row in blank[:_THUMBNAILS]]
    title = "Single colour"
    return Finding("blank", title, len(blank), "images", len(blank), len(shown), thumbnails=shown)


def _cues(manifest: Manifest) -> Finding:
    rows = [(cue.sentence(), "suspicious" if cue.suspicious else "") for cue in manifest.cues]
    count = sum(cue.suspicious for cue in manifest.cues)
    text = (
        "Each cue is tested alone, by a cross-validated logistic regression with equal class "
        "weights. A cue is suspicious "
        "from a quarter of the way from chance to 1, if p < 0.01 after correction for the number of cues."
        if rows
        else ""
    )
    return Finding("cue", "Cues other than the subject", count, "cues", len(rows), len(rows), text=text, rows=rows)


def _one_of_each(manifest: Manifest, rows: Sequence[int]) -> list[int]:
    """Some rows, beginning with the first one of each note."""
    first = {str(manifest.verdicts.note[row]): row for row in reversed(rows)}
    return list(dict.fromkeys([*first.values(), *rows]))[:_THUMBNAILS]


def _clusters(
    kind: str, title: str, manifest: Manifest, clusters: Sequence[Sequence[int]], counts: dict[str, int]
) -> Finding:
    listing = manifest.listing
    shown = [
        ThumbnailRow(
            f"{len(cluster)} images" + (f", {_IN_CLUSTER} of them shown" if len(cluster) > _IN_CLUSTER else ""),
            [_thumbnail(manifest, row, listing.classes[listing.labels[row]]) for row in cluster[:_IN_CLUSTER]],
        )
        for cluster in clusters[:_CLUSTERS]
    ]
    return Finding(kind, title, counts[kind], "clusters", len(clusters), len(shown), clusters=shown)


def _leaks(kind: str, title: str, manifest: Manifest, leaks: Sequence[Leak]) -> Finding:
    given = manifest.listing.splits
    names = [*SPLITS, ""]  # the last entry is UNDECIDED's
    assert UNDECIDED == -1
    shown = [
        ThumbnailRow(
            f"{names[given[row]]} and {names[given[other]]}",
            [_thumbnail(manifest, row), _thumbnail(manifest, other)],
        )
        for row, other in leaks[:_CLUSTERS]
    ]
    return Finding(kind, title, len(leaks), "pairs", len(leaks), len(shown), clusters=shown)
