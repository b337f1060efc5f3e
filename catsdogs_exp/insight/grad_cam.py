"""Shows where in an image a network finds evidence for a class: Grad-CAM (Selvaraju et al., 2017)."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp.insight.graph import FlatNetwork, Layer, above
from catsdogs_exp.training.logits import class_probabilities, logits_of

_BATCH = 32


def last_spatial_layer(network: FlatNetwork) -> Layer | None:
    """Returns the last layer with spatial output, [b, height, width, channels]; None if there is none."""
    stacks = [layer for layer in network.layers if _has_places(layer)]
    return stacks[-1] if stacks else None


def _has_places(layer: Layer) -> bool:
    shape = tuple(getattr(layer.output, "shape", ()))
    return len(shape) == 4 and shape[1:3] != (1, 1)


class GradCam:
    """Computes Grad-CAM maps at one layer of a network.

    The score of a class is its logit. A network with one sigmoid unit has one logit, that of its second class; the
    score of its first class is the negative of it, so the maps of the two classes show opposite evidence.

    Args:
        network: a flat network; each call uses its current weights.
        layer: a layer with feature maps, [b, height, width, channels]; None: the last one.

    Raises:
        ValueError: if the network has no layer with feature maps, or the layer has none.
    """

    def __init__(self, network: FlatNetwork, layer: Layer | None = None) -> None:
        chosen = last_spatial_layer(network) if layer is None else layer
        if chosen is None or not _has_places(chosen):
            received = f"the layer {layer.name}" if layer else f"the network {network.model.name}, which has none"
            raise ValueError(f"Grad-CAM needs a layer with maps. Received: {received}")
        self.layer = chosen
        self._network = network
        tensors, self._upper = above(network.model, chosen)
        self._lower = keras.Model(network.model.inputs, tensors)
        inputs = [tf.TensorSpec((None, *each.shape[1:]), each.dtype) for each in tensors]
        classes, pixels = tf.TensorSpec((None,), tf.int32), tf.TensorSpec(network.model.inputs[0].shape, tf.uint8)
        self._below = tf.function(self._tensors, input_signature=(pixels,), autograph=False)
        self._answer = tf.function(self._probabilities, input_signature=(inputs,), autograph=False)
        self._gradient = tf.function(self._maps, input_signature=(inputs, classes), autograph=False)

    def of(self, images: NDArray[np.uint8], classes: Sequence[int]) -> NDArray[np.float32]:
        """Computes the maps of some images, each for one class.

        Args:
            images: uint8 [b, height, width, 3 or 1], at the network's input size.
            classes: one index per image.

        Returns:
            float32 [b, rows, columns] of the layer: >= 0, and 0 where nothing supports the class. The unit is that of
            the logits' gradient, so maps are comparable within an image, but not across networks.
        """
        self._network.refresh()
        chosen = np.asarray(classes, np.int32)
        found = [
            self._gradient(self._below(images[start : start + _BATCH]), chosen[start : start + _BATCH]).numpy()
            for start in range(0, len(images), _BATCH)
        ]
        return np.concatenate(found) if found else np.zeros((0, 1, 1), np.float32)

    def of_likeliest(
        self, images: NDArray[np.uint8], count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.intp], NDArray[np.float32]]:
        """Computes the maps of a few images, each for its most probable classes.

        Args:
            images: uint8 [b, height, width, 3 or 1], b >= 1.
            count: classes per image, k; all of them if the network has fewer.

        Returns:
            Probabilities float32 [b, classes], the most probable classes [b, k], and maps float32 [b, k, rows,
            columns].
        """
        self._network.refresh()
        tensors = self._below(images)
        said = self._answer(tensors).numpy()
        likeliest = np.argsort(-said, axis=1, kind="stable")[:, :count]
        columns = likeliest.astype(np.int32).T
        return said, likeliest, np.stack([self._gradient(tensors, column).numpy() for column in columns], axis=1)

    def _tensors(self, images: tf.Tensor) -> list[tf.Tensor]:
        """Returns the inputs of the part of the network above the layer."""
        return list(keras.tree.flatten(self._lower([images], training=False)))

    def _probabilities(self, tensors: list[tf.Tensor]) -> tf.Tensor:
        return tf.cast(class_probabilities(logits_of(self._upper(tensors, training=False))), tf.float32)

    def _maps(self, tensors: list[tf.Tensor], classes: tf.Tensor) -> tf.Tensor:
        answer = tensors[0]
        with tf.GradientTape() as tape:
            tape.watch(answer)
            logits = logits_of(self._upper(tensors, training=False))
            if logits.shape[-1] == 1:
                scores = logits[:, 0] * tf.where(classes == 1, 1.0, -1.0)
            else:
                scores = tf.gather(logits, classes, batch_dims=1)
        slope = tf.cast(tape.gradient(scores, answer), tf.float32)
        weights = tf.reduce_mean(slope, axis=(1, 2), keepdims=True)
        return tf.nn.relu(tf.reduce_sum(weights * tf.cast(answer, tf.float32), axis=-1))
