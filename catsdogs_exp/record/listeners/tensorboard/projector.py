"""TensorBoard's embedding projector: validation images as points, each with its picture and class."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catsdogs_exp.insight.graph import FlatNetwork
from catsdogs_exp.printable import printable
from catsdogs_exp.record.pictures.contact_sheet import as_picture

_SPRITE = 48  # pixels per side; TensorBoard supports sheets up to 8192
_BATCH = 32
_WIDEST = 2048  # maximum values per point: longer ones are averaged in groups
_CONFIG = """embeddings {{
  tensor_name: "{name}"
  tensor_path: "projector/points.tsv"
  metadata_path: "projector/labels.tsv"
  sprite {{
    image_path: "projector/sprite.png"
    single_image_dim: {side}
    single_image_dim: {side}
  }}
}}
"""


@dataclass(frozen=True)
class Points:
    """The images to show.

    Attributes:
        images: uint8 [n, height, width, 3 or 1].
        files, labels, predicted: names for each, [n].
    """

    images: NDArray[np.uint8]
    files: Sequence[str]
    labels: Sequence[str]
    predicted: Sequence[str]


def write_projector(folder: Path, model: keras.Model, points: Points) -> None:
    """Writes the projector's files into an event folder: `projector_config.pbtxt` and `projector/`.

    Args:
        folder: `tensorboard/validation` of a run.
        model: each point is an input of its last layer.
        points: images, at the network's input size.
    """
    network = FlatNetwork(model)
    seen = features(network, points.images)
    inside = folder / "projector"
    inside.mkdir(exist_ok=True)
    np.savetxt(inside / "points.tsv", seen, fmt="%.6g", delimiter="\t")
    with (inside / "labels.tsv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, "excel-tab", quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\n")
        writer.writerow(("label", "predicted", "file"))
        for row in zip(points.labels, points.predicted, points.files, strict=True):
            writer.writerow(map(printable, row))
    _sprite(points.images).save(inside / "sprite.png")
    name = f"input of {network.layers[-1].name}".replace('"', "'").replace("\\", "/")
    (folder / "projector_config.pbtxt").write_text(_CONFIG.format(name=printable(name), side=_SPRITE), encoding="utf-8")


def features(network: FlatNetwork, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Returns the input of the last layer with weights: float32 [n, values]."""
    last = next(layer for layer in reversed(network.layers) if getattr(layer.operation, "weights", None))
    below = keras.Model(network.model.inputs, [last.operation.input])
    parts = [
        np.asarray(keras.tree.flatten(below([images[start : start + _BATCH]], training=False))[0])
        for start in range(0, len(images), _BATCH)
    ]
    found = np.concatenate(parts).astype(np.float32).reshape(len(images), -1)
    if found.shape[1] <= _WIDEST:
        return found
    group = math.ceil(found.shape[1] / _WIDEST)
    starts = np.arange(0, found.shape[1], group)
    return np.asarray(np.add.reduceat(found, starts, axis=1) / group, np.float32)


def _sprite(images: NDArray[np.uint8]) -> Image.Image:
    """Arranges all images in a square sheet, row by row."""
    columns = math.ceil(math.sqrt(len(images)))
    sheet = Image.new("RGB", (columns * _SPRITE, columns * _SPRITE))
    for place, image in enumerate(images):
        small = as_picture(image).resize((_SPRITE, _SPRITE), Image.Resampling.BILINEAR)
        sheet.paste(small, (place % columns * _SPRITE, place // columns * _SPRITE))
    return sheet
