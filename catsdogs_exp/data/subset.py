"""Subsets of the training images for learning curves; smaller subsets are contained in larger ones."""

import hashlib
from dataclasses import replace
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.inspection.findings import find
from catsdogs_exp.data.inspection.policy import CONFLICT, COPY, KEPT_OUT_BY_CHOICE, LEAK
from catsdogs_exp.data.inspection.rules import counts_by_rule
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.sources.listing import TRAIN, UNDECIDED


def subset(manifest: Manifest, fraction: float, max_per_class: int | None, seed: int) -> Manifest:
    """Keeps a fraction of each class's training images, up to a maximum; validation and test are unchanged.

    Images are ranked by a hash of (seed, content), so the subset is the same on any machine. Rejected files are ranked
    along with the images and kept if they come before the last selected image, so the subset looks like a smaller data
    set with the same rate of broken files. All other files are treated as absent.

    Args:
        manifest: all files, with reasons and splits.
        fraction: fraction of each class's training images to keep, > 0 and <= 1; at least one image is kept. If it is
            not a whole number of images, it is rounded so that it holds overall.
        max_per_class: maximum number of training images, or None for no limit.
        seed: seed of the selection.
    """
    if fraction == 1 and max_per_class is None:
        return manifest
    rank = _ranks(manifest, seed)
    train = manifest.split == TRAIN
    # Rejected files have no split; they count as train unless the data gives them another one.
    candidate = train | ((manifest.split == UNDECIDED) & np.isin(manifest.given, (UNDECIDED, TRAIN)))
    kept = ~candidate
    sizes = np.bincount(manifest.listing.labels[train], minlength=len(manifest.classes))
    ties = np.array([_rank(seed, f"class {name}") for name in manifest.classes], dtype=np.uint64)
    for label, count in enumerate(_counts(sizes, fraction, ties).tolist()):
        of_class = candidate & (manifest.listing.labels == label)
        rows = np.flatnonzero(train & of_class)
        if max_per_class is not None:
            count = min(count, max_per_class)  # noqa: PLW2901
        if count >= len(rows):
            kept |= of_class
            continue
        chosen = rows[np.argsort(rank[rows], kind="stable")[:count]]
        kept[chosen] = True
        kept |= of_class & ~train & (rank <= rank[chosen[-1]])
    if kept.all():
        return manifest
    received = [f"dataset.fraction={fraction:g}"] if fraction != 1 else []
    received += [f"dataset.max_per_class={max_per_class}"] if max_per_class is not None else []
    left = int((train & ~kept).sum())
    return _part(
        manifest,
        np.flatnonzero(kept),
        f"{left} of {int(train.sum())} training images, not selected ({' '.join(received)})",
    )


def _counts(sizes: NDArray[np.intp], fraction: float, ties: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Returns the number of images to keep of each class: its share, rounded up in some classes and down in others, so
    that the fraction holds overall; at least one.

    Classes take turns in proportion to their size, always in the same order, so a larger fraction keeps no fewer. The
    turn goes to the class that would be the first to fall an image short of its share, among those not yet ahead of it:
    however different the sizes, each class is within an image of its share (Tijdeman, "The Chairman Assignment
    Problem", 1980).

    Args:
        sizes: images of each class.
        fraction: > 0 and <= 1.
        ties: which of equally large classes is rounded up first, lowest first.
    """
    total = int(sizes.sum())
    counts = [0] * len(sizes)
    order, of_class = ties.tolist(), sizes.tolist()
    # image `j` of a class of `n` may be chosen from (j - 1) / n of all turns on, and must be by j / n
    waiting = [(0.0, label) for label, size in enumerate(of_class) if size]
    ready: list[tuple[float, int, int]] = []
    for number in range(round(fraction * total)):
        now = (number + 0.5) / total
        while waiting and waiting[0][0] <= now:
            _, label = heappop(waiting)
            heappush(ready, ((counts[label] + 1) / of_class[label], order[label], label))
        _, _, label = heappop(ready)
        counts[label] += 1
        if counts[label] < of_class[label]:
            heappush(waiting, (counts[label] / of_class[label], label))
    return np.maximum(np.array(counts, dtype=np.intp), 1)


def _part(manifest: Manifest, rows: NDArray[np.intp], note: str) -> Manifest:
    """Returns the manifest of some rows: reasons and splits are unchanged, findings and counts cover only these
    rows.
    """
    listing = manifest.listing
    verdicts = manifest.verdicts.rows(rows)
    labels, given, reason = listing.labels[rows], manifest.given[rows], verdicts.reason
    compared = (reason == "") | (reason == LEAK) | (reason == COPY) | (reason == CONFLICT)
    return replace(
        manifest,
        listing=replace(
            listing,
            paths=listing.paths[rows],
            labels=labels,
            splits=listing.splits[rows],
            groups=None if listing.groups is None else listing.groups[rows],
            notes=(*listing.notes, note),
        ),
        verdicts=verdicts,
        split=manifest.split[rows],
        given=given,
        findings=find(verdicts, np.flatnonzero(compared), labels, given, manifest.inspection.near_distance),
        counts_by_rule=counts_by_rule(verdicts),
    )


def _ranks(manifest: Manifest, seed: int) -> NDArray[np.uint64]:
    """Returns a random number for each row, uint64 [n], from its content, so that copies stay together.

    Unreadable files are hashed by path, because empty files are all the same.
    """
    verdicts = manifest.verdicts
    keys = (
        digest if not reason or reason in KEPT_OUT_BY_CHOICE else path
        for digest, reason, path in zip(
            verdicts.sha256.tolist(), verdicts.reason.tolist(), manifest.listing.paths.tolist(), strict=True
        )
    )
    return np.array([_rank(seed, key) for key in keys], dtype=np.uint64)


def _rank(seed: int, key: str) -> int:
    """Uses a different hash than the splits; otherwise, the subset would be the images nearest to the validation
    threshold.
    """
    digest = hashlib.blake2b(f"{seed}:{key}".encode(errors="surrogatepass"), digest_size=8, person=b"subset").digest()
    return int.from_bytes(digest, "big")
