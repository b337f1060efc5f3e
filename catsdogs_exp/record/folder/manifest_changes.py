"""Differences between a run's recorded data and the current data."""

import csv
from pathlib import Path

from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.sources.listing import SPLITS

_SHOWN = 3


def changes_of(folder: Path, manifest: Manifest) -> str:
    """Describes the difference: `2 images missing (a.jpg, b.jpg), 1 image changed (dogs/c.jpg)`; `""` for none.

    Names count, because they determine the order of the images.

    Args:
        folder: the run folder, with its `manifest.csv`.
        manifest: the current data.
    """
    try:
        with (folder / "manifest.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as handle:
            before = {
                row["path"]: (row["sha256"], row["class"], row["split"])
                for row in csv.DictReader(handle)
                if row["split"]
            }
    except (OSError, KeyError, csv.Error):
        return "its old manifest.csv cannot be read"
    now = {}
    for split, name in enumerate(SPLITS):
        for row in manifest.rows(split).tolist():
            path = str(manifest.listing.paths[row])
            now[path] = (str(manifest.verdicts.sha256[row]), manifest.classes[manifest.listing.labels[row]], name)
    kinds = {
        "missing": sorted(before.keys() - now.keys()),
        "new": sorted(now.keys() - before.keys()),
        "changed": sorted(path for path in before.keys() & now.keys() if before[path][0] != now[path][0]),
        "of another class or split": sorted(
            path for path in before.keys() & now.keys() if before[path][0] == now[path][0] and before[path] != now[path]
        ),
    }
    said = []
    for kind, paths in kinds.items():
        if paths:
            more = ", ..." if len(paths) > _SHOWN else ""
            images = "1 image" if len(paths) == 1 else f"{len(paths)} images"
            said.append(f"{images} {kind} ({', '.join(paths[:_SHOWN])}{more})")
    return ", ".join(said)
