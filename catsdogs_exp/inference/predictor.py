"""Predictions with a trained network, with the decoder, size and preprocessing of training."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp.data.images import decoding
from catsdogs_exp.data.images.preparing import read_image
from catsdogs_exp.data.opencv_threads import one_opencv_thread
from catsdogs_exp.data.prefetch import ahead
from catsdogs_exp.inference.without_rescaling import without_rescaling
from catsdogs_exp.training.checkpoint.model_file import ModelCard, load_model
from catsdogs_exp.training.logits import class_probabilities, log_probabilities, logits_of

_BATCH = 32
NO_NUMBER = "the network answers with NaN: its training has diverged"


@dataclass(frozen=True)
class Prediction:
    """The network's prediction for one file.

    Attributes:
        path: the file.
        probabilities: float32 [classes], or None if the file is unreadable.
        error: why, or `""`.
        logs: float32 [classes], natural logarithms of the probabilities, including those too small for float32.
    """

    path: Path
    probabilities: NDArray[np.float32] | None
    error: str = ""
    logs: NDArray[np.float32] | None = None


class Opinions(NamedTuple):
    """The network's predictions for a batch.

    Attributes:
        probabilities: float32 [b, classes].
        logs: float32 [b, classes], their natural logarithms, computed from the logits.
    """

    probabilities: NDArray[np.float32]
    logs: NDArray[np.float32]


class HasNetwork(Protocol):
    """A run, or a network's file on its own."""

    @property
    def network(self) -> Path:
        """The network's file."""


class Predictor:
    """Predicts files with a trained network.

    Args:
        source: a run, for its best network, or the file of one.
        forget_rescaling: replays the course's mistake: pixels 0..255 reach the network without its own rescaling.

    Attributes:
        card: of the network.

    Raises:
        BadInput: if there is no network, or it is damaged.
    """

    def __init__(self, source: HasNetwork, forget_rescaling: bool = False) -> None:
        self.card: ModelCard
        self._model: keras.Model
        self._model, self.card = load_model(source.network)
        self._ask = _asking(self._model, forget_rescaling)

    def predict(self, paths: Sequence[Path]) -> Iterator[Prediction]:
        """Yields a prediction for each file, in order; an unreadable file does not stop the others.

        Threads read the next images while the network works.
        """
        parts = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
        reading = ahead(lambda number: [*map(self._read, parts[number])], range(len(parts)), os.cpu_count() or 1)
        with one_opencv_thread(), closing(reading):
            for part, read in zip(parts, reading, strict=True):
                images = [image for image in read if not isinstance(image, str)]
                rows = zip(*self.opinions(np.stack(images)), strict=True) if images else iter(())
                for path, image in zip(part, read, strict=True):
                    if isinstance(image, str):
                        yield Prediction(path, None, image)
                        continue
                    probabilities, logs = next(rows)
                    if np.isfinite(probabilities).all():
                        yield Prediction(path, probabilities, logs=logs)
                    else:
                        yield Prediction(path, None, NO_NUMBER)

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Predicts uint8 [b, height, width, channels] at the card's target_size; returns float32 [b, classes]."""
        return self.opinions(images).probabilities

    def opinions(self, images: NDArray[np.uint8]) -> Opinions:
        """Predicts uint8 [b, height, width, channels] at the card's target_size."""
        return Opinions(*(each.numpy() for each in self._ask(images)))

    def _read(self, path: Path) -> NDArray[np.uint8] | str:
        """The pixels, or the reason why there are none."""
        try:
            return read_image(path, self.card.preparation)
        except decoding.Undecodable as error:
            return str(error)
        except OSError as error:
            return f"cannot be read: {error.strerror}"


def _asking(model: keras.Model, forget_rescaling: bool) -> Callable[[NDArray[np.uint8]], tuple[tf.Tensor, tf.Tensor]]:
    network = without_rescaling(model) if forget_rescaling else model

    @tf.function(input_signature=(tf.TensorSpec(model.input_shape, tf.uint8),))  # type: ignore[untyped-decorator]
    def ask(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        logits = logits_of(network(tf.cast(images, tf.float32) if forget_rescaling else images, training=False))
        return class_probabilities(logits), log_probabilities(logits)

    return ask  # type: ignore[no-any-return]
