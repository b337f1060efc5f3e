"""Measured once training is over: how far confidence is from accuracy, and what training images look like."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.sources.listing import TRAIN, VALIDATION
from catsdogs_exp.data.turns import taking_turns
from catsdogs_exp.insight.graph import NoGraph
from catsdogs_exp.insight.penultimate import features_of
from catsdogs_exp.metrics.familiarity import Familiarity, familiarity
from catsdogs_exp.metrics.temperature import Calibration, calibrate
from catsdogs_exp.record.folder.predictions import Predictions
from catsdogs_exp.run.network import Setup
from catsdogs_exp.training.checkpoint.appendix import Appendix

_BATCH = 32


def appendix_of(setup: Setup, said: Predictions | None, say: Callable[[str], None]) -> Appendix:
    """The appendix of the network whose weights are in place.

    Args:
        setup: of the run.
        said: its predictions for the validation images, or None.
        say: prints a line.
    """
    return Appendix(None if said is None else _calibration(said), _familiarity(setup, say))


def _calibration(said: Predictions) -> Calibration | None:
    if said.top is not None or not np.isfinite(said.probabilities).all():  # only the largest are kept
        return None
    return calibrate(said.probabilities, said.labels)


def _familiarity(setup: Setup, say: Callable[[str], None]) -> Familiarity | None:
    images = setup.config.logging.familiarity
    if not images or not len(setup.loaders.validation.rows):
        return None
    manifest = setup.data.manifest
    chosen = []
    for split in (TRAIN, VALIDATION):
        rows = manifest.rows(split)
        order = taking_turns(np.asarray(manifest.listing.labels)[rows].astype(np.int32))
        chosen.append(rows[order[:images]])
    if not min(map(len, chosen)):
        return None
    try:
        train, ordinary = (features_of(setup.network.model, _batches(setup, rows)) for rows in chosen)
    except NoGraph as error:
        say(f"images unlike the training images will not be noticed: {error}")
        return None
    return familiarity(train, ordinary)


def _batches(setup: Setup, rows: NDArray[np.intp]) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(rows), _BATCH):
        yield setup.data.fetch(rows[start : start + _BATCH])
