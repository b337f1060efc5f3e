"""The activations of a network's convolution and pooling layers (course, lesson 2: "strips")."""

import keras
import numpy as np
from numpy.typing import NDArray

_LAYERS = (keras.layers.Conv2D, keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)


class Activations:
    """Computes the activations of one network's convolution and pooling layers.

    Args:
        model: the network.

    Attributes:
        layers: the layers, in the order of the network.
    """

    def __init__(self, model: keras.Model) -> None:
        self.layers = [layer for layer in model.layers if isinstance(layer, _LAYERS)]
        outputs = [layer.output for layer in self.layers]
        self._outputs = keras.Model(model.inputs, outputs) if outputs else None

    def of(self, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """The activations for some images.

        Args:
            images: uint8 [b, height, width, 3 or 1].

        Returns:
            float32 [b, height, width, channels] for each layer, by its name.
        """
        answers = self._outputs.predict_on_batch(images) if self._outputs else []
        if len(self.layers) == 1 and not isinstance(answers, list):
            answers = [answers]
        return {layer.name: np.asarray(answer) for layer, answer in zip(self.layers, answers, strict=True)}


def standardise(channels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Each channel: zero mean, unit deviation, x 64 + 128, clipped; 128 throughout for a dead channel.

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
