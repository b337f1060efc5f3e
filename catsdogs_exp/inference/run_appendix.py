"""Adds to the best network of a run what an older version, or `logging=minimal`, left out of its appendix."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.images.decoding import Undecodable
from catsdogs_exp.data.images.preparing import read_image
from catsdogs_exp.data.turns import taking_turns
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.labelled_files import files_of_split
from catsdogs_exp.insight.penultimate import features_of
from catsdogs_exp.metrics.familiarity import Familiarity, familiarity
from catsdogs_exp.metrics.temperature import Calibration, calibrate
from catsdogs_exp.record.folder.predictions import Predictions, predictions_of
from catsdogs_exp.record.folder.run_files import RunFiles
from catsdogs_exp.training.checkpoint.appendix import Appendix, append, read_appendix
from catsdogs_exp.training.checkpoint.card import ModelCard
from catsdogs_exp.training.checkpoint.model_file import load_model

IMAGES = 100
"""Training images whose features are kept."""
ORDINARY = 200
"""Validation images that set the limit, at most."""
_BATCH = 32


def append_to_run(run: RunFiles, root: Path | None) -> Appendix:
    """Measures calibration and familiarity as at the end of training, and adds them to `best.keras`.

    Args:
        run: the run.
        root: the current folder of its images; None: the original one.

    Raises:
        BadInput: if the network's appendix is complete, or the data does not exist.
    """
    model, card = load_model(run.network)
    known = read_appendix(run.network)
    if known is not None and known.familiarity is not None:
        raise BadInput(f"The network already has its appendix: {run.network}. It is kept")
    train, ordinary = (
        features_of(model, _batches(_sample(run, card, split, root)[:count], card))
        for split, count in (("train", IMAGES), ("validation", ORDINARY))
    )
    calibration = known.calibration if known else None
    if calibration is None:
        calibration = calibration_of(predictions_of(run.folder).of_split("validation"))
    found = Appendix(calibration, _familiarity(train, ordinary))
    append(found, run.network, replace=known is not None)
    return found


def calibration_of(said: Predictions) -> Calibration | None:
    """The calibration of a network by its predictions for validation images; None if they do not determine it."""
    if said.top is not None or not np.isfinite(said.probabilities).all():  # only the largest are kept
        return None
    return calibrate(said.probabilities, said.labels)


def _familiarity(train: NDArray[np.float32], ordinary: NDArray[np.float32]) -> Familiarity:
    found = familiarity(train, ordinary)
    if found is None:
        raise BadInput(
            f"--append needs at least 20 training and 20 validation images. Received: {len(train)} and {len(ordinary)}"
        )
    return found


def _sample(run: RunFiles, card: ModelCard, split: str, root: Path | None) -> list[Path]:
    files = files_of_split(run, split, root, "--append --data PATH").files
    order = taking_turns(np.array([card.classes.index(name) for _, name in files], np.int32))
    return [files[place][0] for place in order.tolist()]


def _batches(files: Sequence[Path], card: ModelCard) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(files), _BATCH):
        try:
            yield np.stack([read_image(path, card.preparation) for path in files[start : start + _BATCH]])
        except (Undecodable, OSError) as error:
            raise BadInput(f"An image of the run can no longer be read: {error}") from error
