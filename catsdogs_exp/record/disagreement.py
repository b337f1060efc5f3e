"""Compares two runs: the settings that differ, the images they disagree on, and which of them is right."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from catsdogs_exp.config.relevance import changes_numbers, is_copy
from catsdogs_exp.errors import BadInput
from catsdogs_exp.record.best_against import differing_images
from catsdogs_exp.record.folder.predictions import Predictions, predictions_of
from catsdogs_exp.record.folder.run_reader import Run

FIRST, SECOND, NEITHER = "first", "second", "neither"


@dataclass(frozen=True)
class DisputedImage:
    """An image that two runs classify differently.

    Attributes:
        path: path as in `manifest.csv`.
        label: the name of its class.
        said: the two runs' predicted classes.
        confidence: their probabilities, 0..1.
        right: which of the two is right: `FIRST`, `SECOND` or `NEITHER`.
    """

    path: str
    label: str
    said: tuple[str, str]
    confidence: tuple[float, float]
    right: str


@dataclass(frozen=True)
class Disagreement:
    """The disagreement between two runs.

    Attributes:
        first, second: the runs.
        settings: each differing setting that can change a run's numbers: key, value of the first, of the second;
            `MISSING` if a run has none.
        split: split of the images: validation.
        images: number of images that both evaluated; 0 if they cannot be compared.
        disputed: images that they classify differently, most confident disagreement first.
        reason: why the images cannot be compared, or `""`.
    """

    first: Run
    second: Run
    settings: tuple[tuple[str, Any, Any], ...]
    split: str
    images: int
    disputed: tuple[DisputedImage, ...]
    reason: str = ""

    def count(self, right: str) -> int:
        """Returns the number of disputed images on which a run is right, or neither is."""
        return sum(each.right == right for each in self.disputed)

    def words(self) -> str:
        """`They disagree on 57 of 1,000 validation images: a is right on 30, b on 20, neither on 7`."""
        if self.reason:
            return f"Their predictions cannot be compared: {self.reason}"
        if not self.disputed:
            return f"They agree on all {self.images:,} {self.split} images"
        neither = f", neither on {self.count(NEITHER):,}" if self.count(NEITHER) else ""
        return (
            f"They disagree on {len(self.disputed):,} of {self.images:,} {self.split} images: {self.first.name} is "
            f"right on {self.count(FIRST):,}, {self.second.name} on {self.count(SECOND):,}{neither}"
        )


def disagreement(first: Run, second: Run, split: str = "validation") -> Disagreement:
    """Returns the settings that differ, and the images that two runs disagree on."""
    configs = [run.config for run in (first, second) if run.config is not None]
    keys = [key for key in dict.fromkeys(key for config in configs for key in config) if changes_numbers(key)]
    pairs = ((key, first.setting(key), second.setting(key)) for key in keys if not is_copy(key, configs))
    settings = tuple(pair for pair in pairs if repr(pair[1]) != repr(pair[2]))
    try:
        mine, its = (predictions_of(run.folder).of_split(split) for run in (first, second))
    except BadInput as error:
        return Disagreement(first, second, settings, split, 0, (), str(error))
    if why := differing_images(first, mine, second, its, split):
        return Disagreement(first, second, settings, split, 0, (), f"{second.name} {why}")
    return Disagreement(first, second, settings, split, len(mine), _disputed(mine, its))


def _disputed(first: Predictions, second: Predictions) -> tuple[DisputedImage, ...]:
    said, its = first.predicted, second.predicted
    sure, as_sure = first.confidence, second.confidence
    places = np.flatnonzero(said != its)
    found = []
    for place in places[np.argsort(-(sure + as_sure)[places], kind="stable")].tolist():
        label = int(first.labels[place])
        right = FIRST if said[place] == label else SECOND if its[place] == label else NEITHER
        found.append(
            DisputedImage(
                first.paths[place],
                first.classes[label],
                (first.classes[said[place]], first.classes[its[place]]),
                (float(sure[place]), float(as_sure[place])),
                right,
            )
        )
    return tuple(found)
