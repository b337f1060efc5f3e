"""What TensorBoard shows of the validation pass: confusion matrix, worst mistakes, precision-recall, F1 per class."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tensorboard.plugins.pr_curve import summary

from catsdogs_exp.config.schema import BoardSettings
from catsdogs_exp.data.open_data import Data
from catsdogs_exp.data.sources.listing import SPLITS, VALIDATION
from catsdogs_exp.metrics.confusion_matrix import f1_scores
from catsdogs_exp.printable import printable
from catsdogs_exp.record.folder.predictions import Predictions, read_predictions
from catsdogs_exp.record.listeners.best_predictions import named, still_there
from catsdogs_exp.record.listeners.recorded_epochs import is_recorded
from catsdogs_exp.record.listeners.tensorboard.event_files import TensorBoard
from catsdogs_exp.record.pictures.confusion_sheet import confusion_sheet
from catsdogs_exp.record.pictures.contact_sheet import contact_sheet, note
from catsdogs_exp.record.pictures.encoding import jpeg_of, png_of
from catsdogs_exp.training.progress import EpochResult
from catsdogs_exp.training.steps import Steps

_THRESHOLDS = 101
_AT_BEST = " at the best epoch"


class JudgementsBoard:
    """Writes what `logging.board` selects.

    Args:
        board: the event files.
        data: of the run.
        settings: what to write, and at which epochs.
        predictions: the run's `predictions.csv`, with those of the best epoch.
    """

    def __init__(self, board: TensorBoard, data: Data, settings: BoardSettings, predictions: Path) -> None:
        self._board, self._data, self._settings, self._file = board, data, settings, predictions
        self._latest: tuple[int, dict[str, bytes]] = (0, {})  # epoch, and PNG by name

    def on_step(self, epoch: int, step: int, steps: int, steps_object: Steps) -> None:
        """Nothing."""

    def on_epoch(self, result: EpochResult) -> None:
        """Writes F1 scores after each epoch, pictures and curves at the recorded ones."""
        recorded = is_recorded(self._settings.every, result.epoch)
        if result.outputs is None or not (recorded or self._settings.per_class):
            return
        found = named(result.outputs, VALIDATION, self._data.manifest)
        if self._settings.per_class:
            scores = zip(found.classes, f1_scores(found.confusion()).tolist(), strict=True)
            self._board.scalars({f"f1/{name}": score for name, score in scores if math.isfinite(score)}, result.epoch)
        if recorded:
            self._show(found, result.outputs.rows, result.epoch, "")

    def best(self, epoch: int) -> None:
        """Writes the same for the best epoch, from `predictions.csv`."""
        if self._settings.every < 0 or not self._file.is_file():
            return
        if self._latest[0] == epoch:
            self._write(_AT_BEST)
            return
        found = read_predictions(self._file, self._data.manifest.classes).of_split(SPLITS[VALIDATION])
        found, rows = still_there(found, self._data.manifest)
        if len(found):
            self._show(found, rows, epoch, _AT_BEST)

    def _show(self, found: Predictions, rows: NDArray[np.intp], epoch: int, when: str) -> None:
        board, settings = self._board, self._settings
        drawn: dict[str, bytes] = {}
        if settings.confusion:
            drawn["confusion matrix"] = png_of(confusion_sheet(found.confusion(), found.classes))
        if settings.mistakes:
            drawn["worst mistakes"] = self._mistakes(found, rows)
        self._latest = (epoch, drawn)
        self._write(when)
        # curves need the probability of every class
        if settings.pr_curves and not when and found.top is None and found.finite.all():
            for column, name in enumerate(found.classes):
                curve = summary.pb(
                    name=f"precision-recall/{printable(name)}",
                    labels=found.labels == column,
                    predictions=np.clip(found.probabilities[:, column], 0, 1),
                    num_thresholds=_THRESHOLDS,
                )
                board.summary(curve.SerializeToString(), epoch)

    def _write(self, when: str) -> None:
        epoch, drawn = self._latest
        for name, picture in drawn.items():
            self._board.image(f"{name}{when}", picture, epoch)

    def _mistakes(self, found: Predictions, rows: NDArray[np.intp]) -> bytes:
        worst = found.mistakes(self._settings.mistakes)
        if not len(worst):
            return png_of(note("no mistakes"))
        captions = []
        for place in worst.tolist():
            said, truth = found.classes[found.predicted[place]], found.classes[found.labels[place]]
            sure = f"{found.confidence[place]:.3f} {printable(said)}, not {printable(truth)}"
            captions.append(f"{printable(Path(found.paths[place]).name)}\n{sure}")
        return jpeg_of(contact_sheet(list(self._data.fetch(rows[worst])), captions))
