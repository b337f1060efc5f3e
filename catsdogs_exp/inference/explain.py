"""Explains a network's prediction for an image: places, layers, channels, and similar training images."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.errors import BadInput, RunFailed
from catsdogs_exp.inference.image_predictor import NO_NUMBER
from catsdogs_exp.inference.labelled_images import LabelledImages, images_of_split
from catsdogs_exp.inference.predictor import Predictor
from catsdogs_exp.insight.ablation import channel_use
from catsdogs_exp.insight.activations import Activations
from catsdogs_exp.insight.channels import activations_in_batches
from catsdogs_exp.insight.grad_cam import GradCam, last_spatial_layer
from catsdogs_exp.insight.graph import FlatNetwork
from catsdogs_exp.insight.layers import choose_layers
from catsdogs_exp.insight.maps import LayerActivations
from catsdogs_exp.insight.occlusion import occlusion_map
from catsdogs_exp.insight.pooled import Pooled, PooledActivations
from catsdogs_exp.metrics.familiarity import directions
from catsdogs_exp.record.folder.run_files import RunFiles
from catsdogs_exp.training.checkpoint.card import ModelCard

CHANNELS, NEIGHBOURS = 8, 8
_TRAINING_IMAGES = 600
_BATCH = 32


@dataclass(frozen=True)
class UsedChannel:
    """A channel that a prediction relies on.

    Attributes:
        number: its number within the layer, from 0.
        lost: how much the probability of the prediction drops when the channel always outputs its mean, -1..1.
        heat: float32 [rows, columns], its activations for the image.
    """

    number: int
    lost: float
    heat: NDArray[np.float32]


@dataclass(frozen=True)
class Neighbour:
    """A training image that the network finds similar.

    Attributes:
        file: the image.
        label: its class.
        similarity: cosine of the angle between the inputs of the last layer, -1..1.
    """

    file: Path
    label: str
    similarity: float


@dataclass(frozen=True)
class Explanation:
    """What a prediction is based on.

    Attributes:
        image: uint8 [height, width, 3 or 1], prepared for the network.
        probabilities: float32 [classes].
        grad_cam: float32 [rows, columns], >= 0; None for a network without feature maps.
        occlusion: float32 [height, width], -1..1.
        layer: the last layer with feature maps, to which `grad_cam` and `channels` refer; `""` if there is none.
        layers: the activations of the chosen layers.
        channels: the most used ones of `layer`, most used first.
        neighbours: the most similar training images, most similar first.
        compared: number of training images that were compared; 0 if they are not available.
    """

    image: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    grad_cam: NDArray[np.float32] | None
    occlusion: NDArray[np.float32]
    layer: str
    layers: tuple[LayerActivations, ...]
    channels: tuple[UsedChannel, ...]
    neighbours: tuple[Neighbour, ...]
    compared: int

    @property
    def answer(self) -> int:
        """The predicted class."""
        return int(self.probabilities.argmax())


class Explainer:
    """Explains the predictions of a network.

    Args:
        predictor: the network's predictor.
        run: the run it belongs to, for its training images; None for a file without a run.

    Attributes:
        card: the network's model card.
        missing: why there are no training images to compare with, or `""`.

    Raises:
        BadInput: if the network's layers cannot be told apart.
    """

    def __init__(self, predictor: Predictor, run: RunFiles | None) -> None:
        self.card = predictor.card
        self._predict = predictor.probabilities
        self._network = FlatNetwork(predictor.model)
        self._layer = last_spatial_layer(self._network)
        self._cam = None if self._layer is None else GradCam(self._network, self._layer)
        self._activations = Activations(self._network, choose_layers(self._network, "auto", "--layers"))
        self.missing = "" if run else "the network's file does not contain its training images"
        self._known = self._training_images(run, self.card) if run else None
        layers = [] if self._layer is None else [self._layer]
        self._pooled = PooledActivations(self._network, layers, features=True)
        known = self._pooled.of(self._batches()) if self._known else None
        features = np.zeros((1, 1), np.float32) if known is None else known.features
        self._centre = features.mean(axis=0, dtype=np.float64)  # as `Familiarity` does
        self._directions = directions(features - self._centre)
        self._means = self._channel_means(known)

    def explain(self, image: NDArray[np.uint8]) -> Explanation:
        """Explains the prediction for an image, uint8 [height, width, 3 or 1], prepared for the network.

        Raises:
            RunFailed: if the network returns NaN.
        """
        one = image[None]
        answers = self._activations.of(one)
        if not np.isfinite(answers.probabilities).all():
            raise RunFailed(f"There is nothing to explain: {NO_NUMBER}. Train it again with a lower lr")
        label = int(answers.probabilities[0].argmax())
        return Explanation(
            image,
            answers.probabilities[0],
            None if self._cam is None else self._cam.of(one, [label])[0],
            occlusion_map(self._predict, image, label),
            "" if self._layer is None else self._layer.name,
            answers.layers,
            self._used_channels(one, label),
            self._neighbours(one),
            0 if self._known is None else len(self._known.labels),
        )

    def _training_images(self, run: RunFiles, card: ModelCard) -> LabelledImages | None:
        try:
            return images_of_split(run, card, "train", _TRAINING_IMAGES, elsewhere="")
        except BadInput as error:  # moved, or deleted
            self.missing = str(error)
            return None

    def _batches(self) -> Iterator[NDArray[np.uint8]]:
        assert self._known is not None
        pixels = self._known.pixels
        yield from (pixels[at : at + _BATCH] for at in range(0, len(pixels), _BATCH))

    def _channel_means(self, known: Pooled | None) -> NDArray[np.float32] | None:
        """Returns the mean activation of each channel over the training images; 0 without them."""
        if self._layer is None:
            return None
        if known is None:
            return np.zeros(self._layer.output.shape[-1], np.float32)
        return np.asarray(known.averages[self._layer.name].mean(axis=0), np.float32)

    def _used_channels(self, one: NDArray[np.uint8], label: int) -> tuple[UsedChannel, ...]:
        if self._layer is None or self._means is None:
            return ()
        use = channel_use(self._network, self._layer, one, np.array([label], np.int32), self._means)
        lost = use.probability[:, label]
        ((maps,),) = activations_in_batches(self._network, [self._layer], [one])
        order = np.argsort(-lost, kind="stable")[:CHANNELS].tolist()
        return tuple(UsedChannel(number, float(lost[number]), maps[0, ..., number]) for number in order)

    def _neighbours(self, one: NDArray[np.uint8]) -> tuple[Neighbour, ...]:
        if self._known is None:
            return ()
        (similarity,) = directions(self._pooled.of([one]).features - self._centre) @ self._directions.T
        order = np.argsort(-similarity, kind="stable")[:NEIGHBOURS].tolist()
        known = self._known
        return tuple(
            Neighbour(known.files[row], known.classes[known.labels[row]], float(similarity[row])) for row in order
        )
