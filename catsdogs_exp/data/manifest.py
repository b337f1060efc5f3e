"""The data as a run uses it: one row a file."""

import csv
import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.config.schema import Split
from catsdogs_exp.data import splits as split_rules
from catsdogs_exp.data.inspection import Verdicts
from catsdogs_exp.data.listing import SPLITS, UNDECIDED, Listing
from catsdogs_exp.errors import BadInput

COLUMNS = ("path", "class", "split", "size", "width", "height", "sha256", "verdict", "note")


@dataclass(frozen=True)
class Manifest:
    """Listing, verdicts and split together, as columns of equal length n.

    `split` is int8, an index into `SPLITS`, and `UNDECIDED` for files that are left out.
    """

    listing: Listing
    verdicts: Verdicts
    split: NDArray[np.int8]

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; a label is an index into them."""
        return self.listing.classes

    def rows(self, split: int) -> NDArray[np.intp]:
        """The usable rows of a split, in natural order of their paths."""
        return np.flatnonzero(self.split == split)

    def usable(self) -> NDArray[np.intp]:
        """All usable rows."""
        return np.flatnonzero(self.verdicts.reason == "")

    def path(self, row: int) -> Path:
        """The file of a row."""
        return self.listing.root / str(self.listing.paths[row])

    def counts(self) -> dict[str, dict[str, int]]:
        """Usable images: `{"train": {"cats": 800, "dogs": 800}, ...}`, empty splits left out."""
        found: dict[str, dict[str, int]] = {}
        for index, name in enumerate(SPLITS):
            labels = self.listing.labels[self.rows(index)]
            if len(labels):
                found[name] = {c: int((labels == label).sum()) for label, c in enumerate(self.classes)}
        return found

    def reasons(self) -> dict[str, int]:
        """Files left out, by reason, most frequent first."""
        return dict(Counter(r for r in self.verdicts.reason.tolist() if r).most_common())

    def data_hash(self) -> str:
        """A digest of (content, class, split) of the usable images: the same data, the same hash."""
        rows = self.usable()
        lines = sorted(
            f"{digest} {self.classes[label]} {SPLITS[split]}"
            for digest, label, split in zip(
                self.verdicts.sha256[rows].tolist(),
                self.listing.labels[rows].tolist(),
                self.split[rows].tolist(),
                strict=True,
            )
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def write_csv(self, path: Path) -> None:
        """Writes every row, also those left out."""
        with path.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.writer(handle)
            writer.writerow(COLUMNS)
            for row, name in enumerate(self.listing.paths.tolist()):
                split = int(self.split[row])
                writer.writerow(
                    (
                        name,
                        self.classes[self.listing.labels[row]],
                        SPLITS[split] if split != UNDECIDED else "",
                        int(self.verdicts.size[row]),
                        int(self.verdicts.width[row]),
                        int(self.verdicts.height[row]),
                        self.verdicts.sha256[row],
                        self.verdicts.reason[row] or "usable",
                        self.verdicts.note[row],
                    )
                )

    def report(self) -> dict[str, Any]:
        """What inspection found, for `inspection.json`."""
        kept = self.usable()
        left_out = np.flatnonzero(self.verdicts.reason != "")
        notes = Counter(n for n in self.verdicts.note[kept].tolist() if n)
        sizes = self.verdicts.width[kept], self.verdicts.height[kept]
        return {
            "root": str(self.listing.root),
            "files": len(self.split),
            "usable": len(kept),
            "quarantined": len(left_out),
            "reasons": self.reasons(),
            "notes": dict(notes.most_common()),
            "classes": list(self.classes),
            "counts": self.counts(),
            "width": _spread(sizes[0]),
            "height": _spread(sizes[1]),
            "left_out": [
                {"path": str(self.listing.paths[row]), "reason": str(self.verdicts.reason[row])} for row in left_out
            ],
        }


def make_manifest(listing: Listing, verdicts: Verdicts, split: Split) -> Manifest:
    """Joins listing and verdicts and splits the usable images.

    Raises:
        BadInput: when a class or the training split is left without usable images.
    """
    usable = verdicts.reason == ""
    decided = np.full(len(listing.splits), UNDECIDED, dtype=np.int8)
    decided[usable] = split_rules.assign(split, listing.labels[usable], listing.splits[usable], verdicts.sha256[usable])
    manifest = Manifest(listing, verdicts, decided)
    reasons = ", ".join(f"{count} {reason}" for reason, count in manifest.reasons().items())
    if not usable.any():
        raise BadInput(f"None of the {len(usable)} files in {listing.root} is a usable image: {reasons}.")
    train = manifest.counts().get("train", {})
    for name in listing.classes:
        if not train.get(name):
            raise BadInput(
                f"The class {name!r} has no usable training image in {listing.root}. "
                f"Left out: {reasons or 'nothing'}. Received: split.validation={split.validation:g} "
                f"split.test={split.test:g}"
            )
    return manifest


def _spread(values: NDArray[np.int32]) -> dict[str, int]:
    return {"min": int(values.min()), "median": int(np.median(values)), "max": int(values.max())}
