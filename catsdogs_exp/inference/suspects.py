"""Label suspects: images ranked by how confidently a network disagrees (Northcutt, Jiang and Chuang, 2021)."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

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
    rows = [_rows(run) for run in judges.runs]
    if judges.out_of_fold:
        _check_same_files(judges, rows)
    work = [_images(run, of_run, splits) for run, of_run in zip(judges.runs, rows, strict=True)]
    total, done = sum(map(len, work)), 0
    if not total:
        raise BadInput(
            f"--split must name a split that the run has. Received: {', '.join(splits)}. There are no images."
        )
    sums: dict[str, _Sum] = {}
    by_run: list[set[str]] = []
    unread: dict[str, None] = {}
    classes: tuple[str, ...] = ()
    for run, images in zip(judges.runs, work, strict=True):
        predictor = Predictor(run)
        classes = predictor.card.classes
        by_run.append(set())
        predictions = predictor.predict([image.file for image in images])
        for image, prediction in zip(images, predictions, strict=True):
            done += 1
            progress("judging", done, total)
            if prediction.probabilities is None:
                unread[f"{image.file}: {prediction.error}"] = None
                continue
            if image.label not in classes:
                raise BadInput(f"The network does not know the class '{image.label}' of its manifest: {run.folder}")
            before = sums.get(image.path, _Sum(image, np.zeros(len(classes)), 0))
            sums[image.path] = _Sum(image, before.probabilities + prediction.probabilities, before.networks + 1)
            by_run[-1].add(image.path)
    if judges.out_of_fold and any(each.networks > 1 for each in sums.values() if each.image.split == "validation"):
        raise BadInput(f"The folds overlap: {judges.folder}. Run them again on the same data.")
    if not sums:
        raise BadInput(f"None of the {total} files can be read: {next(iter(unread))}")
    scored = [sums[path] for path in sorted(sums, key=natural_key)]  # the manifests' order
    return ScoredLabels(
        classes=classes,
        paths=[each.image.path for each in scored],
        files=[each.image.file for each in scored],
        splits=[each.image.split for each in scored],
        labels=np.array([classes.index(each.image.label) for each in scored], dtype=np.int32),
        probabilities=np.stack([each.probabilities / each.networks for each in scored]),
        by_run=by_run,
        unread=list(unread),
    )


class _Image(NamedTuple):
    """An image of a run's manifest."""

    path: str
    file: Path
    label: str
    split: str


class _Sum(NamedTuple):
    """The sum of the probabilities, float64 [classes], that some networks gave to one image."""

    image: _Image
    probabilities: NDArray[np.float64]
    networks: int


def _check_same_files(folds: FoldRuns, rows: list[list[tuple[str, str]]]) -> None:
    """Checks that every image is in one fold's validation set, and that all folds have the same test images.

    With dataset.fraction, folds train on different images.
    """
    used = {path for of_run in rows for path, split in of_run if split}
    scored = {path for of_run in rows for path, split in of_run if split not in ("", "train")}
    tests = [{path for path, split in of_run if split == "test"} for of_run in rows]
    if used != scored or any(paths != tests[0] for paths in tests):
        raise BadInput(f"The folds were run on different files: {folds.folder}. Run them again on the same data.")


def _rows(run: RunFiles) -> list[tuple[str, str]]:
    """Path and split of every row of a run's manifest."""
    path = run.folder / "manifest.csv"
    try:
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as handle:
            return [(row["path"], row["split"]) for row in csv.DictReader(handle)]
    except (OSError, KeyError, ValueError, csv.Error) as error:
        raise BadInput(f"The manifest of the run cannot be read: {path}: {error}") from error


def _images(run: RunFiles, rows: list[tuple[str, str]], splits: Sequence[str]) -> list[_Image]:
    """The images of some splits."""
    found = []
    for split in SPLITS:
        mine = [path for path, where in rows if where == split]
        if split in splits and mine:
            files = split_files(run, split)
            found += [_Image(path, file, label, split) for path, (file, label) in zip(mine, files, strict=True)]
    return found
