"""Predictions with a trained network, with the decoder, size and preprocessing of training."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.image_predictor import ImagePredictor, Opinions
from catsdogs_exp.inference.without_rescaling import preprocessing_of, without_rescaling
from catsdogs_exp.insight.graph import FlatNetwork, NoGraph
from catsdogs_exp.insight.penultimate import with_penultimate
from catsdogs_exp.metrics.familiarity import Familiarity
from catsdogs_exp.training.checkpoint.appendix import read_appendix
from catsdogs_exp.training.checkpoint.model_file import load_model
from catsdogs_exp.training.logits import class_probabilities, log_probabilities, logits_of


class HasNetwork(Protocol):
    """A run, or a network's file without a run."""

    @property
    def network(self) -> Path:
        """The network's file."""


class Predictor(ImagePredictor):
    """Predicts files with a trained network.

    Args:
        source: a run, for its best network, or a network's file.
        forget_rescaling: whether to replay the course's mistake: pixels 0..255 bypass the network's own rescaling.

    Attributes:
        card: the network's model card.
        appendix: the measurements after training, or None.

    Raises:
        BadInput: if there is no network, or it is damaged.
    """

    def __init__(self, source: HasNetwork, forget_rescaling: bool = False) -> None:
        self._model: keras.Model
        self._model, self.card = load_model(source.network)
        # The appendix was measured with rescaling.
        self.appendix = None if forget_rescaling else read_appendix(source.network)
        known = self.appendix.familiarity if self.appendix else None
        self._familiarity: Familiarity | None = known
        network = without_rescaling(self._model) if forget_rescaling else self._model
        self._ask = _asking(with_penultimate(network) if known else network, self._model.input_shape)

    @property
    def model(self) -> keras.Model:
        """The network."""
        return self._model

    @property
    def rescales(self) -> bool:
        """Returns whether the network contains its preprocessing; also True if this cannot be determined."""
        try:
            return preprocessing_of(FlatNetwork(self._model)) is not None
        except NoGraph:
            return True

    def opinions(self, images: NDArray[np.uint8]) -> Opinions:
        """Predicts uint8 [b, height, width, channels] at the card's target_size.

        Raises:
            BadInput: for other values, such as pixels scaled to 0..1.
        """
        if images.dtype != np.uint8:
            span = f"{images.min():g} to {images.max():g}" if images.size else "none"
            raise BadInput(
                f"images must be uint8 pixels, 0 to 255: the network rescales them itself. Received: {images.dtype} "
                f"values, {span}"
            )
        probabilities, logs, *features = (each.numpy() for each in self._ask(images))
        known = self._familiarity
        return Opinions(probabilities, logs, known.similarity(features[0]) if known is not None else None)


def _asking(
    network: keras.Model, shape: tuple[int | None, ...]
) -> Callable[[NDArray[np.uint8]], tuple[tf.Tensor, ...]]:
    """A function from pixels to probabilities, their logarithms and, with a second output, features."""

    @tf.function(input_signature=(tf.TensorSpec(shape, tf.uint8),))  # type: ignore[untyped-decorator]
    def ask(images: tf.Tensor) -> tuple[tf.Tensor, ...]:
        outputs, *features = keras.tree.flatten(network(tf.cast(images, network.inputs[0].dtype), training=False))
        logits = logits_of(outputs)
        return class_probabilities(logits), log_probabilities(logits), *(tf.cast(each, tf.float32) for each in features)

    return ask  # type: ignore[no-any-return]
