"""Findings between files: copies, near copies, copies across splits and with different labels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.inspection.duplicates import clusters, exact_groups, joined, near_pairs
from catsdogs_exp.data.inspection.verdicts import Verdicts
from catsdogs_exp.data.sources.listing import SPLITS, TRAIN, UNDECIDED

Leak = tuple[int, int]
"""The row of a training (or validation) image, and of the held-out image it duplicates."""


@dataclass(frozen=True)
class Findings:
    """What inspection found by comparing files. Rows are those of the listing.

    Attributes:
        exact: int64 [n], equal for equal contents.
        near: int64 [n], equal for equal contents and near duplicates, and everything these connect.
        duplicates: clusters of equal contents, largest first.
        near_duplicates: clusters of near duplicates, with at least two different contents.
        label_conflicts: clusters of equal contents in more than one class.
        leaks: equal contents in two splits given by the data itself.
        near_leaks: near duplicates in two such splits.
    """

    exact: NDArray[np.int64]
    near: NDArray[np.int64]
    duplicates: list[list[int]]
    near_duplicates: list[list[int]]
    label_conflicts: list[list[int]]
    leaks: list[Leak]
    near_leaks: list[Leak]


def find(
    verdicts: Verdicts, rows: NDArray[np.intp], labels: NDArray[np.int32], splits: NDArray[np.int8], near_distance: int
) -> Findings:
    """Compares images with each other.

    Args:
        verdicts: of all n files.
        rows: the usable ones; only these are compared.
        labels: int32 [n].
        splits: int8 [n], as given by the data; `UNDECIDED` rows cannot leak.
        near_distance: bits of the perceptual hash; 0 for exact copies only.
    """
    exact = exact_groups(verdicts.sha256)
    near = exact
    if near_distance and len(rows):
        _, representative = np.unique(exact[rows], return_index=True)  # of several copies, one is compared
        compared = rows[representative]
        first, second = near_pairs(verdicts.perceptual[compared], verdicts.mean[compared], near_distance)
        near = joined(exact, compared[first], compared[second])
    copies = clusters(exact, rows)
    similar = [cluster for cluster in clusters(near, rows) if len(set(exact[cluster].tolist())) > 1]
    return Findings(
        exact=exact,
        near=near,
        duplicates=copies,
        near_duplicates=similar,
        label_conflicts=[cluster for cluster in copies if len(set(labels[cluster].tolist())) > 1],
        leaks=[leak for cluster in copies for leak in _leaks(cluster, splits, exact, exactly=True)],
        near_leaks=[leak for cluster in similar for leak in _leaks(cluster, splits, exact, exactly=False)],
    )


def _leaks(cluster: list[int], splits: NDArray[np.int8], exact: NDArray[np.int64], exactly: bool) -> list[Leak]:
    """Pairs each row of a cluster with the first one in a later split: validation, or preferably test."""
    found = []
    for row in cluster:
        further = [
            other
            for other in cluster
            if splits[other] > splits[row] != UNDECIDED and (exact[other] == exact[row]) == exactly
        ]
        if further:
            found.append((row, max(further, key=lambda other: (splits[other], -other))))
    return found


def given_away(findings: Findings, splits: NDArray[np.int8], rows: NDArray[np.intp]) -> dict[str, tuple[int, int]]:
    """How many of the held-out images are also in train, byte for byte.

    Returns:
        `{"validation": (found in train, all), ...}`, without splits that have none.
    """
    used = np.zeros(len(splits), dtype=bool)
    used[rows] = True
    in_train = findings.exact[used & (splits == TRAIN)]
    counts = {}
    for which, name in enumerate(SPLITS):
        held = findings.exact[used & (splits == which)]
        found = int(np.isin(held, in_train).sum())
        if which != TRAIN and found:
            counts[name] = (found, len(held))
    return counts
