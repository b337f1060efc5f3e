"""The activations of a run's network for any image, at its best epoch or from its newest checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from catsdogs_exp.data.images.preparing import read_image, read_or_reason
from catsdogs_exp.errors import BadInput
from catsdogs_exp.insight.activations import Activations
from catsdogs_exp.insight.graph import FlatNetwork
from catsdogs_exp.insight.layers import choose_layers
from catsdogs_exp.record.folder.run_files import RunFiles
from catsdogs_exp.record.pictures.activation_page import Style, Subject, activation_page, layer_grid
from catsdogs_exp.training.checkpoint.card import ModelCard
from catsdogs_exp.training.checkpoint.model_file import load_model
from catsdogs_exp.training.checkpoint.snapshot_file import newest_snapshot
from catsdogs_exp.training.progress import progress_of
from catsdogs_exp.training.steps import Steps

BEST, LAST = "best", "last"


@dataclass(frozen=True)
class DrawnActivations:
    """The pictures for one image.

    Attributes:
        path: path of the image.
        page: picture of all layers.
        grids: layer name -> picture of that layer.
        error: why there are none, or `""`.
    """

    path: Path
    page: Image.Image | None
    grids: dict[str, Image.Image]
    error: str = ""


def network_of(run: RunFiles, epoch: str) -> tuple[keras.Model, ModelCard, int | None]:
    """A run's network at its best epoch, or from its newest checkpoint, and the number of epochs it was trained for.

    Raises:
        BadInput: if there is none.
    """
    model, card = load_model(run.network)
    if epoch == BEST:
        return model, card, None
    lines: list[str] = []
    snapshot = newest_snapshot(run.folder / "checkpoints" / "last", lines.append)
    if snapshot is None:
        raise BadInput(f"The run has no checkpoint: {run.folder}. Use --epoch best")
    variables = Steps(model).weights()
    like = {name: (tuple(each.shape), np.dtype(each.dtype)) for name, each in variables.items()}
    try:
        arrays = snapshot.arrays(like, unread=snapshot.names)
    except BadInput as error:  # the checkpoint of a head trained on cached features
        raise BadInput(
            f"The newest checkpoint does not contain the whole network: {run.folder}. Use --epoch best"
        ) from error
    for name, array in arrays.items():
        variables[name].assign(array)
    return model, card, len(progress_of(snapshot).history.epochs)


def draw_activations(
    run: RunFiles, images: Sequence[Path], layers: Sequence[str], style: Style, epoch: str = BEST
) -> list[DrawnActivations]:
    """Draws the activations of a run's network for some images.

    Args:
        run: the run.
        images: files.
        layers: `auto`, `all`, or names and patterns.
        style: how to draw them.
        epoch: `best` or `last`.

    Raises:
        BadInput: if the network or a layer is not available.
    """
    model, card, seen = network_of(run, epoch)
    network = FlatNetwork(model)
    activations = Activations(network, choose_layers(network, layers, "--layers"))
    moment = "best epoch" if seen is None else f"after epoch {seen}"
    found = []
    for path in images:
        pixels = read_or_reason(partial(read_image, path, card.preparation))
        if isinstance(pixels, str):
            found.append(DrawnActivations(path, None, {}, pixels))
            continue
        answers = activations.of(pixels[None])
        grids = {layer.layer: layer_grid(layer, 0, style) for layer in answers.layers}
        subject = Subject(pixels, f"{path.name}, {moment}", card.classes)
        found.append(DrawnActivations(path, activation_page(subject, answers, 0, list(grids.values())), grids))
    return found
