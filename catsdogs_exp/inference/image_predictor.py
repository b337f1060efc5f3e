"""Predictions for image files, by a network or an exported file. Does not import TensorFlow."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.images.preparing import read_image, read_or_reason
from catsdogs_exp.data.opencv_threads import one_opencv_thread
from catsdogs_exp.data.prefetch import ahead
from catsdogs_exp.training.checkpoint.appendix import Appendix
from catsdogs_exp.training.checkpoint.card import ModelCard

_BATCH = 32
_READ = 8  # images per thread at a time: large photos take time
SCALED = (
    "its values are at most 1 of 255, as if it had been scaled to 0..1 before it was saved; the network takes 0..255 "
    "and rescales them itself"
)
NO_NUMBER = "the network returns NaN: its training has diverged"


@dataclass(frozen=True)
class Prediction:
    """The network's prediction for one file.

    Attributes:
        path: the file.
        probabilities: float32 [classes], or None if the file is unreadable.
        error: why it is unreadable, or `""`.
        logs: float32 [classes], natural logarithms of the probabilities, including those too small for float32.
        similarity: similarity to the training images, -1..1; None if the network's file does not describe them.
        warning: what is unusual about the image, or `""`.
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
        similarity: float64 [b], similarity to the training images; None if the network's file does not describe them.
    """

    probabilities: NDArray[np.float32]
    logs: NDArray[np.float32]
    similarity: NDArray[np.float64] | None = None


class ImagePredictor(ABC):
    """Predicts files.

    Attributes:
        card: the model card.
        appendix: the measurements after training, or None.
    """

    card: ModelCard
    appendix: Appendix | None

    @abstractmethod
    def opinions(self, images: NDArray[np.uint8]) -> Opinions:
        """Predicts uint8 [b, height, width, channels] at the card's target_size."""

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Predicts uint8 [b, height, width, channels] at the card's target_size; returns float32 [b, classes]."""
        return self.opinions(images).probabilities

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

    def _rows(
        self, images: Sequence[NDArray[np.uint8]]
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32], float | None]]:
        if not images:
            return iter(())
        said = self.opinions(np.stack(images))
        similarity = [None] * len(images) if said.similarity is None else said.similarity.tolist()
        return zip(said.probabilities, said.logs, similarity, strict=True)

    def _read(self, path: Path) -> NDArray[np.uint8] | str:
        """Returns the pixels, or the reason why there are none."""
        return read_or_reason(lambda: read_image(path, self.card.preparation))
