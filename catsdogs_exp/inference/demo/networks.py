"""The networks of a demo: probabilities, evidence maps and activations, for one image at a time."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catsdogs_exp.data.images.preparing import Preparation, image_of
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.demo.atlas_entries import AtlasEntries
from catsdogs_exp.inference.demo.refusal import Refused
from catsdogs_exp.inference.image_predictor import NO_NUMBER
from catsdogs_exp.inference.predictor import Predictor
from catsdogs_exp.insight.activations import Activations
from catsdogs_exp.insight.grad_cam import GradCam
from catsdogs_exp.insight.graph import FlatNetwork
from catsdogs_exp.insight.layers import AUTO, choose_layers
from catsdogs_exp.insight.maps import LayerActivations, standardise
from catsdogs_exp.record.folder.run_files import RunFiles
from catsdogs_exp.record.pictures.activation_page import VIRIDIS
from catsdogs_exp.record.pictures.contact_sheet import as_picture
from catsdogs_exp.record.pictures.heat_overlay import heat_overlay

TILE = 64  # maximum side of a channel's tile in the picture of a layer, in pixels
PER_ROW = 16
_VIEW = 224  # longer side of the shown network input, in pixels


@dataclass(frozen=True)
class ShownLayer:
    """A layer whose activations can be shown: its name, and the height, width and channels of its output."""

    name: str
    height: int
    width: int
    channels: int


class DemoNetwork:
    """The best network of a run.

    Args:
        run: the run.
        name: for users.

    Attributes:
        name: for users.
        classes: names, in the order of the probabilities.
        layers: layers whose activations can be shown; none for a network without a graph.
        explains: whether it has a layer with feature maps for Grad-CAM.
        atlas: the entries of the run's newest atlas.

    Raises:
        BadInput: if the run has no network, or it is damaged.
    """

    def __init__(self, run: RunFiles, name: str) -> None:
        self.name = name
        self._predictor = Predictor(run)
        self.classes = self._predictor.card.classes
        self.atlas = AtlasEntries.of(run)
        self._lock = threading.Lock()  # Keras builds its functions when they are first called
        self._activations: Activations | None = None
        self._cam: GradCam | None = None
        try:
            flat = FlatNetwork(self._predictor.model)
        except BadInput:  # without a graph, there are only probabilities
            self.layers: tuple[ShownLayer, ...] = ()
        else:
            chosen = choose_layers(flat, AUTO, "layers")
            self.layers = tuple(ShownLayer(each.name, *each.output.shape[1:]) for each in chosen)
            self._activations = Activations(flat, chosen)
            try:
                self._cam = GradCam(flat)
            except ValueError:  # no layer with maps
                self._cam = None
        self._seen: tuple[bytes, tuple[LayerActivations, ...]] | None = None

    @property
    def explains(self) -> bool:
        """Returns whether `view` can show the evidence for a class."""
        return self._cam is not None

    @property
    def preparation(self) -> Preparation:
        """Returns how images are prepared."""
        return self._predictor.card.preparation

    def prepare(self, data: bytes) -> NDArray[np.uint8]:
        """Decodes and prepares an image for the network.

        Raises:
            Undecodable: with the reason.
        """
        return image_of(data, self.preparation)

    def predict(self, image: NDArray[np.uint8]) -> dict[str, Any]:
        """Predicts an image at the network's size: class, probability and all probabilities, or an error."""
        probabilities = self._predictor.probabilities(image[None])[0]
        if not np.isfinite(probabilities).all():
            return {"run": self.name, "error": NO_NUMBER}
        best = int(probabilities.argmax())
        return {
            "run": self.name,
            "class": self.classes[best],
            "probability": float(probabilities[best]),
            "probabilities": dict(zip(self.classes, map(float, probabilities), strict=True)),
        }

    def view(self, image: NDArray[np.uint8], label: int | None) -> Image.Image:
        """Returns the network's input, with the evidence for a class (Grad-CAM) if one is given.

        Raises:
            Refused: for a class that does not exist, or a network that cannot be explained.
        """
        if label is not None:
            if not 0 <= label < len(self.classes):
                raise Refused(400, f"class must be 0..{len(self.classes) - 1}. Received: class={label}")
            if self._cam is None:
                raise Refused(400, "This network has no layer with feature maps, which Grad-CAM needs.")
            with self._lock:
                heat = self._cam.of(image[None], [label])[0]
            return heat_overlay(image, heat, _VIEW)
        height, width = image.shape[:2]
        scale = _VIEW / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        return as_picture(image).resize(size, Image.Resampling.BICUBIC)

    def layer(self, image: NDArray[np.uint8], number: int) -> Image.Image:
        """Draws all channels of one of `layers` in rows of `PER_ROW` tiles, each standardised separately."""
        maps = self._maps(image, number)
        height, width, count = maps.shape
        scale = min(1.0, TILE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        sheet = Image.new("P", (PER_ROW * size[0], -(-count // PER_ROW) * size[1]))
        sheet.putpalette(VIRIDIS)
        for channel, pixels in enumerate(np.moveaxis(standardise(maps), -1, 0)):
            tile = Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Image.Resampling.BOX)
            sheet.paste(tile, (channel % PER_ROW * size[0], channel // PER_ROW * size[1]))
        return sheet

    def channel(self, image: NDArray[np.uint8], number: int, channel: int) -> Image.Image:
        """Draws one channel of one of `layers` at full size.

        Raises:
            Refused: if it does not exist.
        """
        maps = self._maps(image, number)
        if not 0 <= channel < maps.shape[-1]:
            raise Refused(400, f"channel must be 0..{maps.shape[-1] - 1}. Received: channel={channel}")
        picture = Image.fromarray(standardise(maps[..., channel]))
        picture.putpalette(VIRIDIS)
        return picture

    def warm_up(self) -> None:
        """Compiles everything, so that the first user need not wait."""
        height, width = self.preparation.target_size
        image = np.zeros((height, width, self.preparation.channels), np.uint8)
        self.predict(image)
        if self.layers:
            self.layer(image, 0)
        self.view(image, 0 if self.explains else None)

    def _maps(self, image: NDArray[np.uint8], number: int) -> NDArray[np.float32]:
        if self._activations is None or not 0 <= number < len(self.layers):
            raise Refused(400, f"layer must be one of {len(self.layers)} layers, from 0. Received: layer={number}")
        key = image.tobytes()
        with self._lock:
            if self._seen is None or self._seen[0] != key:  # a page requests one layer after another
                self._seen = (key, self._activations.of(image[None]).layers)
            return np.asarray(self._seen[1][number].maps[0])


def networks_of(runs: Sequence[RunFiles]) -> list[DemoNetwork]:
    """Opens the networks of some runs, ready to predict, named by their folders.

    Raises:
        BadInput: if a run has no network, or it is damaged.
    """
    folders = [run.folder.resolve() for run in runs]
    same = len({folder.name for folder in folders}) < len(folders)
    networks = [
        DemoNetwork(run, f"{folder.parent.name}/{folder.name}" if same else folder.name)
        for run, folder in zip(runs, folders, strict=True)
    ]
    for network in networks:
        network.warm_up()
    return networks
