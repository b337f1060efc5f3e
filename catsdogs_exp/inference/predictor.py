"""Predictions with a trained network, with the decoder, size and preprocessing of training."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, Protocol

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp.data.images.preparing import read_image, read_or_reason
from catsdogs_exp.data.opencv_threads import one_opencv_thread
from catsdogs_exp.data.prefetch import ahead
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.without_rescaling import preprocessing_of, without_rescaling
from catsdogs_exp.insight.graph import FlatNetwork, NoGraph
from catsdogs_exp.insight.penultimate import with_penultimate
from catsdogs_exp.metrics.familiarity import Familiarity
from catsdogs_exp.training.checkpoint.appendix import read_appendix
from catsdogs_exp.training.checkpoint.model_file import ModelCard, load_model
from catsdogs_exp.training.logits import class_probabilities, log_probabilities, logits_of

_BATCH = 32
_READ = 8  # images per thread at a time: large photos take long
SCALED = (
    "its values are at most 1 of 255, as if it had been scaled to 0..1 before it was saved; the network takes 0..255 "
    "and rescales them itself"
)
NO_NUMBER = "the network answers with NaN: its training has diverged"


@dataclass(frozen=True)
class Prediction:
    """The network's prediction for one file.

    Attributes:
        path: the file.
        probabilities: float32 [classes], or None if the file is unreadable.
        error: why, or `""`.
        logs: float32 [classes], natural logarithms of the probabilities, including those too small for float32.
        similarity: to the training images, -1..1; None if the network's file does not describe them.
        warning: what is odd about the image, or `""`.
    """

    path: Path
    probabilities: NDArray[np.float32] | None
    error: str = ""
    logs: NDArray[np.float32] | None = None
    similarity: float | None = None
    warning: str = ""


class Opinions(NamedTuple):
    """The network's predictions for a batch.

    Attributes:
        probabilities: float32 [b, classes].
        logs: float32 [b, classes], their natural logarithms, computed from the logits.
        similarity: float64 [b], to the training images; None if the network's file does not describe them.
    """

    probabilities: NDArray[np.float32]
    logs: NDArray[np.float32]
    similarity: NDArray[np.float64] | None = None


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
        appendix: what was measured after its training, or None.

    Raises:
        BadInput: if there is no network, or it is damaged.
    """

    def __init__(self, source: HasNetwork, forget_rescaling: bool = False) -> None:
        self.card: ModelCard
        self._model: keras.Model
        self._model, self.card = load_model(source.network)
        # What the appendix says was measured with rescaling.
        self.appendix = None if forget_rescaling else read_appendix(source.network)
        known = self.appendix.familiarity if self.appendix else None
        self._familiarity: Familiarity | None = known
        network = without_rescaling(self._model) if forget_rescaling else self._model
        self._ask = _asking(with_penultimate(network) if known else network, self._model.input_shape)

    @property
    def model(self) -> keras.Model:
        """The network."""
        return self._model

    def predict(self, paths: Sequence[Path]) -> Iterator[Prediction]:
        """Yields a prediction for each file, in order; an unreadable file does not stop the others.

        Threads read the next images while the network works.
        """
        parts = [paths[start : start + _READ] for start in range(0, len(paths), _READ)]
        reading = ahead(lambda number: [*map(self._read, parts[number])], range(len(parts)), os.cpu_count() or 1)
        with one_opencv_thread(), closing(reading):
            every = chain.from_iterable(reading)
            for start in range(0, len(paths), _BATCH):
                part = paths[start : start + _BATCH]
                read = list(islice(every, len(part)))
                images = [image for image in read if not isinstance(image, str)]
                rows = self._rows(images)
                for path, image in zip(part, read, strict=True):
                    if isinstance(image, str):
                        yield Prediction(path, None, image)
                        continue
                    probabilities, logs, similarity = next(rows)
                    if np.isfinite(probabilities).all():
                        warning = SCALED if image.max() <= 1 else ""
                        yield Prediction(path, probabilities, logs=logs, similarity=similarity, warning=warning)
                    else:
                        yield Prediction(path, None, NO_NUMBER)

    @property
    def rescales(self) -> bool:
        """Whether the network has its preprocessing inside; also true if it cannot be told."""
        try:
            return preprocessing_of(FlatNetwork(self._model)) is not None
        except NoGraph:
            return True

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Predicts uint8 [b, height, width, channels] at the card's target_size; returns float32 [b, classes]."""
        return self.opinions(images).probabilities

    def opinions(self, images: NDArray[np.uint8]) -> Opinions:
        """Predicts uint8 [b, height, width, channels] at the card's target_size.

        Raises:
            BadInput: for other numbers, such as pixels that were scaled to 0..1.
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

    def _rows(
        self, images: Sequence[NDArray[np.uint8]]
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32], float | None]]:
        if not images:
            return iter(())
        said = self.opinions(np.stack(images))
        similarity = [None] * len(images) if said.similarity is None else said.similarity.tolist()
        return zip(said.probabilities, said.logs, similarity, strict=True)

    def _read(self, path: Path) -> NDArray[np.uint8] | str:
        """The pixels, or the reason why there are none."""
        return read_or_reason(lambda: read_image(path, self.card.preparation))


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
