"""Saves the best epoch's network, and the state of the run in `result.json`."""

import statistics
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp.record.folder.result import Result
from catsdogs_exp.training.checkpoint.appendix import Appendix, append
from catsdogs_exp.training.checkpoint.background import Background
from catsdogs_exp.training.checkpoint.card import ModelCard
from catsdogs_exp.training.checkpoint.model_file import save_model
from catsdogs_exp.training.progress import EpochResult, History
from catsdogs_exp.training.steps import Steps
from catsdogs_exp.training.variable_values import value_of


@dataclass(frozen=True)
class SavedNetwork:
    """A network and where it is saved.

    Attributes:
        model: the network.
        card: describes it.
        path: path of the file.
    """

    model: keras.Model
    card: ModelCard
    path: Path


class KeepBest:
    """Writes `checkpoints/best.keras` whenever an epoch is the best so far, and the run's state after each epoch.

    Args:
        network: the network, and the file of its best epoch.
        result: the run's state.
        history: the epochs so far.
        background: writes the network, of which there is a copy, while training continues.
        at_once: whether to wait until it is written, as others read the files when an epoch ends.
    """

    def __init__(
        self, network: SavedNetwork, result: Result, history: History, background: Background, at_once: bool = False
    ) -> None:
        self._model, self._network, self._result, self._history = network.model, network, result, history
        self._background, self._at_once = background, at_once
        self._under_way: Future[None] | None = None
        self._values: list[NDArray[Any]] = []  # of the best epoch's variables, if this process trained it

    def on_step(self, epoch: int, step: int, steps: int, steps_object: Steps) -> None:
        """Nothing."""

    def on_epoch(self, result: EpochResult) -> None:
        """Saves the network if it is the best, then the state, so that the state never refers to a missing network."""
        self.wait()
        state = state_of(self._history)
        if not result.is_best:
            self._result.update(**state)
            return
        memory = self._values  # allocating takes longer than copying
        self._values = [
            value_of(variable, memory[place] if memory else None)
            for place, variable in enumerate(self._model.variables)
        ]
        self._under_way = self._background.submit(self._save, state)
        if self._at_once:
            self.wait()

    def _save(self, state: dict[str, Any]) -> None:
        # In this thread, the network has the copied values.
        with tf.device("CPU:0"):
            copied = keras.StatelessScope(
                zip(self._model.variables, self._values, strict=True), initialize_variables=False
            )
        with copied:
            save_model(self._model, self._network.card, self._network.path)
        self._result.update(**state)

    def wait(self) -> None:
        """Waits until the network and the state are written.

        Raises:
            OSError: if it cannot be.
        """
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def bring_back(self) -> None:
        """Restores the best epoch's weights in the network."""
        if not self._values:
            self._model.load_weights(self._network.path)
            return
        for variable, value in zip(self._model.variables, self._values, strict=True):
            variable.assign(value)

    def append(self, appendix: Appendix) -> None:
        """Adds an appendix to the saved network."""
        append(appendix, self._network.path)


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
