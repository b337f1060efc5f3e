"""The findings of an inspection as plain values, for the screen, `--json`, the pages and `--fail-on`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from catsdogs_exp.data.inspection.findings import Leak
from catsdogs_exp.data.inspection.levels import level_notes
from catsdogs_exp.data.inspection.marks import own_marks, shared_marks
from catsdogs_exp.data.inspection.policy import KEPT_OUT_BY_CHOICE
from catsdogs_exp.data.inspection.quality import (
    blank_images,
    brightness,
    brightness_outliers,
    colour_statistics,
    spread,
)
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.sources.listing import SPLITS

KINDS = {
    "bad": "unusable",
    "duplicate": "copy of another image",
    "near_duplicate": "near copy of another image",
    "leak": "training image that is also in validation or test",
    "near_leak": "training image with a near copy in validation or test",
    "label_conflict": "image under two labels",
    "odd": "odd, used anyway",
    "outlier": "far darker or brighter than the rest",
    "blank": "of a single colour, such as all black",
    "cue": "something other than the subject predicts the class",
}
"""The kinds of findings, by their names in `--fail-on`."""

_MOST = 1000  # maximum number of clusters, leaks and outliers listed; counts include all


def report(manifest: Manifest) -> dict[str, Any]:
    """All findings: counts of everything, lists of at most 1,000 (all files left out are listed)."""
    listing, verdicts, findings = manifest.listing, manifest.verdicts, manifest.findings
    kept = manifest.usable()
    left_out = np.flatnonzero(verdicts.reason != "")
    outliers = brightness_outliers(verdicts, kept)
    bright = brightness(verdicts)
    labels = listing.labels
    return {
        "root": str(listing.root),
        "files": len(manifest.split),
        "usable": len(kept),
        "quarantined": len(left_out),
        "refusal": manifest.refusal,
        "reading": list(listing.reading),
        "trouble": verdicts.trouble,
        "passed_over": list(listing.notes),
        "found": counts_of(manifest),
        "reasons": manifest.reasons(),
        "notes": dict(Counter(note for note in own_marks(verdicts.note[kept].tolist()) if note).most_common()),
        "shared": shared_marks(verdicts.note[kept].tolist()),
        "levels": level_notes(verdicts),
        "formats": dict(Counter(verdicts.kind[kept].tolist()).most_common()),
        "rule": manifest.inspection.rule,
        "counts_by_rule": manifest.counts_by_rule,
        "classes": list(manifest.classes),
        "counts": manifest.counts(),
        "width": spread(verdicts.width[kept]),
        "height": spread(verdicts.height[kept]),
        "aspect_ratio": spread(verdicts.width[kept] / np.maximum(verdicts.height[kept], 1), digits=3),
        "colour": colour_statistics(verdicts, kept),
        "colour_by_class": {
            name: colour_statistics(verdicts, kept[labels[kept] == label]) for label, name in enumerate(listing.classes)
        },
        "left_out": [{"path": str(listing.paths[row]), "reason": str(verdicts.reason[row])} for row in left_out],
        "duplicates": _clusters(manifest, findings.duplicates),
        "near_duplicates": _clusters(manifest, findings.near_duplicates),
        "label_conflicts": _clusters(manifest, findings.label_conflicts),
        "leaks": _leaks(manifest, findings.leaks),
        "near_leaks": _leaks(manifest, findings.near_leaks),
        "brightness_outliers": [
            {"path": str(listing.paths[row]), "brightness": round(float(bright[row]), 1)} for row in outliers[:_MOST]
        ],
        "blank": [str(listing.paths[row]) for row in blank_images(verdicts, kept)[:_MOST]],
        "cues": [asdict(cue) | {"suspicious": cue.suspicious, "text": cue.sentence()} for cue in manifest.cues],
    }


def counts_of(manifest: Manifest) -> dict[str, int]:
    """The number of findings for each of `KINDS`, `cue` included. A cluster of copies counts all but one."""
    findings, verdicts = manifest.findings, manifest.verdicts
    bad = sum(count for reason, count in manifest.reasons().items() if reason not in KEPT_OUT_BY_CHOICE)
    kept = manifest.usable()
    exact = findings.exact
    return {
        "bad": bad,
        "duplicate": sum(len(cluster) - 1 for cluster in findings.duplicates),
        "near_duplicate": sum(len(set(exact[cluster].tolist())) - 1 for cluster in findings.near_duplicates),
        "leak": len(findings.leaks),
        "near_leak": len(findings.near_leaks),
        "label_conflict": sum(len(cluster) for cluster in findings.label_conflicts),
        "odd": sum(1 for note in own_marks(verdicts.note[kept].tolist()) if note),
        "outlier": len(brightness_outliers(verdicts, kept)),
        "blank": len(blank_images(verdicts, kept)),
        "cue": sum(cue.suspicious for cue in manifest.cues),
    }


def warnings_of(manifest: Manifest) -> list[str]:
    """Warnings that a run prints before training: one line per kind of finding that makes its numbers doubtful.

    One more if verdicts could not be saved.
    """
    found = counts_of(manifest)
    lines = [manifest.verdicts.trouble] if manifest.verdicts.trouble else []
    if found["leak"]:
        policy = manifest.inspection.leaks
        done = "left out of training" if policy == "drop" else "used anyway"
        lines.append(
            f"leak: {found['leak']} images are copies of validation or test images: {done} (inspection.leaks={policy})"
        )
    if found["near_leak"]:
        lines.append(
            f"leak: {found['near_leak']} images are near copies of validation or test images: used anyway; "
            "inspect --html FILE shows them"
        )
    if found["label_conflict"]:
        lines.append(f"labels: {found['label_conflict']} images are copies of each other under two labels")
    if found["blank"]:
        lines.append(f"blank: {found['blank']} images are of a single colour: used anyway")
    lines += [
        f"cue: {cue.sentence()}: a network may learn that instead of the subject"
        for cue in manifest.cues
        if cue.suspicious
    ]
    return lines + level_notes(manifest.verdicts)


def _clusters(manifest: Manifest, clusters: Sequence[Sequence[int]]) -> list[list[str]]:
    return [[str(manifest.listing.paths[row]) for row in cluster[:_MOST]] for cluster in clusters[:_MOST]]


def _leaks(manifest: Manifest, leaks: Sequence[Leak]) -> list[dict[str, str]]:
    given = manifest.listing.splits
    return [
        {
            "path": str(manifest.listing.paths[row]),
            "copy_of": str(manifest.listing.paths[other]),
            "splits": f"{SPLITS[given[row]]}, {SPLITS[given[other]]}",
        }
        for row, other in leaks[:_MOST]
    ]
