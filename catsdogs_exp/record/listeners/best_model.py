"""Saves the best epoch's network, and the state of the run in `result.json`."""

import statistics
from pathlib import Path
from typing import Any

import keras
from numpy.typing import NDArray

from catsdogs_exp.record.folder.result import Result
from catsdogs_exp.training.checkpoint.appendix import Appendix, append
from catsdogs_exp.training.checkpoint.card import ModelCard
from catsdogs_exp.training.checkpoint.model_file import save_model
from catsdogs_exp.training.progress import EpochResult, History
from catsdogs_exp.training.steps import Steps
from catsdogs_exp.training.variable_values import value_of


class KeepBest:
    """Writes `checkpoints/best.keras` whenever an epoch is the best so far, and the run's state after each epoch."""

    def __init__(self, model: keras.Model, card: ModelCard, path: Path, result: Result, history: History) -> None:
        self._model, self._card, self._path = model, card, path
        self._result, self._history = result, history
        self._weights: list[NDArray[Any]] = []  # of the best epoch, if this process trained it

    def on_step(self, epoch: int, step: int, steps: int, steps_object: Steps) -> None:
        """Nothing."""

    def on_epoch(self, result: EpochResult) -> None:
        """Saves the network if it is the best, then the state, so that the state never refers to a missing network."""
        if result.is_best:
            # Snapshots have this file beside them, and wait in the background until it is on disk.
            save_model(self._model, self._card, self._path, sync=False)
            memory = self._weights
            self._weights = [
                value_of(weight, memory[place] if memory else None) for place, weight in enumerate(self._model.weights)
            ]
        self._result.update(**state_of(self._history))

    def bring_back(self) -> None:
        """Restores the best epoch's weights in the network."""
        if not self._weights:
            self._model.load_weights(self._path)
            return
        for weight, value in zip(self._model.weights, self._weights, strict=True):
            weight.assign(value)

    def append(self, appendix: Appendix) -> None:
        """Adds an appendix to the saved network."""
        append(appendix, self._path)


def state_of(history: History) -> dict[str, Any]:
    """The content of `result.json` for the finished epochs."""
    if not history.epochs:
        return {
            "epochs": 0,
            "seconds": 0.0,
            "images_per_second": None,
            "waiting": None,
            "objective": None,
            "metrics": {},
        }
    best = history.best
    return {
        "epochs": len(history.epochs),
        "seconds": round(history.seconds, 3),
        "images_per_second": round(statistics.median(each.images_per_second for each in history.epochs), 1),
        # compilation is in the first epoch
        "waiting": round(statistics.median(each.waiting for each in history.epochs[1:] or history.epochs), 3),
        "objective": {"name": history.monitor, "value": best.value(history.monitor), "epoch": best.epoch},
        "metrics": {"train": best.train} | ({"val": best.val} if best.val else {}),
    }
