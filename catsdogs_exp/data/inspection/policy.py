"""Applies `inspection.*` to the findings: which files are left out, and when the data is rejected."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.config.schema import Inspection
from catsdogs_exp.data.inspection.findings import Findings, find, given_away
from catsdogs_exp.data.inspection.rules import LEFT_OUT, RULES
from catsdogs_exp.data.inspection.verdicts import TOO_LARGE, Verdicts
from catsdogs_exp.data.sources.listing import UNDECIDED, Listing

TOO_SMALL = "too small"
LEAK = "copy of an image in validation or test"
COPY = "copy of another image"
CONFLICT = "same image under two labels"
KEPT_OUT_BY_CHOICE = (*LEFT_OUT.values(), LEAK, COPY, CONFLICT)
"""Reasons of files that are usable images but are left out anyway."""

_SAME = 0.5  # share of the held-out images found in train at which both are considered the same set


@dataclass(frozen=True)
class Decision:
    """The outcome of the policy.

    Attributes:
        reason: strings [n], `""` for images that take part.
        findings: for all usable images that the rule keeps, including those dropped afterwards.
        refusal: one line that says why no run may use the data, or `""`.
    """

    reason: NDArray[np.str_]
    findings: Findings
    refusal: str


def decide(listing: Listing, verdicts: Verdicts, splits: NDArray[np.int8], settings: Inspection) -> Decision:
    """Applies limits, rule and policy.

    Args:
        listing: the files.
        verdicts: one per file.
        splits: int8 [n], as given by the data; `UNDECIDED` where train and validation are split again.
        settings: `inspection`.
    """
    reason = verdicts.reason.copy()
    decodes = reason == ""
    small = np.minimum(verdicts.width, verdicts.height) < settings.min_size
    large = verdicts.width.astype(np.int64) * verdicts.height > settings.max_pixels
    reason[decodes & small] = TOO_SMALL
    reason[decodes & large] = TOO_LARGE
    refusals = []
    if settings.on_bad == "error" and (reason != "").any():
        refusals.append(_refusal_of_bad(listing, reason))
    if settings.rule in LEFT_OUT:
        reason[(reason == "") & ~RULES[settings.rule](verdicts)] = LEFT_OUT[settings.rule]
    rows = np.flatnonzero(reason == "")
    findings = find(verdicts, rows, listing.labels, splits, settings.near_distance)
    if settings.leaks != "warn":
        refusals += _refusals_of_leaks(listing, findings, splits, rows, settings)
    if settings.leaks == "drop":
        reason[[row for row, _ in findings.leaks]] = LEAK
    if settings.duplicates == "drop":
        _drop_copies(reason, findings, listing.labels, splits)
    return Decision(reason, findings, refusals[0] if refusals else "")


def _drop_copies(
    reason: NDArray[np.str_], findings: Findings, labels: NDArray[np.int32], splits: NDArray[np.int8]
) -> None:
    """Keeps the first copy in each split; none if labels differ, since nobody knows which one is right."""
    for cluster in findings.duplicates:
        left = [row for row in cluster if reason[row] == ""]
        if len(set(labels[left].tolist())) > 1:
            reason[left] = CONFLICT
            continue
        seen = set()
        for row in left:
            if splits[row] in seen:
                reason[row] = COPY
            seen.add(splits[row])


def _refusal_of_bad(listing: Listing, reason: NDArray[np.str_]) -> str:
    bad = np.flatnonzero(reason != "")
    counts = ", ".join(f"{count} {what}" for what, count in Counter(reason[bad].tolist()).most_common())
    return (
        f"{len(bad)} of {len(reason)} files in {listing.root} are unusable ({counts}), the first of them "
        f"{listing.paths[bad[0]]}. Received: inspection.on_bad=error. Repair or remove them, or leave them out with "
        "inspection.on_bad=quarantine"
    )


def _refusals_of_leaks(
    listing: Listing, findings: Findings, splits: NDArray[np.int8], rows: NDArray[np.intp], settings: Inspection
) -> list[str]:
    received = f"Received: inspection.leaks={settings.leaks}."
    counts = given_away(findings, splits, rows)
    for name, (found, images) in counts.items():
        if found >= _SAME * images:
            return [
                f"The training set contains {found} of the {images} {name} images in {listing.root}, so a {name} "
                f"accuracy would only measure memorization. {received} Keep the two apart, or set "
                "inspection.leaks=warn to "
                "train on it anyway"
            ]
    if settings.leaks == "error" and findings.leaks:
        row, other = findings.leaks[0]
        return [
            f"{len(findings.leaks)} images in {listing.root} are in two splits, the first {listing.paths[row]} and "
            f"{listing.paths[other]}. {received} Remove one of each pair, or set inspection.leaks=drop"
        ]
    return []


def given_splits(listing: Listing, anew: tuple[int, ...]) -> NDArray[np.int8]:
    """The splits given by the data, except those that are split again: int8 [n]."""
    splits = listing.splits.copy()
    splits[np.isin(splits, anew)] = UNDECIDED
    return splits
