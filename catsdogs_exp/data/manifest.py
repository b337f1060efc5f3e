"""The data of a run: one row per file."""

import csv
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.config.schema import Inspection, SplitSettings
from catsdogs_exp.data import splits as split_rules
from catsdogs_exp.data.inspection.cues import Cue, find_cues
from catsdogs_exp.data.inspection.duplicates import stable_numbers
from catsdogs_exp.data.inspection.findings import Findings
from catsdogs_exp.data.inspection.policy import decide, given_splits
from catsdogs_exp.data.inspection.rules import counts_by_rule
from catsdogs_exp.data.inspection.verdicts import Verdicts
from catsdogs_exp.data.sources.listing import SPLITS, TRAIN, UNDECIDED, VALIDATION, Listing
from catsdogs_exp.errors import BadInput

COLUMNS = ("path", "class", "split", "size", "width", "height", "sha256", "verdict", "note")


@dataclass(frozen=True)
class Manifest:
    """Listing, verdicts and split together, as columns of equal length n.

    Attributes:
        listing: the files.
        verdicts: one per file; `reason` also covers files left out by rule or policy.
        split: int8 [n], an index into `SPLITS`, or `UNDECIDED` for files that are left out.
        given: int8 [n], the splits given by the data itself, `UNDECIDED` where we determine them.
        findings: copies, near copies and leaks.
        counts_by_rule: the number of files that each cleaning rule would keep.
        inspection: the settings used.
        refusal: one line on why no run may use this data, or `""`.
    """

    listing: Listing
    verdicts: Verdicts
    split: NDArray[np.int8]
    given: NDArray[np.int8]
    findings: Findings
    counts_by_rule: dict[str, int]
    inspection: Inspection
    refusal: str

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; labels are indices into them."""
        return self.listing.classes

    def rows(self, split: int) -> NDArray[np.intp]:
        """Returns the usable rows of a split, in natural order of their paths."""
        return np.flatnonzero(self.split == split)

    def rows_of(self, paths: Sequence[str]) -> NDArray[np.intp]:
        """The row of each path, as in `listing`; -1 for a file that is gone or in no split: data may have changed."""
        row = {path: number for number, path in enumerate(self.listing.paths.tolist()) if self.split[number] >= 0}
        return np.array([row.get(path, -1) for path in paths], np.intp)

    def usable(self) -> NDArray[np.intp]:
        """Returns all usable rows."""
        return np.flatnonzero(self.verdicts.reason == "")

    @cached_property
    def cues(self) -> tuple[Cue, ...]:
        """What other than the subject predicts the class of the usable images; empty if there are too few."""
        kept = self.usable()
        return find_cues(self.verdicts.rows(kept), self.listing.labels[kept])

    def path(self, row: int) -> Path:
        """Returns the file of a row."""
        return self.listing.root / str(self.listing.paths[row])

    def counts(self) -> dict[str, dict[str, int]]:
        """Counts usable images: `{"train": {"cats": 800, "dogs": 800}, ...}`, without empty splits."""
        found: dict[str, dict[str, int]] = {}
        for index, name in enumerate(SPLITS):
            labels = self.listing.labels[self.rows(index)]
            if len(labels):
                found[name] = {c: int((labels == label).sum()) for label, c in enumerate(self.classes)}
        return found

    def reasons(self) -> dict[str, int]:
        """Counts the files left out, by reason, most frequent first."""
        return dict(Counter(r for r in self.verdicts.reason.tolist() if r).most_common())

    def data_hash(self) -> str:
        """Returns a digest of (content, class, split) of the usable images: the same data gives the same hash."""
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
        """Writes all rows, including files left out."""
        with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as handle:
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
    listing: Listing, verdicts: Verdicts, split: SplitSettings, inspection: Inspection, enforce: bool = True
) -> Manifest:
    """Joins listing and verdicts, applies the policy and splits the usable images.

    Args:
        listing: the files.
        verdicts: one per file.
        split: the config's `split`.
        inspection: the config's `inspection`.
        enforce: whether to reject data that no run may use; otherwise, the manifest contains the reason.

    Raises:
        BadInput: for data that the policy rejects, for a class without usable training images, or when folds or groups
            leave a split empty.
    """
    given = given_splits(listing, (TRAIN, VALIDATION) if split.folds is not None else ())
    decision = decide(listing, verdicts, given, inspection)
    part = decision.reason == ""
    decided = np.full(len(listing.splits), UNDECIDED, dtype=np.int8)
    refusal = decision.refusal
    if part.any() and not (enforce and refusal):
        contents = verdicts.sha256[part]
        decided[part] = split_rules.assign(
            split,
            split_rules.Unassigned(
                listing.labels[part],
                listing.splits[part],
                contents,
                paths=listing.paths[part] if split.group_by else None,
                groups=stable_numbers(decision.findings.near[part], contents),
                names=None if listing.groups is None else listing.groups[part],
            ),
        )
    manifest = Manifest(
        listing=listing,
        verdicts=replace(verdicts, reason=decision.reason),
        split=decided,
        given=given,
        findings=decision.findings,
        counts_by_rule=counts_by_rule(verdicts),
        inspection=inspection,
        refusal="",
    )
    refusal = refusal or _without_images(manifest, split)
    if enforce and refusal:
        raise BadInput(refusal)
    return replace(manifest, refusal=refusal)


def _without_images(manifest: Manifest, split: SplitSettings) -> str:
    """Returns why there are no training images, or none in a requested split; `""` if there are."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in manifest.reasons().items())
    listing = manifest.listing
    usable = manifest.usable()
    if not len(usable):
        return f"None of the {len(manifest.split)} files in {listing.root} is a usable image: {reasons}."
    for label, name in enumerate(listing.classes):
        rows = usable[listing.labels[usable] == label]
        if not len(rows):
            return (
                f"The class '{name}' has no usable image in {listing.root}. Left out: {reasons or 'nothing'}. "
                "Add usable images to it, or remove the class"
            )
        if not (manifest.split[rows] == TRAIN).any():
            return _without_training_images(manifest, split, name, rows, reasons)
    return _without_held_out_images(manifest, split)


def _without_training_images(
    manifest: Manifest, split: SplitSettings, name: str, rows: NDArray[np.intp], reasons: str
) -> str:
    """Returns what removed all usable rows of a class."""
    where = [which for which in SPLITS if (manifest.split[rows] == SPLITS.index(which)).any()]
    what = (
        f"The class '{name}' has no usable training image in {manifest.listing.root}: "
        f"its usable images, {len(rows)} in all, are in {' and '.join(where)}. "
    ) + (f"Left out: {reasons}. " if reasons else "")
    if (manifest.given[rows] != UNDECIDED).all():
        return f"{what}The data puts them there: move some of them to train"
    if grouping := _grouping(manifest.listing, split):
        fewer = ", or ask for fewer folds" if split.folds is not None else ""
        return f"{what}{_received(split)}. {grouping.smaller}{fewer}"
    if split.folds is not None:
        # Folds separate whatever can be separated, so fewer of them would not help.
        return f"{what}{_received(split)}. Folds need two different images of each class: add some, or remove the class"
    return f"{what}{_received(split)}. Use smaller fractions, or add images to it"


def _without_held_out_images(manifest: Manifest, split: SplitSettings) -> str:
    """Returns why a validation or test set is empty that folds or groups should have filled."""
    images = len(manifest.usable())
    if split.folds is not None and not len(manifest.rows(VALIDATION)):
        pattern = "" if split.group_by is None else f" split.group_by={split.group_by}"
        grouping = _grouping(manifest.listing, split)
        hint = "" if grouping is None else f", or {grouping.smaller[0].lower()}{grouping.smaller[1:]}"
        return (
            "split.folds must be at most the number of images, or groups of them, of a class, or folds would be empty. "
            f"Received: split.folds={split.folds} split.fold={split.fold}{pattern}. Use fewer folds{hint}"
        )
    if grouping := _grouping(manifest.listing, split):
        for name, share in (("validation", split.validation), ("test", split.test)):
            if share and not len(manifest.rows(SPLITS.index(name))):
                return (
                    f"{grouping.setting} must give enough groups for train, validation and test: those of the {images} "
                    f"usable images in {manifest.listing.root} leave none for {name}. {_received(split)}. "
                    f"{grouping.smaller}, or set split.{name}=0"
                )
    return ""


@dataclass(frozen=True)
class _Grouping:
    """What forms groups: the setting, and how to get smaller ones."""

    setting: str
    smaller: str


def _grouping(listing: Listing, split: SplitSettings) -> _Grouping | None:
    if split.group_by is not None:
        return _Grouping("split.group_by", "Choose a pattern that gives smaller groups")
    if listing.groups is not None:
        return _Grouping("dataset.group_column", "Choose a column with smaller groups, or leave it out")
    return None


def _received(split: SplitSettings) -> str:
    """Formats the settings that determine the split as a user would type them."""
    shares = f"split.validation={split.validation:g}"
    if split.folds is not None:
        shares = f"split.folds={split.folds} split.fold={split.fold}"
    groups = f" split.group_by={split.group_by}" if split.group_by is not None else ""
    return f"Received: {shares} split.test={split.test:g}{groups}"
