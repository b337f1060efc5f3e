"""Label suspects: images ranked by how confidently a network disagrees (Northcutt, Jiang and Chuang, 2021)."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.sources.listing import SPLITS
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.predictor import Predictor
from catsdogs_exp.natural_sort import natural_key
from catsdogs_exp.record.folder.fold_runs import FoldRuns
from catsdogs_exp.record.folder.run_files import RunFiles, split_files


@dataclass(frozen=True)
class ScoredLabels:
    """Images and their predictions, as columns of equal length n, in manifest order.

    Attributes:
        classes: names; labels are indices into them.
        paths: as in the manifest.
        files: their locations.
        splits: in which each was used; for folds `validation` or `test`.
        labels: int32 [n].
        probabilities: float64 [n, classes].
        by_run: for each run, the paths it scored.
        unread: files that can no longer be read.
    """

    classes: tuple[str, ...]
    paths: list[str]
    files: list[Path]
    splits: list[str]
    labels: NDArray[np.int32]
    probabilities: NDArray[np.float64]
    by_run: list[set[str]]
    unread: list[str]

    def suspicion(self) -> NDArray[np.float64]:
        """See `suspicion`: float64 [n]."""
        return suspicion(self.probabilities, self.labels)

    def ranking(self) -> NDArray[np.intp]:
        """The images, most suspicious first; ties in manifest order."""
        return np.argsort(-self.suspicion(), kind="stable")


def suspicion(probabilities: NDArray[np.float64], labels: NDArray[np.int32]) -> NDArray[np.float64]:
    """How confidently a network disagrees with labels: one minus the normalized margin of confident learning.

    Args:
        probabilities: float [n, classes].
        labels: int32 [n].

    Returns:
        float64 [n], (1 + p of the most likely other class - p of the label) / 2: 0 if it is sure of the label, 1 if it
        is sure of another class, above 0.5 if it predicts another class. With two classes this is the probability of
        the other one.
    """
    rows = np.arange(len(labels))
    own = probabilities[rows, labels].astype(np.float64)
    others = probabilities.astype(np.float64)
    others[rows, labels] = -np.inf
    scores: NDArray[np.float64] = (1 + others.max(axis=1) - own) / 2
    return scores.clip(0, 1)


def mislabelled(probabilities: NDArray[np.float64], labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which labels count as wrong by confident learning: the off-diagonal of its confident joint.

    An image is counted if the network predicts another class and is at least as sure of it as it is, on average, of the
    images with that label. This adapts to how confident the network is in general.

    Args:
        probabilities: float [n, classes].
        labels: int32 [n].

    Returns:
        bool [n].
    """
    usual = np.full(probabilities.shape[1], np.inf)
    for label in np.unique(labels).tolist():
        usual[label] = probabilities[labels == label, label].mean()
    sure = np.where(probabilities >= usual, probabilities, -1.0)
    wrong: NDArray[np.bool_] = suspicion(probabilities, labels) > 0.5
    wrong &= (sure.max(axis=1) >= 0) & (sure.argmax(axis=1) != labels)
    return wrong


def score_labels(judges: FoldRuns, splits: Sequence[str], progress: Callable[[str, int, int], None]) -> ScoredLabels:
    """Scores the images of some splits with the networks.

    Folds score their own validation images, so every image is scored by the network that was not trained on it; for
    test images, which no fold was trained on, the mean of all folds is used.

    Args:
        judges: the networks.
        splits: names; those that a run does not have are skipped.
        progress: called with the current task, the number done, and the total.

    Raises:
        BadInput: for a damaged run, no images, or folds with different files.
    """
    sums: dict[str, NDArray[np.float64]] = {}
    times: dict[str, int] = {}
    about: dict[str, tuple[Path, str, str]] = {}  # path -> file, class, split
    by_run: list[set[str]] = []
    unread: dict[str, None] = {}
    orders = [_rows(run) for run in judges.runs]
    # With dataset.fraction, folds train on different images; each image is still in one fold's validation set.
    used = {path for rows in orders for path, split in rows if split}
    judged = {path for rows in orders for path, split in rows if split not in ("", "train")}
    tests = [{path for path, split in rows if split == "test"} for rows in orders]
    if judges.out_of_fold and (used != judged or any(paths != tests[0] for paths in tests)):
        raise BadInput(f"The folds were run on different files: {judges.folder}. Run them again on the same data.")
    work = [_images(run, rows, splits) for run, rows in zip(judges.runs, orders, strict=True)]
    total, done = sum(map(len, work)), 0
    if not total:
        raise BadInput(
            f"--split must name a split that the run has. Received: {', '.join(splits)}. There are no images."
        )
    classes: tuple[str, ...] = ()
    for run, images in zip(judges.runs, work, strict=True):
        predictor = Predictor(run)
        classes = predictor.card.classes
        by_run.append(set())
        predictions = predictor.predict([file for _, file, _, _ in images])
        for (path, file, name, split), prediction in zip(images, predictions, strict=True):
            done += 1
            progress("judging", done, total)
            if prediction.probabilities is None:
                unread[f"{file}: {prediction.error}"] = None
                continue
            if name not in classes:
                raise BadInput(f"The network does not know the class '{name}' of its manifest: {run.folder}")
            sums[path] = sums.get(path, np.zeros(len(classes))) + prediction.probabilities
            times[path] = times.get(path, 0) + 1
            about[path] = file, name, split
            by_run[-1].add(path)
    if judges.out_of_fold and any(times[path] > 1 for path in times if about[path][2] == "validation"):
        raise BadInput(f"The folds overlap: {judges.folder}. Run them again on the same data.")
    if not times:
        raise BadInput(f"None of the {total} files can be read: {next(iter(unread))}")
    paths = sorted(times, key=natural_key)  # the manifests' order
    return ScoredLabels(
        classes=classes,
        paths=paths,
        files=[about[path][0] for path in paths],
        splits=[about[path][2] for path in paths],
        labels=np.array([classes.index(about[path][1]) for path in paths], dtype=np.int32),
        probabilities=np.stack([sums[path] / times[path] for path in paths]),
        by_run=by_run,
        unread=list(unread),
    )


def _rows(run: RunFiles) -> list[tuple[str, str]]:
    """Path and split of every row of a run's manifest."""
    path = run.folder / "manifest.csv"
    try:
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as handle:
            return [(row["path"], row["split"]) for row in csv.DictReader(handle)]
    except (OSError, KeyError, ValueError, csv.Error) as error:
        raise BadInput(f"The manifest of the run cannot be read: {path}: {error}") from error


def _images(run: RunFiles, rows: list[tuple[str, str]], splits: Sequence[str]) -> list[tuple[str, Path, str, str]]:
    """Path, file, class and split of the images of some splits."""
    found = []
    for split in SPLITS:
        mine = [path for path, where in rows if where == split]
        if split in splits and mine:
            files = split_files(run, split)
            found += [(path, file, name, split) for path, (file, name) in zip(mine, files, strict=True)]
    return found
