"""Measures what is saved with the best network after training: its calibration, and what training images look like."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.loaders import Loader
from catsdogs_exp.data.turns import taking_turns
from catsdogs_exp.inference.run_appendix import ORDINARY, calibration_of
from catsdogs_exp.insight.graph import NoGraph
from catsdogs_exp.insight.penultimate import penultimate_of
from catsdogs_exp.metrics.familiarity import Familiarity, familiarity
from catsdogs_exp.record.folder.predictions import Predictions
from catsdogs_exp.record.listeners.staircase import StaircaseRecorder
from catsdogs_exp.run.network import Setup
from catsdogs_exp.training.checkpoint.appendix import Appendix
from catsdogs_exp.training.features import FeatureLoader
from catsdogs_exp.training.fit import Stage

_BATCH = 32


@dataclass(frozen=True)
class LastLook:
    """The inputs of the appendix; the network must have the best epoch's weights.

    Attributes:
        setup: of the run.
        stage: the last one; None if this process trained none.
        staircase: has already processed the validation images, or None.
    """

    setup: Setup
    stage: Stage | None
    staircase: StaircaseRecorder | None


def appendix_of(look: LastLook, said: Predictions | None, say: Callable[[str], None]) -> Appendix:
    """Returns the appendix of the network with its current weights.

    Args:
        look: its inputs.
        said: the network's predictions for the validation images, or None.
        say: prints a line.
    """
    return Appendix(None if said is None else calibration_of(said), _familiarity(look, say))


def _familiarity(look: LastLook, say: Callable[[str], None]) -> Familiarity | None:
    setup, stage = look.setup, look.stage
    loaders, images = setup.loaders, setup.config.logging.familiarity
    if not images or not min(len(loaders.train.rows), len(loaders.validation.rows)):
        return None
    try:
        # A head that was trained on cached features needs no pass through the backbone.
        if stage and isinstance(stage.train, FeatureLoader) and isinstance(stage.validation, FeatureLoader):
            features = penultimate_of(stage.steps.model, np.float32)
            return familiarity(features(_cached(stage.train, images)), features(_cached(stage.validation, ORDINARY)))
        train = _pixels(setup, loaders.train, images)
        seen = look.staircase.features if look.staircase else None
        if look.staircase and seen is not None and len(seen) >= min(ORDINARY, len(loaders.validation.rows)):
            return familiarity(look.staircase.pooled.of(train).features, seen[:ORDINARY])
        features = penultimate_of(setup.network.model)
        return familiarity(features(train), features(_pixels(setup, loaders.validation, ORDINARY)))
    except NoGraph as error:
        say(f"images unlike the training images will not be detected: {error}")
        return None


def _cached(feed: FeatureLoader, images: int) -> Iterator[NDArray[np.float32]]:
    for start in range(0, min(images, len(feed.rows)), _BATCH):
        chosen = taking_turns(feed.labels)[start : min(start + _BATCH, images)]
        values = np.ascontiguousarray(feed.stored[chosen]).view(np.float32)
        yield values.reshape(len(chosen), *feed.shape)


def _pixels(setup: Setup, loader: Loader, images: int) -> Iterator[NDArray[np.uint8]]:
    rows = loader.rows[taking_turns(loader.labels)[:images]]
    for start in range(0, len(rows), _BATCH):
        yield setup.data.fetch(rows[start : start + _BATCH])
