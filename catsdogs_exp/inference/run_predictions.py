"""Writes `predictions.csv` for a run of an older version, with its best network."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.labelled_files import check_known
from catsdogs_exp.inference.predictor import Predictor
from catsdogs_exp.metrics.names import KEPT_WHOLE, TOP_K
from catsdogs_exp.platforms import is_file
from catsdogs_exp.record.folder.predictions import NAME, Predictions, write_predictions
from catsdogs_exp.record.folder.run_files import RunFiles, data_root, manifest_rows

_SPLITS = ("validation", "test")


def write_missing_predictions(run: RunFiles, root: Path | None, say: Callable[[str], None]) -> Predictions:
    """Predicts the validation and test images of a run and writes them into its folder.

    Args:
        run: a run without `predictions.csv`.
        root: the current folder of its images; None: the original one.
        say: called with each image that is left out.

    Raises:
        BadInput: if the run has the file already, or none of its images is usable.
    """
    if (run.folder / NAME).exists():
        raise BadInput(f"The run already has {NAME}: {run.folder / NAME}. It is not overwritten; compare uses it")
    rows = _rows(run)
    root = _root_of(run, rows, root)
    check_known(run, (name for _, _, name in rows))
    predictor = Predictor(run)
    classes = predictor.card.classes
    kept, values = [], []
    for row, prediction in zip(rows, predictor.predict([root / path for path, _, _ in rows]), strict=True):
        if prediction.probabilities is None:
            say(f"left out: {prediction.path}: {prediction.error}")
        else:
            kept.append(row)
            values.append(prediction.probabilities)
    if not kept:
        raise BadInput(f"None of the {len(rows)} validation and test images of the run can be read in {root}")
    found = gathered_predictions(classes, kept, np.stack(values))
    write_predictions(run.folder / NAME, found)
    return found


def _root_of(run: RunFiles, rows: Sequence[tuple[str, str, str]], given: Path | None) -> Path:
    """Returns the folder of the images, if it contains any.

    Raises:
        BadInput: if it does not.
    """
    root = given or data_root(run)
    if any(is_file(root / path) for path, _, _ in rows):
        return root
    what = f"none of its {len(rows)} validation and test images"
    if given is not None:
        raise BadInput(f"--data must be the folder of the run's images. Received: {given}, which contains {what}")
    raise BadInput(
        f"The data of the run is no longer at {root}: {what} is there. Name its current location: --predictions --data "
        "PATH"
    )


def gathered_predictions(
    classes: tuple[str, ...], images: Sequence[tuple[str, str, str]], probabilities: NDArray[np.float32]
) -> Predictions:
    """Collects predictions for writing: with many classes, only the largest probabilities.

    Args:
        classes: names.
        images: path, split and class of n images.
        probabilities: float32 [n, classes].
    """
    top = None
    if len(classes) > KEPT_WHOLE:
        top = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP_K].astype(np.int32)
        probabilities = np.take_along_axis(probabilities, top, axis=1)
    paths, splits, labels = zip(*images, strict=True)
    return Predictions(
        classes, paths, splits, np.array([classes.index(label) for label in labels], np.int32), probabilities, top
    )


def _rows(run: RunFiles) -> list[tuple[str, str, str]]:
    """Path, split and class of the validation and test images, validation first."""
    rows = [(row.path, row.split, row.label) for row in manifest_rows(run)]
    found = [row for split in _SPLITS for row in rows if row[1] == split]
    if not found:
        raise BadInput(f"The run has no validation or test images: {run.folder}")
    return found
