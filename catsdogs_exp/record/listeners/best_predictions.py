"""Saves the best epoch's predictions for the validation images, and at the end for the test images."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.sources.listing import SPLITS, TEST, VALIDATION
from catsdogs_exp.errors import BadInput
from catsdogs_exp.record.folder.predictions import Predictions, read_predictions, write_predictions
from catsdogs_exp.training.outputs import Outputs
from catsdogs_exp.training.progress import EpochResult
from catsdogs_exp.training.steps import Steps


class KeepPredictions:
    """Writes `predictions.csv` whenever an epoch is the best so far.

    Args:
        path: of the file. An existing one, when a run continues, belongs to its best epoch.
        manifest: the data.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self._path, self._manifest = path, manifest
        self._validation = _earlier(path, manifest.classes)

    @property
    def has_validation(self) -> bool:
        """Whether the best epoch's validation predictions are saved: not if an older version started the run."""
        return self._validation is not None and len(self._validation) > 0

    @property
    def of_validation(self) -> Predictions | None:
        """Returns the best epoch's predictions for the validation images, or None."""
        return self._validation if self.has_validation else None

    def on_step(self, epoch: int, step: int, steps: int, steps_object: Steps) -> None:
        """Nothing."""

    def on_epoch(self, result: EpochResult) -> None:
        """Rewrites the file if the epoch is the best and had validation images."""
        if result.is_best and result.outputs is not None:
            self.validation(result.outputs)

    def validation(self, outputs: Outputs) -> None:
        """Writes the best network's predictions for the validation images."""
        self._validation = named(outputs, VALIDATION, self._manifest)
        write_predictions(self._path, self._validation)

    def test(self, outputs: Outputs) -> None:
        """Adds the best network's predictions for the test images."""
        found = named(outputs, TEST, self._manifest)
        write_predictions(self._path, found if self._validation is None else _together(self._validation, found))


def named(outputs: Outputs, split: int, manifest: Manifest) -> Predictions:
    """Returns the outputs of a pass over a split as predictions, with the names of images and classes."""
    listing = manifest.listing
    return Predictions(
        classes=listing.classes,
        paths=tuple(listing.paths[outputs.rows].tolist()),
        splits=(SPLITS[split],) * len(outputs.rows),
        labels=outputs.labels,
        probabilities=outputs.probabilities,
        top=outputs.top,
    )


def still_there(found: Predictions, manifest: Manifest) -> tuple[Predictions, NDArray[np.intp]]:
    """Returns the predictions for images that a run still uses, and their manifest rows: its data may have changed."""
    rows = manifest.rows_of(found.paths)
    return found.rows(np.flatnonzero(rows >= 0)), rows[rows >= 0]


def _earlier(path: Path, classes: tuple[str, ...]) -> Predictions | None:
    """The validation part of a file, or None if it is missing, damaged, or of other classes: everything can be
    recreated.
    """
    try:
        found = read_predictions(path, classes)
    except (BadInput, FileNotFoundError):
        return None
    return found.of_split(SPLITS[VALIDATION]) if found.classes == classes else None


def _together(first: Predictions, second: Predictions) -> Predictions:
    """Concatenates predictions of the same classes."""
    return Predictions(
        classes=first.classes,
        paths=first.paths + second.paths,
        splits=first.splits + second.splits,
        labels=np.concatenate([first.labels, second.labels]),
        probabilities=np.concatenate([first.probabilities, second.probabilities]),
        top=None if first.top is None or second.top is None else np.concatenate([first.top, second.top]),
    )
