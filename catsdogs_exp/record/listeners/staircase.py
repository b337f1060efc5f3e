"""Records how well each layer separates the classes, and how the last one orders the images: `staircase.csv`,
`staircase.png`, `photo_map.jpg`.
"""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.config.schema import Config
from catsdogs_exp.config.schema.models import CnnModel
from catsdogs_exp.config.schema.transfer import TransferModel
from catsdogs_exp.data.open_data import Data
from catsdogs_exp.data.sources.listing import VALIDATION
from catsdogs_exp.data.turns import taking_turns
from catsdogs_exp.insight.pooled import PooledActivations
from catsdogs_exp.insight.staircase import Step, deep_enough, staircase
from catsdogs_exp.record.folder.predictions import Predictions
from catsdogs_exp.record.listeners.recorded_epochs import is_recorded
from catsdogs_exp.record.photo_map import Photos, write_photo_map
from catsdogs_exp.record.pictures.staircase_plot import draw_staircase
from catsdogs_exp.training.progress import EpochResult
from catsdogs_exp.training.steps import Steps

_FILE = "staircase.csv"
COLUMNS = ("epoch", "layer", "accuracy", "standard_error")
_BATCH = 40
_FEWEST = 8  # images


class StaircaseRecorder:
    """Probes the layers of a network on validation images.

    Args:
        pooled: computes the pooled activations of the network being trained.
        data: of the run.
        config: of the run: how often, on how many images, and which setting would end the network earlier.
        folder: of the run.

    Attributes:
        pooled: as given, for other recorders.
        features: the images' penultimate features, float32 [n, f], with the best epoch's weights; None before.
    """

    def __init__(self, pooled: PooledActivations, data: Data, config: Config, folder: Path) -> None:
        settings = config.logging.probes
        self.pooled = pooled
        self.features: NDArray[np.float32] | None = None
        self._settings, self._folder, self._model = settings, folder, config.model
        rows = data.manifest.rows(VALIDATION)
        labels = np.asarray(data.manifest.listing.labels)[rows].astype(np.int32)
        chosen = taking_turns(labels)[: settings.images]
        counts = np.bincount(labels[chosen], minlength=1)
        chosen = chosen[counts[labels[chosen]] >= 2]  # a class with one image cannot be cross-validated
        self._labels = labels[chosen]
        self._images = data.fetch(rows[chosen]) if len(chosen) else np.zeros((0, 1, 1, 3), np.uint8)
        self._paths = data.manifest.listing.paths[rows[chosen]].tolist()
        self._epochs: dict[int, list[Step]] = {}

    @property
    def can_probe(self) -> bool:
        """Whether there are enough images, and a layer to probe."""
        return bool(self.pooled.layers) and len(self._labels) >= _FEWEST and len(np.unique(self._labels)) >= 2

    def on_step(self, epoch: int, step: int, steps: int, steps_object: Steps) -> None:
        """Nothing."""

    def on_epoch(self, result: EpochResult) -> None:
        """Probes the first epoch and then every `logging.probes.every` epochs."""
        if is_recorded(self._settings.every, result.epoch) and self.can_probe:
            self._epochs[result.epoch] = self._steps()
            self._write([result.epoch])

    def best(self, epoch: int) -> str:
        """Probes the best epoch, whose weights must be loaded, and writes the files.

        Returns:
            `verdict`; `""` if nothing could be probed.
        """
        if not self.can_probe:
            return ""
        self._epochs[epoch] = self._steps()
        self._write(sorted(self._epochs), anew=True)
        chance = float(np.bincount(self._labels).max() / len(self._labels))
        draw_staircase(self._epochs, epoch, chance, self._folder / "staircase.png")
        return verdict(self._epochs[epoch], self._model, chance)

    def take_back(self, epoch: int) -> None:
        """Continues with the epochs recorded up to an epoch, if a run goes on from there; the others are removed.

        A step that belongs to an earlier best epoch alone is none of them: it would not be there had the run been
        trained at one go.
        """
        found: dict[int, list[Step]] = {}
        try:
            with (self._folder / _FILE).open(newline="", encoding="utf-8") as handle:
                for row in csv.DictReader(handle):
                    step = Step(row["layer"], float(row["accuracy"]), float(row["standard_error"]))
                    found.setdefault(int(row["epoch"]), []).append(step)
        except (OSError, ValueError, TypeError, KeyError, csv.Error):
            pass  # no file yet, or a row that a kill has cut off
        names = [layer.name for layer in self.pooled.layers]
        self._epochs = {
            number: steps
            for number, steps in found.items()
            if number <= epoch and is_recorded(self._settings.every, number) and [step.layer for step in steps] == names
        }
        if self._settings.every > 0:
            self._write(sorted(self._epochs), anew=True)

    def map_photos(self, predictions: Predictions) -> None:
        """Writes the photo map of the best epoch, given its predictions for validation images; after `best`."""
        if self.features is not None:
            write_photo_map(self._folder, Photos(self._paths, self._images, self.features), predictions)

    def _write(self, epochs: Sequence[int], anew: bool = False) -> None:
        """Appends some epochs to `staircase.csv`, or writes it anew with these."""
        path = self._folder / _FILE
        begins = anew or not path.exists()
        with path.open("w" if begins else "a", newline="", encoding="utf-8") as handle:
            writer = csv.writer(handle)
            if begins:
                writer.writerow(COLUMNS)
            for number in epochs:
                rows = ((number, s.layer, f"{s.accuracy:.4f}", f"{s.deviation:.4f}") for s in self._epochs[number])
                writer.writerows(rows)

    def _steps(self) -> list[Step]:
        seen = self.pooled.of(self._images[at : at + _BATCH] for at in range(0, len(self._images), _BATCH))
        self.features = seen.features
        return staircase(seen.averages, self._labels)


def verdict(steps: Sequence[Step], model: Any, chance: float) -> str:
    """Returns a line that names the first sufficient layer, and the setting for a network that ends there.

    Args:
        steps: the staircase.
        model: settings of the network.
        chance: the accuracy of always naming the most frequent class.
    """
    enough, last = deep_enough(steps), steps[-1]
    best = max(steps, key=lambda step: step.accuracy)
    if best.accuracy - 2 * best.deviation <= chance:
        return (
            f"linear probes: no layer separates the classes; the best, {best.layer}, reaches {best.accuracy:.3f}, the "
            f"most frequent class alone {chance:.3f} (staircase.png)"
        )
    if enough is last:
        return (
            f"linear probes: no layer below the last one, {last.layer}, reaches its {last.accuracy:.3f} (staircase.png)"
        )
    shorter = _ends_at(enough.layer, model)
    return (
        f"linear probes: {enough.layer} reaches {enough.accuracy:.3f}, the last layer, {last.layer}, "
        f"{last.accuracy:.3f}{f'; try {shorter}' if shorter else ''} (staircase.png)"
    )


def _ends_at(layer: str, model: Any) -> str:
    """Returns the setting for a network that ends with this layer; `""` if there is none."""
    if isinstance(model, TransferModel):
        return f"model.cut={layer}"
    block = re.match(r"block(\d+)_", layer)
    if isinstance(model, CnnModel) and block and int(block[1]) < model.depth:
        return f"depth={block[1]}"
    return ""
