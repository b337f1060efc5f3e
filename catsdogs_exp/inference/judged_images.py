"""The images of a run that say most about its network, each with the place of its evidence (Grad-CAM)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.images.decoding import Undecodable
from catsdogs_exp.data.images.preparing import read_image
from catsdogs_exp.errors import BadInput
from catsdogs_exp.insight.grad_cam import GradCam
from catsdogs_exp.insight.graph import FlatNetwork
from catsdogs_exp.record.folder.predictions import Predictions
from catsdogs_exp.record.folder.run_files import RunFiles
from catsdogs_exp.training.checkpoint.model_file import load_model


@dataclass(frozen=True)
class Evidence:
    """Where a network finds its evidence in an image.

    Attributes:
        image: uint8 [height, width, 3 or 1], as the network takes it.
        heat: float32 [rows, columns], for the class that it says.
    """

    image: NDArray[np.uint8]
    heat: NDArray[np.float32]


def evidence_of(run: RunFiles, root: Path, chosen: Predictions) -> dict[str, Evidence]:
    """The evidence for the predicted class of some images, by path; without those that cannot be read.

    Args:
        run: whose best network is asked.
        root: of the paths.
        chosen: the images and what the network says of them.

    Raises:
        BadInput: when the network cannot be read, or has no layer with maps.
    """
    model, card = load_model(run.network)
    try:
        cam = GradCam(FlatNetwork(model))
    except ValueError as error:
        raise BadInput(str(error)) from error
    paths: list[str] = []
    images, classes = [], []
    for path, label in zip(chosen.paths, chosen.predicted.tolist(), strict=True):
        try:
            images.append(read_image(root / path, card.preparation))
        except (Undecodable, OSError):
            continue
        paths.append(path)
        classes.append(label)
    return evidence_with(cam, paths, np.stack(images), classes) if images else {}


def evidence_with(
    cam: GradCam, paths: Sequence[str], images: NDArray[np.uint8], classes: Sequence[int]
) -> dict[str, Evidence]:
    """The evidence for one class in each of some images, by path.

    Args:
        cam: asks the network.
        paths: one per image.
        images: uint8 [b, height, width, 3 or 1], at the network's input size.
        classes: one index per image.
    """
    maps = cam.of(images, classes)
    return {path: Evidence(image, heat) for path, image, heat in zip(paths, images, maps, strict=True)}
