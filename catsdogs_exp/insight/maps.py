"""Activations as plain arrays, and as grey levels for drawing. Does not import TensorFlow."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LayerActivations:
    """The activations of one layer for some images.

    Attributes:
        layer: name of the layer.
        maps: float32 [b, height, width, channels].
    """

    layer: str
    maps: NDArray[np.float32]

    @cached_property
    def dead(self) -> NDArray[np.bool_]:
        """Returns which channels are constant over all places and images: bool [channels]."""
        return np.asarray(np.ptp(self.maps, axis=(0, 1, 2)) <= 1e-12)


@dataclass(frozen=True)
class NetworkActivations:
    """A network's activations and probabilities for some images.

    Attributes:
        layers: activations of the layers, from the input upwards.
        probabilities: float32 [b, classes].
    """

    layers: tuple[LayerActivations, ...]
    probabilities: NDArray[np.float32]


def standardise(channels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Standardises each channel: zero mean, unit deviation, x 64 + 128, clipped; 128 throughout for a dead channel.

    Args:
        channels: [height, width] of one channel, or [height, width, channels].

    Returns:
        uint8 of the same shape.
    """
    centred = channels - channels.mean((0, 1), dtype=np.float64)
    deviation = centred.std((0, 1))
    alive = deviation > 1e-12
    centred *= np.where(alive, 64 / np.where(alive, deviation, 1), 0)
    centred += 128
    return np.asarray(np.clip(centred, 0, 255, out=centred), dtype=np.uint8)


def on_one_scale(channels: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    """Scales all channels together: `low` becomes 0, `high` 255, so that strong channels look stronger than weak ones.

    Args:
        channels: of any shape.
        low, high: the ends of the scale; if they are equal, everything is 128.

    Returns:
        uint8 of the same shape.
    """
    if not high > low:
        return np.full(channels.shape, 128, np.uint8)
    return np.asarray(np.clip((channels - low) * (255 / (high - low)), 0, 255), dtype=np.uint8)


def shrunk(maps: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """Shrinks maps to at most `most` rows and columns: means over blocks of 2 x 2, 3 x 3, ... places.

    Args:
        maps: float32 [b, height, width, channels].
        most: maximum longer side of the result.
    """
    height, width = maps.shape[1:3]
    block = max(1, -(-max(height, width) // most))
    if block == 1:
        return maps
    tall, wide = min(block, height), min(block, width)  # a strip keeps a row
    rows, columns = height // tall * tall, width // wide * wide
    cut = maps[:, :rows, :columns]
    shape = (len(maps), rows // tall, tall, columns // wide, wide, maps.shape[3])
    return np.asarray(cut.reshape(shape).mean(axis=(2, 4)), np.float32)
