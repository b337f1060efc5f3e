"""The data as a run uses it: one row a file."""

import csv
import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.config.schema import Inspection, Split
from catsdogs_exp.data import splits as split_rules
from catsdogs_exp.data.duplicates import stable_numbers
from catsdogs_exp.data.findings import Findings
from catsdogs_exp.data.listing import SPLITS, TRAIN, UNDECIDED, VALIDATION, Listing
from catsdogs_exp.data.policy import decide, given_splits
from catsdogs_exp.data.rules import counts_by_rule
from catsdogs_exp.data.verdicts import Verdicts
from catsdogs_exp.errors import BadInput

COLUMNS = ("path", "class", "split", "size", "width", "height", "sha256", "verdict", "note")


@dataclass(frozen=True)
class Manifest:
    """Listing, verdicts and split together, as columns of equal length n.

    Attributes:
        listing: the files.
        verdicts: of each; `reason` also says who is left out by rule or policy.
        split: int8 [n], an index into `SPLITS`, and `UNDECIDED` for files that are left out.
        findings: copies, near copies and leaks.
        counts_by_rule: how many files each cleaning rule would keep.
        inspection: the settings that all this was decided by.
        refusal: why no run may use this data, a line, or `""`.
    """

    listing: Listing
    verdicts: Verdicts
    split: NDArray[np.int8]
    findings: Findings
    counts_by_rule: dict[str, int]
    inspection: Inspection
    refusal: str

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


def make_manifest(
    listing: Listing, verdicts: Verdicts, split: Split, inspection: Inspection, enforce: bool = True
) -> Manifest:
    """Joins listing and verdicts, applies the policy and splits the images that take part.

    Args:
        listing: the files.
        verdicts: of each.
        split: `split` of the config.
        inspection: `inspection` of the config.
        enforce: whether data that a run must not use is refused; else the manifest says why it would be.

    Raises:
        BadInput: for data that the policy refuses, or when a class or the training split is left without usable images.
    """
    anew = (TRAIN, VALIDATION) if split.folds is not None else ()
    decision = decide(listing, verdicts, given_splits(listing, anew), inspection)
    part = decision.reason == ""
    decided = np.full(len(listing.splits), UNDECIDED, dtype=np.int8)
    refusal = decision.refusal
    if part.any() and not (enforce and refusal):
        decided[part] = split_rules.assign(
            split,
            listing.labels[part],
            listing.splits[part],
            verdicts.sha256[part],
            paths=listing.paths[part],
            groups=stable_numbers(decision.findings.near[part], verdicts.sha256[part]),
        )
    manifest = Manifest(
        listing=listing,
        verdicts=replace(verdicts, reason=decision.reason),
        split=decided,
        findings=decision.findings,
        counts_by_rule=counts_by_rule(verdicts),
        inspection=inspection,
        refusal="",
    )
    refusal = refusal or _without_images(manifest, split)
    if enforce and refusal:
        raise BadInput(refusal)
    return replace(manifest, refusal=refusal)


def _without_images(manifest: Manifest, split: Split) -> str:
    """Why there is nothing to train on, or `""`."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in manifest.reasons().items())
    listing = manifest.listing
    if not len(manifest.usable()):
        return f"None of the {len(manifest.split)} files in {listing.root} is a usable image: {reasons}."
    train = manifest.counts().get("train", {})
    for name in listing.classes:
        if not train.get(name):
            return (
                f"The class {name!r} has no usable training image in {listing.root}. "
                f"Left out: {reasons or 'nothing'}. Received: split.validation={split.validation:g} "
                f"split.test={split.test:g}"
            )
    return ""
