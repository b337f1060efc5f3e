"""Statistics of each channel of a layer over many images: strongest places, averages, samples."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.insight.graph import FlatNetwork, Layer

_SAMPLES = 64  # sampled places per image, for the quantiles


@dataclass(frozen=True)
class ChannelAnswers:
    """Statistics of one layer's channels over n images.

    Attributes:
        maxima: float32 [n, channels], the strongest activation in each image.
        places: int32 [n, channels, 2], row and column of the unit with that activation.
        means: float32 [n, channels], the average over the image.
        samples: float32 [places, channels], activations at random places.
    """

    maxima: NDArray[np.float32]
    places: NDArray[np.int32]
    means: NDArray[np.float32]
    samples: NDArray[np.float32]

    @property
    def dead(self) -> NDArray[np.bool_]:
        """Returns which channels have constant activations: bool [channels]."""
        lowest, highest = self.samples.min(axis=0), np.maximum(self.samples.max(axis=0), self.maxima.max(axis=0))
        return np.asarray(highest - lowest <= 1e-6 * np.maximum(1, np.abs(highest)))


def activations_in_batches(
    network: FlatNetwork, layers: Sequence[Layer], batches: Iterable[NDArray[np.uint8]]
) -> Iterable[list[NDArray[np.float32]]]:
    """Yields the activations of some layers for each batch of images: float32 [b, height, width, channels]."""
    model = keras.Model(network.model.inputs, [layer.output for layer in layers])
    for images in batches:
        found = model.predict_on_batch(images)
        found = found if isinstance(found, list) else [found]
        yield [np.asarray(each, np.float32) for each in found]


def channel_answers(
    network: FlatNetwork, layers: Sequence[Layer], batches: Iterable[NDArray[np.uint8]]
) -> list[ChannelAnswers]:
    """Computes the statistics of some layers' channels batch by batch, without keeping whole activations.

    Args:
        network: the network.
        layers: layers with feature maps, [b, height, width, channels].
        batches: uint8 [b, height, width, 3 or 1].
    """
    rng = np.random.default_rng(0)  # for the places
    found: list[list[tuple[NDArray[Any], ...]]] = [[] for _ in layers]
    for answers in activations_in_batches(network, layers, batches):
        for parts, answer in zip(found, answers, strict=True):
            b, height, width, channels = answer.shape
            flat = answer.reshape(b, height * width, channels)
            places = flat.argmax(axis=1)
            maxima = np.take_along_axis(flat, places[:, None], 1)[:, 0]
            chosen = rng.integers(0, height * width, min(_SAMPLES, height * width))
            samples = flat[:, chosen].reshape(-1, channels)
            rows_columns = np.stack(np.divmod(places, width), axis=-1).astype(np.int32)
            parts.append((maxima, rows_columns, flat.mean(axis=1), samples))
    return [ChannelAnswers(*(np.concatenate(each) for each in zip(*parts, strict=True))) for parts in found]


def strongest_images(answers: ChannelAnswers, channel: int, count: int) -> NDArray[np.intp]:
    """Returns the images that excite a channel most, strongest first; each image counts once, however many places
    excite it.

    Fewer than `count` if the channel responds to fewer: an image in which its activation is at its minimum everywhere
    is uninformative.
    """
    order: NDArray[np.intp] = np.argsort(-answers.maxima[:, channel], kind="stable")[:count]
    excited: NDArray[np.bool_] = answers.maxima[order, channel] > answers.samples[:, channel].min()
    return order[excited]


def middling_images(answers: ChannelAnswers, channel: int, count: int) -> NDArray[np.intp]:
    """Returns images from the middle of a channel's range: around the median of its maximum activations per image."""
    order = np.argsort(-answers.maxima[:, channel], kind="stable")
    start = max(0, len(order) // 2 - count // 2)
    return order[start : start + count]
