"""Measured once training is over: how far confidence is from accuracy, and what training images look like."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.loaders import Loader
from catsdogs_exp.data.turns import taking_turns
from catsdogs_exp.inference.run_appendix import calibration_of
from catsdogs_exp.insight.graph import NoGraph
from catsdogs_exp.insight.penultimate import penultimate_of
from catsdogs_exp.metrics.familiarity import Familiarity, familiarity
from catsdogs_exp.record.folder.predictions import Predictions
from catsdogs_exp.run.network import Setup
from catsdogs_exp.training.checkpoint.appendix import Appendix
from catsdogs_exp.training.features import FeatureLoader
from catsdogs_exp.training.fit import Stage

_BATCH = 32


def appendix_of(setup: Setup, stage: Stage | None, said: Predictions | None, say: Callable[[str], None]) -> Appendix:
    """The appendix of the network whose weights are in place.

    Args:
        setup: of the run.
        stage: its last one; None if this process trained none.
        said: the network's predictions for the validation images, or None.
        say: prints a line.
    """
    return Appendix(None if said is None else calibration_of(said), _familiarity(setup, stage, say))


def _familiarity(setup: Setup, stage: Stage | None, say: Callable[[str], None]) -> Familiarity | None:
    images = setup.config.logging.familiarity
    loaders = setup.loaders
    if not images or not min(len(loaders.train.rows), len(loaders.validation.rows)):
        return None
    try:
        # A head that was trained on cached features needs no pass through the backbone.
        if stage and isinstance(stage.train, FeatureLoader) and isinstance(stage.validation, FeatureLoader):
            features = penultimate_of(stage.steps.model, np.float32)
            parts: list[Iterator[NDArray[Any]]] = [_cached(feed, images) for feed in (stage.train, stage.validation)]
        else:
            features = penultimate_of(setup.network.model)
            parts = [_pixels(setup, loader, images) for loader in (loaders.train, loaders.validation)]
    except NoGraph as error:
        say(f"images unlike the training images will not be noticed: {error}")
        return None
    return familiarity(*map(features, parts))


def _cached(feed: FeatureLoader, images: int) -> Iterator[NDArray[np.float32]]:
    for start in range(0, min(images, len(feed.rows)), _BATCH):
        chosen = taking_turns(feed.labels)[start : min(start + _BATCH, images)]
        values = np.ascontiguousarray(feed.stored[chosen]).view(np.float32)
        yield values.reshape(len(chosen), *feed.shape)


def _pixels(setup: Setup, loader: Loader, images: int) -> Iterator[NDArray[np.uint8]]:
    rows = loader.rows[taking_turns(loader.labels)[:images]]
    for start in range(0, len(rows), _BATCH):
        yield setup.data.fetch(rows[start : start + _BATCH])
