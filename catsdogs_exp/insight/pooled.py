"""Average activations: channel means and penultimate features of many images, in one pass through the network."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp.insight.graph import FlatNetwork, Layer
from catsdogs_exp.insight.penultimate import penultimate


@dataclass(frozen=True)
class Pooled:
    """Averages over n images.

    Attributes:
        averages: layer -> float32 [n, channels], the mean of each channel over its positions.
        features: float32 [n, f], the input of the last layer with weights; f is 0 if they were not requested.
    """

    averages: dict[str, NDArray[np.float32]]
    features: NDArray[np.float32]


class PooledActivations:
    """Computes the averages within the network, so that whole activations, a thousand times as large, are never copied.

    Args:
        network: a flat network; each call uses its current weights.
        layers: layers with feature maps, [b, height, width, channels].
        features: whether to compute the penultimate features, too.

    Raises:
        NoGraph: with `features`, for a network without weights.
    """

    def __init__(self, network: FlatNetwork, layers: Sequence[Layer], features: bool = False) -> None:
        self._network, self.layers, self.has_features = network, tuple(layers), features
        outputs = [keras.ops.mean(keras.ops.cast(layer.output, "float32"), axis=(1, 2)) for layer in layers]
        if features:
            outputs.append(keras.ops.cast(penultimate(network.model), "float32"))
        model = keras.Model(network.model.inputs, outputs)

        @tf.function(input_signature=(tf.TensorSpec(model.input_shape, tf.uint8),), autograph=False)  # type: ignore[untyped-decorator]
        def ask(images: tf.Tensor) -> Any:
            return keras.tree.flatten(model(images, training=False))

        self._ask = ask

    def of(self, batches: Iterable[NDArray[np.uint8]]) -> Pooled:
        """Returns the averages for the images of all batches, uint8 [b, height, width, 3 or 1]; at least one batch."""
        self._network.refresh()
        parts = zip(*([part.numpy() for part in self._ask(batch)] for batch in batches), strict=True)
        joined = [np.concatenate(part) for part in parts]
        features = joined.pop() if self.has_features else np.zeros((len(joined[0]), 0), np.float32)
        return Pooled({layer.name: each for layer, each in zip(self.layers, joined, strict=True)}, features)
